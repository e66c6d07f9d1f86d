"""Krippendorff's alpha: agreement of any number of readers, with gaps, on any scale."""

from __future__ import annotations

import numpy as np

from medcli.errors import DataError
from medcli.metrics.bootstrap import STUDENT, Resamples, describe, standard_error
from medcli.metrics.intervals import resampled_reach
from medcli.metrics.kappa import agreement_quantity
from medcli.quantity import Quantity, beside, undefined

SCALES = ("nominal", "ordinal", "interval", "ratio")


def krippendorff_alpha(
    ratings: np.ndarray,
    clusters: np.ndarray,
    *,
    scale: str = "nominal",
    level: float,
    seed: int,
    resamples: int = 1000,
) -> Quantity:
    """Alpha over the images with at least two readings, with Student's interval from resampled patients.

    Args:
        ratings: Values, float [images, readers]; NaN is a missing reading.
        clusters: Patient code of each image.
        scale: How far apart two values are: `nominal`, `ordinal`, `interval` or `ratio`.
        seed: Of the bootstrap.

    Reference: Krippendorff, Content Analysis, 4th ed. 2018, chapter 12; Hayes & Krippendorff, Communication
    Methods and Measures 2007; 1:77.
    """
    if scale not in SCALES:
        raise DataError(f"scales are {', '.join(SCALES)}, not {scale!r}")
    method = f"Krippendorff's alpha, {scale}"
    ratings = np.asarray(ratings, dtype=float)
    paired = np.sum(~np.isnan(ratings), axis=1) > 1
    ratings, used = ratings[paired], np.unique(np.asarray(clusters)[paired], return_inverse=True)[1]
    n, num_clusters = len(ratings), len(np.unique(used))
    if n == 0:
        return undefined("no image has two readings", method=method, n=0, n_clusters=0)
    values = np.unique(ratings[~np.isnan(ratings)])
    if len(values) == 1:
        reason = "all readings are equal: there is no disagreement to expect"
        return undefined(reason, method=method, n=n, n_clusters=num_clusters)
    is_interval = scale == "interval"
    sums = _sums_of_squares(ratings) if is_interval else coincidences(ratings, values).reshape(n, -1)

    def statistic(totals: np.ndarray) -> np.ndarray:
        if is_interval:
            return _alpha_of_squares(totals)
        shape = len(values), len(values)
        return np.array([_alpha(total.reshape(shape), values, scale) for total in totals])

    sums = np.stack([np.bincount(used, column) for column in sums.T], axis=1)
    estimate = float(statistic(sums.sum(axis=0, keepdims=True))[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = statistic(Resamples(num_clusters, seed, resamples).sums(sums))
    value = agreement_quantity(
        estimate,
        standard_error(drawn),
        reach=resampled_reach(level, num_clusters),
        level=level,
        method=f"{method}, {describe(drawn, kind=STUDENT)['method']}",
        n=n,
        n_clusters=num_clusters,
    )
    return beside(value, rule="agreement by chance", estimate=0.0)


def coincidences(ratings: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How often pairs of values meet in each image, over its readings less one: [images, values, values]."""
    counts = np.stack([np.sum(ratings == value, axis=1) for value in values], axis=1).astype(float)
    readings = counts.sum(axis=1)
    together = counts[:, :, None] * counts[:, None, :]
    together[:, np.arange(len(values)), np.arange(len(values))] -= counts
    return together / (readings - 1)[:, None, None]


def _alpha(total: np.ndarray, values: np.ndarray, scale: str) -> float:
    """One less the observed over the expected disagreement; NaN when none is expected."""
    margins = total.sum(axis=1)
    readings = margins.sum()
    distance = _distances(values, margins, scale)
    expected = margins @ distance @ margins / (readings - 1)
    return 1 - float(np.sum(total * distance) / expected) if expected > 0 else float("nan")


def _sums_of_squares(ratings: np.ndarray) -> np.ndarray:
    """Of each image its readings, their sum and sum of squares, and the squared gaps within: [images, 4]."""
    # A power of two is exact, and keeps squares of any numbers finite.
    scaled = np.ldexp(ratings, -int(np.frexp(np.nanmax(np.abs(ratings)))[1]))
    shifted = scaled - np.nanmean(scaled)
    readings = np.sum(~np.isnan(shifted), axis=1)
    total, squares = np.nansum(shifted, axis=1), np.nansum(shifted**2, axis=1)
    within = 2 * (readings * squares - total**2) / (readings - 1)
    return np.stack([readings, total, squares, within], axis=1)


def _alpha_of_squares(sums: np.ndarray) -> np.ndarray:
    """Alpha on the interval scale, which needs no table of values: [resamples]."""
    readings, total, squares, within = sums.T
    expected = 2 * (readings * squares - total**2) / (readings - 1)
    return 1 - np.divide(within, expected, out=np.full(len(sums), np.nan), where=expected > 0)


def _distances(values: np.ndarray, margins: np.ndarray, scale: str) -> np.ndarray:
    """Squared distance of each pair of values."""
    if scale == "nominal":
        return (values[:, None] != values[None, :]).astype(float)
    if scale == "ordinal":
        # Readings between two values, with half of those at either end.
        middle = np.cumsum(margins) - margins / 2
        return (middle[:, None] - middle[None, :]) ** 2
    gap = values[:, None] - values[None, :]
    if scale == "interval":
        return gap**2
    whole = values[:, None] + values[None, :]
    return np.divide(gap, whole, out=np.zeros_like(gap), where=whole != 0) ** 2
