"""Sensitivity at a fixed specificity, and the reverse, at thresholds that are scores: no interpolation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from medcli.checks import check_between
from medcli.metrics.discrimination import one_class_reason
from medcli.metrics.intervals import Interval, effective_size, normal_quantile, wilson
from medcli.quantity import Quantity, beside, quantity, undefined

METHOD = "Wilson, squared with that of the threshold (Zou & Donner 2008)"


def sensitivity_at_specificity(
    targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, specificity: float, level: float
) -> Quantity:
    """Largest sensitivity of a rule `score >= threshold` whose specificity is at least the target.

    The interval knows that the threshold was chosen here: thresholds whose specificity does not differ
    significantly from the target might have been chosen too, and what they would have found is squared and
    added to the error of the sensitivity itself.

    Args:
        targets: 1 or 0, [images], no unknowns.
        scores: Higher means more likely positive.
        clusters: Patient code of each image.
        specificity: The target.

    Returns:
        A quantity with `threshold` (None when only calling nobody reaches the target, or when it is an
        infinite score) and `reached`.

    Reference: Zou & Donner, Statistics in Medicine 2008; 27:1693.
    """
    is_positive, scores = np.asarray(targets) == 1, np.asarray(scores, dtype=float)
    # Mirrored: what is held is that the score is low, what is wanted that it is high.
    return _at_target(
        _Side(scores[is_positive], clusters[is_positive]),
        _Side(scores[~is_positive], clusters[~is_positive]),
        targets=targets,
        clusters=clusters,
        target=specificity,
        level=level,
        held="specificity",
    )


def specificity_at_sensitivity(
    targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, sensitivity: float, level: float
) -> Quantity:
    """Largest specificity of a rule `score >= threshold` whose sensitivity is at least the target.

    Arguments and result as of `sensitivity_at_specificity`; there is always a threshold.
    """
    is_positive, scores = np.asarray(targets) == 1, np.asarray(scores, dtype=float)
    return _at_target(
        _Side(scores[~is_positive], clusters[~is_positive]),
        _Side(scores[is_positive], clusters[is_positive]),
        targets=targets,
        clusters=clusters,
        target=sensitivity,
        level=level,
        held="sensitivity",
    )


@dataclass(frozen=True)
class _Side:
    """Scores of the images of one class, and their patients."""

    scores: np.ndarray
    clusters: np.ndarray

    def share_called(self, thresholds: np.ndarray) -> np.ndarray:
        """Of the images, at each threshold; at last the share that calling nobody calls."""
        shares = 1 - np.searchsorted(np.sort(self.scores), thresholds, side="left") / len(self.scores)
        return np.append(shares, 0.0)


def _at_target(
    wanted: _Side,
    kept: _Side,
    *,
    targets: np.ndarray,
    clusters: np.ndarray,
    target: float,
    level: float,
    held: str,
) -> Quantity:
    """The rate of `wanted` where the rate of `kept` reaches the target."""
    check_between(target, name="the target rate", low=0, high=1)
    own = "sensitivity" if held == "specificity" else "specificity"
    method, n, used = f"{own} at {held} {target:g}, {METHOD}", len(targets), len(np.unique(clusters))
    if not (len(wanted.scores) and len(kept.scores)):
        none = undefined(one_class_reason(targets), method=method, n=n, n_clusters=used)
        return {
            **beside(none, rule="calling at random", estimate=1 - target),
            "threshold": None,
            "reached": None,
        }
    thresholds = np.unique(np.append(wanted.scores, kept.scores))
    rates, reached = wanted.share_called(thresholds), kept.share_called(thresholds)
    if held == "specificity":
        reached = 1 - reached
    else:
        rates = 1 - rates
    best = _first(reached, target) if held == "specificity" else _last(reached, target)
    threshold = float(thresholds[best]) if best < len(thresholds) else None
    ends = _plausible(rates, reached, _size(kept, threshold), target=target, level=level)
    estimate = float(rates[best])
    low, high = wilson(estimate, _size(wanted, threshold), level=level)
    interval = (
        max(0.0, estimate - math.hypot(estimate - low, max(0.0, estimate - ends[0]))),
        min(1.0, estimate + math.hypot(high - estimate, max(0.0, ends[1] - estimate))),
    )
    value = quantity(
        estimate,
        ci=interval,
        level=level,
        method=method + (", clustered" if used < n else ""),
        n=n,
        n_clusters=used,
        flags=[f"only calling nobody reaches {target:g}"] if threshold is None else [],
    )
    is_told = threshold is not None and math.isfinite(threshold)
    facts = {"threshold": threshold if is_told else None, "reached": float(reached[best])}
    return {**beside(value, rule="calling at random", estimate=1 - target), **facts}


def _plausible(
    rates: np.ndarray, reached: np.ndarray, size: float, *, target: float, level: float
) -> Interval:
    """Lowest and highest rate at thresholds whose held rate does not differ from the target (score test)."""
    reach = normal_quantile(level) * math.sqrt(target * (1 - target) / size) + 1e-12
    # The nearest threshold outside stays in: between two scores the truth may lie anywhere.
    inside = np.flatnonzero(np.abs(reached - target) <= reach)
    first, last = (inside[0], inside[-1]) if len(inside) else (_nearest(reached, target),) * 2
    around = rates[max(0, first - 1) : last + 2]
    return float(around.min()), float(around.max())


def _nearest(reached: np.ndarray, target: float) -> int:
    return int(np.abs(reached - target).argmin())


def _size(side: _Side, threshold: float | None) -> float:
    is_called = np.zeros(len(side.scores)) if threshold is None else side.scores >= threshold
    return effective_size(is_called.astype(float), side.clusters)


def _first(reached: np.ndarray, target: float) -> int:
    return int(np.flatnonzero(reached >= target - 1e-12)[0])


def _last(reached: np.ndarray, target: float) -> int:
    return int(np.flatnonzero(reached >= target - 1e-12)[-1])
