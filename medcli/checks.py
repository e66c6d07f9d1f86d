"""Checks of arrays and numbers, with messages that repeat what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medcli.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np


def check_shape(array: np.ndarray, *, name: str, dims: str) -> None:
    """Refuse an array whose number of axes differs from that of `dims`, such as `"images classes"`."""
    expected = dims.split()
    if array.ndim != len(expected):
        raise DataError(f"{name} has shape {list(array.shape)}, it must be [{', '.join(expected)}]")


def check_finite(array: np.ndarray, *, name: str) -> None:
    """Refuse NaN and infinity, saying how many and where the first is."""
    import numpy as np

    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        raise DataError(f"{name} holds {len(bad)} values that are not finite, the first at {first}")


def check_between(value: float, *, name: str, low: float, high: float) -> None:
    """Refuse a number outside [low, high]."""
    if not low <= value <= high:
        raise DataError(f"{name} is {value}, it must be between {low} and {high}")


def check_max_rejects(num_rejected: int, *, num_inputs: int, limit: str | None) -> None:
    """Refuse more rejected inputs than `--max-rejects` allows: a number, or a share such as `5%`.

    None sets no limit: the command line then ends with status 3 when anything was rejected.
    """
    if limit is None:
        return
    try:
        allowed = num_inputs * float(limit[:-1]) / 100 if limit.endswith("%") else int(limit)
    except ValueError as error:
        raise UsageError(f"--max-rejects is {limit!r}, it must be a number, or a share such as 5%") from error
    if not num_rejected <= allowed:
        raise DataError(f"{num_rejected} of {num_inputs} inputs were rejected, --max-rejects is {limit}")
