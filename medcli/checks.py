"""Checks of arrays and numbers, with messages that repeat what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np


def check_shape(array: np.ndarray, *, name: str, dims: str) -> None:
    """Refuse an array whose number of axes differs from that of `dims`, such as `"images classes"`."""
    expected = dims.split()
    if array.ndim != len(expected):
        raise DataError(f"{name} has shape {list(array.shape)}, it must be [{', '.join(expected)}]")


def check_same_length(**arrays: np.ndarray | list) -> None:
    """Refuse collections of different length, naming each."""
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        seen = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise DataError(f"lengths differ: {seen}")


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
