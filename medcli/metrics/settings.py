"""What all measures of one evaluation are made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """How intervals are made, and at which rates and prevalences.

    Attributes:
        level: Of confidence.
        num_bins: Of the calibration error.
        seed: Of everything that is drawn.
        resamples: Of the patients, for what has no interval in closed form.
        bootstrap: Kind of those intervals: `percentile` or `bca`.
        exact: Clopper and Pearson's interval of shares instead of Wilson's.
        fixed_rate: Specificity that sensitivity is told at, and the reverse; the partial AUC is above it.
        prevalences: Of classes in the population meant, by name.
    """

    level: float
    num_bins: int
    seed: int
    resamples: int
    bootstrap: str = "percentile"
    exact: bool = False
    fixed_rate: float = 0.9
    prevalences: Mapping[str, float] = field(default_factory=dict)
