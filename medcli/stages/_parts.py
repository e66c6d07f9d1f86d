"""One part of a job array: which records are its own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from medcli.errors import UsageError
from medcli.progress import Progress

MAX_PARTS = 100_000


@dataclass(frozen=True)
class Share:
    """Part `number` (from 1) of `count`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def range_of(self, num_records: int) -> range:
        """Positions of its records: the parts are contiguous, in order, and differ by one at most."""
        start = num_records * (self.number - 1) // self.count
        return range(start, num_records * self.number // self.count)


def choose_share(
    text: str | None, *, progress: Progress, environment: Mapping[str, str] = os.environ
) -> Share | None:
    """What `--part` says, else what SLURM says of a job array; None is the whole, as `1/1` is.

    Raises:
        UsageError: If it is no `I/N` with I from 1 to N, or the numbers of the array have gaps.
    """
    share = _of_array(environment) if text is None else _parse(text)
    if share is None or share.count == 1:
        return None
    origin = ", by SLURM_ARRAY_TASK_ID" if text is None else ""
    progress.note(f"part {share.number} of {share.count}{origin}; medcli merge joins the parts")
    return share


def _parse(text: str) -> Share:
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
    if not match:
        raise UsageError(f"--part is {text!r}, it must be I/N", hint="for example --part 3/8")
    share = Share(int(match[1]), int(match[2]))
    if not 1 <= share.number <= share.count <= MAX_PARTS:
        raise UsageError(f"--part is {share}, it must be from 1/{share.count} to {share.count}/{share.count}")
    return share


def _of_array(environment: Mapping[str, str]) -> Share | None:
    """Of a SLURM job array; its numbers may start anywhere and go in steps."""
    names = ("ID", "MIN", "MAX", "COUNT")
    values = [environment.get(f"SLURM_ARRAY_TASK_{name}", "") for name in names]
    if not all(re.fullmatch(r"\d{1,9}", value) for value in values):
        return None
    task, first, last, count = (int(value) for value in values)
    step = (last - first) // max(count - 1, 1) or 1
    number, rest = divmod(task - first, step)
    if rest or first + step * (count - 1) != last or not 0 <= number < count <= MAX_PARTS:
        raise UsageError(
            "the numbers of the SLURM array have gaps, so which part this is cannot be told",
            hint="give --part I/N, or --part 1/1 for all records",
        )
    return Share(number + 1, count)
