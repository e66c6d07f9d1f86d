"""Curves and densities as short lists, so that figures are drawn from the results alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from medcli.metrics.average_precision import precision_recall_curve
from medcli.metrics.bootstrap import Resamples, ranking
from medcli.metrics.roc import roc_curve
from medcli.metrics.scored import Scored
from medcli.store.digests import derive_seed

MAX_POINTS = 200
BAND_POINTS = 41
SWEEP_POINTS = 100
BAND_RESAMPLES = 1000
DENSITY_BINS = 28
LOG_ODDS = 7.0


def class_curves(scored: Scored, *, level: float, seed: int) -> list[dict[str, Any]]:
    """Of each class its curves; null where it has only one kind of case.

    Args:
        scored: What to draw.
        level: Of the band about the ROC curve.
        seed: Of the band.

    Returns:
        One entry a class: `class`; `roc` (`false_rates`, `sensitivities`, `band`); `precision_recall`
        (`recalls`, `precisions`); `densities` (`scale`, `edges`, and images `with` and `without` the finding
        in each bin); `sweep` (`thresholds` with `sensitivities`, `specificities`, `ppvs`, `npvs`).
    """
    resamples = Resamples(scored.num_clusters, derive_seed(seed, "band"), BAND_RESAMPLES)
    return [
        _one_class(scored, column, level=level, resamples=resamples) for column in range(len(scored.classes))
    ]


def _one_class(scored: Scored, column: int, *, level: float, resamples: Resamples) -> dict[str, Any]:
    known = ~np.isnan(scored.targets[:, column])
    targets, decided = scored.targets[known, column], scored.decided[known, column]
    entry: dict[str, Any] = {
        "class": scored.classes[column],
        "roc": None,
        "precision_recall": None,
        "densities": _densities(targets, decided),
        "sweep": None,
    }
    if len(np.unique(targets)) < 2:
        return entry
    ranks, clusters = scored.ranks[known, column], scored.clusters[known]
    entry["roc"] = {
        **roc_points(targets, ranks),
        "band": _band(targets, ranks, clusters, level=level, resamples=resamples),
    }
    entry["precision_recall"] = _precision_recall(targets, ranks)
    entry["sweep"] = _sweep(targets, decided)
    return entry


def roc_points(targets: np.ndarray, ranks: np.ndarray) -> dict[str, Any]:
    """Corners of an ROC curve, few enough to draw."""
    false_rates, sensitivities, _ = roc_curve(targets, ranks)
    chosen = thinned(false_rates, sensitivities)
    return {
        "false_rates": rounded(false_rates[chosen]),
        "sensitivities": rounded(sensitivities[chosen]),
    }


def _band(
    targets: np.ndarray, ranks: np.ndarray, clusters: np.ndarray, *, level: float, resamples: Resamples
) -> dict[str, Any] | None:
    """Quantiles of the curve's height at fixed false positive rates over resamples of patients.

    Point by point, with straight lines between the corners of each resampled curve, as pROC's `ci.se`.

    Reference: Fawcett, Pattern Recognition Letters 2006; 27:861, section 8.1 (vertical averaging).
    """
    from medcli.metrics.resampling_kernels import roc_heights

    walk, grid = ranking(targets, ranks, clusters).reversed(), np.linspace(0, 1, BAND_POINTS)
    heights = resamples.evaluate(
        lambda counts: roc_heights(walk.owners, walk.positive, walk.is_last, counts, grid)
    )
    heights = heights[np.isfinite(heights[:, 0])]
    if len(heights) < resamples.count / 2:
        return None
    low, high = np.quantile(heights, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return {
        "false_rates": rounded(grid),
        "low": rounded(low),
        "high": rounded(high),
        "method": f"bootstrap over patients, percentile, {resamples.count} resamples, point by point",
    }


def _precision_recall(targets: np.ndarray, ranks: np.ndarray) -> dict[str, Any]:
    recalls, precisions, _ = precision_recall_curve(targets, ranks)
    chosen = thinned(recalls, precisions)
    return {"recalls": rounded(recalls[chosen]), "precisions": rounded(precisions[chosen])}


def _sweep(targets: np.ndarray, decided: np.ndarray) -> dict[str, Any]:
    """Rates of `score >= threshold` at thresholds that are scores; null where nothing is called so."""
    false_rates, sensitivities, thresholds = roc_curve(targets, decided)
    last = len(thresholds) - 1
    chosen = np.unique(np.linspace(1, last, min(last, SWEEP_POINTS)).round().astype(int))[::-1]
    found, alarms = sensitivities[chosen], false_rates[chosen]
    share = float(np.mean(targets == 1))
    called = share * found + (1 - share) * alarms
    passed = 1 - called
    with np.errstate(invalid="ignore", divide="ignore"):
        ppvs = np.where(called > 0, share * found / called, np.nan)
        npvs = np.where(passed > 1e-12, (1 - share) * (1 - alarms) / passed, np.nan)
    return {
        "thresholds": [float(value) for value in thresholds[chosen]],
        "sensitivities": rounded(found),
        "specificities": rounded(1 - alarms),
        "ppvs": rounded(ppvs),
        "npvs": rounded(npvs),
    }


def _densities(targets: np.ndarray, decided: np.ndarray) -> dict[str, Any] | None:
    """How many images of each kind have which score, in bins over the finite scores.

    Bins have equal width; of scores between 0 and 1 on the scale of log odds, from 0.001 to 0.999, where rare
    findings have their shape; the first and last bin hold what lies beyond.
    """
    finite = decided[np.isfinite(decided)]
    if len(finite) == 0:
        return None
    is_share = bool(finite.min() >= 0 and finite.max() <= 1)
    if is_share:
        edges = expit(np.linspace(-LOG_ODDS, LOG_ODDS, DENSITY_BINS + 1))
    else:
        low, high = float(finite.min()), float(finite.max())
        edges = np.linspace(low, high if high > low else low + 1, DENSITY_BINS + 1)
    held = np.clip(decided, edges[0], edges[-1])
    return {
        "scale": "log odds" if is_share else "as given",
        "edges": edges.tolist(),
        "with": np.histogram(held[targets == 1], edges)[0].tolist(),
        "without": np.histogram(held[targets == 0], edges)[0].tolist(),
    }


def thinned(across: np.ndarray, up: np.ndarray, *, most: int = MAX_POINTS) -> np.ndarray:
    """Indices of at most `most` points of a polyline, first and last among them.

    Points inside a straight run draw nothing and go first; of the corners those stay that are nearest to
    even steps along the line.
    """
    steps_across, steps_up = np.diff(across), np.diff(up)
    is_turn = np.abs(steps_across[:-1] * steps_up[1:] - steps_across[1:] * steps_up[:-1]) > 1e-15
    is_corner = np.ones(len(across), dtype=bool)
    is_corner[1:-1] = is_turn
    corners = np.flatnonzero(is_corner)
    if len(corners) <= most:
        return corners
    steps = np.abs(np.diff(across[corners])) + np.abs(np.diff(up[corners]))
    way = np.concatenate([[0], np.cumsum(steps)])
    nearest = np.searchsorted(way, np.linspace(0, way[-1], most))
    return corners[np.unique(nearest.clip(max=len(corners) - 1))]


def rounded(values: np.ndarray) -> list[float | None]:
    """Six decimals, finer than any figure shows; null for NaN."""
    return [round(float(value), 6) if np.isfinite(value) else None for value in values]
