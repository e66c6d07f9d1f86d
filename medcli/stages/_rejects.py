"""How many rejected inputs are too many: the one home of `--max-rejects`."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from medcli.errors import DataError, UsageError

_LIMIT = re.compile(r"(\d+)|(\d+(?:\.\d+)?)%")


def describe_rejects(rejected: list[dict[str, Any]]) -> str:
    """Counts by reason code, most frequent first, such as `decode/empty 2, table/no-file 1`."""
    counts = Counter(entry["code"] for entry in rejected)
    return ", ".join(f"{code} {count}" for code, count in sorted(counts.items(), key=lambda c: (-c[1], c[0])))


def allowed_rejects(limit: str, *, num_inputs: int) -> int:
    """The number that `--max-rejects N` or `P%` allows.

    Raises:
        UsageError: If it is neither.
    """
    match = _LIMIT.fullmatch(limit.strip())
    if not match or (match[2] and float(match[2]) > 100):
        raise UsageError(f"--max-rejects is {limit!r}, it must be a number such as 5, or a share such as 2%")
    return int(match[1]) if match[1] else int(num_inputs * float(match[2]) / 100)


def check_rejects(rejected: list[dict[str, Any]], *, num_inputs: int, limit: str | None) -> None:
    """Refuse to go on when more inputs were rejected than allowed, or all of them.

    Args:
        rejected: Entries that this stage rejected.
        num_inputs: Kept and rejected ones together.
        limit: Value of --max-rejects; None allows any number (the exit status then says so).

    Raises:
        DataError: With the counts by code.
    """
    allowed = num_inputs if limit is None else allowed_rejects(limit, num_inputs=num_inputs)
    if rejected and len(rejected) == num_inputs:
        raise DataError(f"all {num_inputs} inputs were rejected: {describe_rejects(rejected)}")
    if len(rejected) > allowed:
        raise DataError(
            f"{len(rejected)} of {num_inputs} inputs were rejected ({describe_rejects(rejected)}), "
            f"--max-rejects allows {allowed}"
        )
