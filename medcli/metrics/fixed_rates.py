"""Sensitivity at a fixed specificity, and the reverse, at thresholds that are scores: no interpolation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from medcli.checks import check_between
from medcli.metrics.bootstrap import Ranking, Resamples, ranking
from medcli.metrics.intervals import normal_quantile
from medcli.quantity import Quantity, beside, quantity, undefined

_METHOD = "bootstrap over patients, adjusted (Zhou & Qin 2005)"


def sensitivity_at_specificity(
    targets: np.ndarray,
    scores: np.ndarray,
    clusters: np.ndarray,
    *,
    specificity: float,
    level: float,
    resamples: Resamples,
) -> Quantity:
    """Largest sensitivity of a rule `score >= threshold` whose specificity is at least the target.

    The threshold is chosen again in every resample of patients: the interval knows that it was chosen here.

    Args:
        targets: 1 or 0, [images], no unknowns.
        scores: Higher means more likely positive.
        clusters: Patient code of each image, from 0.
        specificity: The target.
        resamples: Of the patients.

    Returns:
        A quantity with `threshold` (None when only calling nobody reaches the target) and `reached`.

    Reference: Zhou & Qin, Statistics in Medicine 2005; 24:465 (their second interval).
    """
    is_positive = np.asarray(targets) == 1
    order = ranking(targets, scores, clusters)
    value = _at_target(
        order,
        is_positive,
        clusters,
        target=specificity,
        level=level,
        resamples=resamples,
        names=("positive", "negative"),
    )
    threshold = _threshold(np.asarray(scores, dtype=float), is_positive, specificity)
    value["method"] = f"sensitivity at specificity {specificity:g}, {value['method']}"
    return _with_threshold(value, threshold, scores, ~is_positive, below=True, target=specificity)


def specificity_at_sensitivity(
    targets: np.ndarray,
    scores: np.ndarray,
    clusters: np.ndarray,
    *,
    sensitivity: float,
    level: float,
    resamples: Resamples,
) -> Quantity:
    """Largest specificity of a rule `score >= threshold` whose sensitivity is at least the target.

    Arguments and result as of `sensitivity_at_specificity`; there is always a threshold.
    """
    is_positive = np.asarray(targets) == 1
    order = ranking(targets, scores, clusters).mirrored()
    value = _at_target(
        order,
        ~is_positive,
        clusters,
        target=sensitivity,
        level=level,
        resamples=resamples,
        names=("negative", "positive"),
    )
    value["method"] = f"specificity at sensitivity {sensitivity:g}, {value['method']}"
    threshold = None
    if value["estimate"] is not None:
        positives = np.sort(np.asarray(scores, dtype=float)[is_positive])[::-1]
        needed = max(1, math.ceil((sensitivity - 1e-12) * len(positives)))
        threshold = float(positives[needed - 1])
    return _with_threshold(value, threshold, scores, is_positive, below=False, target=sensitivity)


def _at_target(
    order: Ranking,
    is_wanted: np.ndarray,
    clusters: np.ndarray,
    *,
    target: float,
    level: float,
    resamples: Resamples,
    names: Sequence[str],
) -> Quantity:
    from medcli.metrics.resampling_kernels import sensitivities

    check_between(target, name="the target rate", low=0, high=1)
    used = len(np.unique(clusters))
    wanted = int(is_wanted.sum())
    for kind, size in zip(names, (wanted, len(is_wanted) - wanted), strict=True):
        if size == 0:
            reason = f"no {kind} case" if len(is_wanted) else "no known label"
            return undefined(reason, method=_METHOD, n=len(is_wanted), n_clusters=used)
    walk = order.reversed()

    def counts_of(weights: np.ndarray) -> np.ndarray:
        return sensitivities(walk.owners, walk.positive, walk.is_last, weights, target)

    everyone = np.ones((1, resamples.num_clusters), dtype=np.uint8)
    found, _ = counts_of(everyone)[0]
    drawn = resamples.evaluate(counts_of)
    usable = (drawn[:, 0] >= 0) & (drawn[:, 1] > 0)
    # Adding half of z squared successes and failures keeps the interval honest near 0 and 1.
    z = normal_quantile(level)
    extra = z * z * wanted / len(np.unique(clusters[is_wanted]))
    shares = (drawn[usable, 0] + extra / 2) / (drawn[usable, 1] + extra)
    interval, se = None, None
    if len(shares) > max(1, resamples.count / 2):
        se = float((drawn[usable, 0] / drawn[usable, 1]).std(ddof=1))
        half = z * float(shares.std(ddof=1))
        interval = max(0.0, float(shares.mean()) - half), min(1.0, float(shares.mean()) + half)
    value = quantity(
        found / wanted,
        ci=interval,
        level=level,
        se=se,
        method=f"{_METHOD}, {resamples.count} resamples, {int(usable.sum())} defined",
        n=len(is_wanted),
        n_clusters=used,
        reason=None if interval else "too few resamples are defined",
    )
    return beside(value, rule="calling at random", estimate=1 - target)


def _threshold(scores: np.ndarray, is_positive: np.ndarray, specificity: float) -> float | None:
    """Lowest score that calls few enough negatives; None when every score calls too many."""
    negatives = np.sort(scores[~is_positive])[::-1]
    if len(negatives) == 0 or not is_positive.any():
        return None
    allowed = math.floor(len(negatives) - (specificity - 1e-12) * len(negatives))
    usable = scores if allowed >= len(negatives) else scores[scores > negatives[allowed]]
    return float(usable.min()) if len(usable) else None


def _with_threshold(
    value: Quantity,
    threshold: float | None,
    scores: np.ndarray,
    is_held: np.ndarray,
    *,
    below: bool,
    target: float,
) -> Quantity:
    """The threshold, and the rate of the other class there."""
    reached = None
    if value["estimate"] is not None and threshold is None:
        reached = 1.0
        value["flags"] = [*value["flags"], f"only calling nobody reaches {target:g}"]
    elif value["estimate"] is not None:
        held = np.asarray(scores, dtype=float)[is_held]
        reached = float(np.mean(held < threshold if below else held >= threshold))
    return {**value, "threshold": threshold, "reached": reached}
