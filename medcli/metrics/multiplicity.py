"""Several tests at once: p-values that keep the chance of any false claim below the level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values; a test that was not made (None) stays None and does not count.

    Reference: Holm, Scandinavian Journal of Statistics 1979; 6:65.
    """
    made = [number for number, p in enumerate(p_values) if p is not None]
    ordered = sorted(made, key=lambda number: p_values[number] or 0.0)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, number in enumerate(ordered):
        largest = max(largest, min(1.0, (len(made) - rank) * (p_values[number] or 0.0)))
        adjusted[number] = largest
    return adjusted


def false_discovery(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values that bound the expected share of false claims, for looking, not for confirming.

    Reference: Benjamini & Hochberg, Journal of the Royal Statistical Society B 1995; 57:289.
    """
    made = [number for number, p in enumerate(p_values) if p is not None]
    values = np.array([p_values[number] for number in made], dtype=float)
    order = np.argsort(-values)
    scaled = values[order] * len(made) / (len(made) - np.arange(len(made)))
    adjusted: list[float | None] = [None] * len(p_values)
    for number, value in zip(order, np.minimum.accumulate(np.minimum(scaled, 1.0)), strict=True):
        adjusted[made[number]] = float(value)
    return adjusted
