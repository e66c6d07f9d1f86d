"""Loops in machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(signature: str, **options: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator: machine code without the GIL, kept beside its file or in the user's cache if it can."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        try:
            return njit(signature, cache=True, nogil=True, error_model="numpy", **options)(function)
        except RuntimeError:  # numba found no folder to keep it in
            return njit(signature, nogil=True, error_model="numpy", **options)(function)

    return decorate
