"""Precision against recall, and the average precision beside the prevalence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from medcli.metrics.bootstrap import Resamples, describe, logit_bounds, ranking, standard_error
from medcli.metrics.intervals import normal_quantile, student_quantile
from medcli.quantity import Quantity, beside, quantity, undefined


def precision_recall_curve(
    targets: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall, precision and threshold at each score under `score >= threshold`, highest threshold first.

    Args:
        targets: 1 or 0, [images], no unknowns, with a positive.
        scores: Higher means more likely positive.
    """
    found, called, thresholds = _calls(targets, scores)
    return found / found[-1], found / called, thresholds


def average_precision(targets: np.ndarray, scores: np.ndarray) -> float | None:
    """Mean precision over the steps of recall, without interpolation; None without a positive.

    Images of equal score are one step, so their order does not matter.
    """
    found, called, _ = _calls(targets, scores)
    if len(found) == 0 or found[-1] == 0:
        return None
    return float(np.sum(np.diff(found, prepend=0) * found / called) / found[-1])


def trapezoid_precision_area(targets: np.ndarray, scores: np.ndarray) -> float | None:
    """Area with straight lines between points: too high where they are far apart; to compare with others."""
    found, called, _ = _calls(targets, scores)
    if len(found) == 0 or found[-1] == 0:
        return None
    recall, precision = np.append(0, found / found[-1]), np.append(1, found / called)
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))


def davis_goadrich_area(targets: np.ndarray, scores: np.ndarray) -> float | None:
    """Area with the interpolation that thresholds inside a tie would give.

    Between two points false calls grow linearly with true calls; the integral of the precision is closed.

    Reference: Davis & Goadrich, ICML 2006, section 4; Boyd, Eng & Page, ECML 2013.
    """
    found, called, _ = _calls(targets, scores)
    if len(found) == 0 or found[-1] == 0:
        return None
    area, true_before, false_before = 0.0, 0.0, 0.0
    for true_calls, false_calls in zip(found.astype(float), (called - found).astype(float), strict=True):
        step = true_calls - true_before
        if step > 0:
            slope = (false_calls - false_before) / step
            rise, offset = 1 + slope, false_before - slope * true_before
            # Integral of t / (t (1 + slope) + offset) over the true calls.
            part = step / rise
            if abs(offset) > 1e-12:
                ends = (rise * true_calls + offset) / (rise * true_before + offset)
                part -= offset / rise**2 * math.log(ends)
            area += part
        true_before, false_before = true_calls, false_calls
    return area / float(found[-1])


def average_precision_quantity(
    targets: np.ndarray,
    scores: np.ndarray,
    clusters: np.ndarray,
    *,
    level: float,
    resamples: Resamples,
) -> Quantity:
    """Average precision with an interval on the logit scale, beside the prevalence.

    Without repeated patients the standard error is the binomial one at the number of positives (Boyd). With
    repeated patients it is that of resampled patients.

    Args:
        targets: 1 or 0, [images], no unknowns.
        scores: Higher means more likely positive.
        clusters: Patient code of each image, from 0.
        resamples: Of the patients.

    Reference: Boyd, Eng & Page, ECML 2013, section 4.
    """
    method, used = "average precision", len(np.unique(clusters))
    estimate = average_precision(targets, scores)
    if estimate is None:
        reason = "no positive case" if len(targets) else "no known label"
        return undefined(reason, method=method, n=len(targets), n_clusters=used)
    positives = int(np.sum(np.asarray(targets) == 1))
    se: float | None = math.sqrt(estimate * (1 - estimate) / positives)
    reach = normal_quantile(level)
    method += ", logit scale (Boyd 2013)"
    if used < len(targets):
        values = resampled_precision(targets, scores, clusters, resamples)
        se = standard_error(values)
        told = describe(values, kind="logit scale")
        method = f"average precision, {told['method']}"
        reach = precision_reach(targets, clusters, level=level)
    flags = [f"few positives ({positives})"] if positives < 30 else []
    facts: dict[str, Any] = {"method": method, "n": len(targets), "n_clusters": used, "flags": flags}
    value = precision_quantity(estimate, se, reach, level=level, **facts)
    if used < len(targets):
        value |= {"resamples": told["resamples"], "defined": told["defined"]}
    return beside(value, rule="prevalence", estimate=positives / len(targets))


def precision_quantity(
    estimate: float, se: float | None, reach: float, *, level: float, **facts: Any
) -> Quantity:
    """An average precision, or a mean of several, with its interval on the logit scale.

    Args:
        estimate: From 0 to 1.
        se: Its standard error; None or 0 gives no interval, and the reason.
        reach: Standard errors that the interval reaches.
        facts: As of `quantity`.
    """
    interval = None if not se else logit_bounds(estimate, se, z=reach)
    reason = None if interval else "no interval: the average precision is 1, or does not vary"
    return quantity(estimate, ci=interval, level=level, se=se, reason=reason, **facts)


def precision_reach(targets: np.ndarray, clusters: np.ndarray, *, level: float) -> float:
    """Standard errors of resamples that an interval reaches, more where few patients are positive."""
    positives = max(2, len(np.unique(clusters[np.asarray(targets) == 1])))
    return math.sqrt(positives / (positives - 1)) * student_quantile(level, positives)


def resampled_precision(
    targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray, resamples: Resamples
) -> np.ndarray:
    """Average precision of every resample, NaN without a positive; arguments as of the quantity."""
    from medcli.metrics.resampling_kernels import average_precisions

    walk = ranking(targets, scores, clusters).reversed()
    return resamples.evaluate(
        lambda counts: average_precisions(walk.owners, walk.positive, walk.is_last, counts)
    )


def _calls(targets: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positives found and images called at each score, highest first, and the scores."""
    is_positive, scores = np.asarray(targets) == 1, np.asarray(scores, dtype=float)
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(ordered[1:] != ordered[:-1], True) if len(ordered) else np.zeros(0, dtype=bool)
    return np.cumsum(is_positive[order])[last], np.flatnonzero(last) + 1, ordered[last]
