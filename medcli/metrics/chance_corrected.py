"""Agreement of several readers beyond chance: Fleiss' kappa, Gwet's AC1, and their kin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtr

from medcli.metrics.bootstrap import Resamples, describe, percentile_interval, standard_error
from medcli.metrics.intervals import student_quantile
from medcli.metrics.kappa import agreement_quantity
from medcli.quantity import Quantity, beside, hypothesis_test, quantity, undefined, with_test


def rating_counts(ratings: np.ndarray, *, num_categories: int) -> np.ndarray:
    """How many readers put each image into each category, [images, categories].

    Args:
        ratings: Categories from 0, float [images, readers]; NaN is a missing reading.
    """
    return np.stack([np.sum(np.asarray(ratings) == k, axis=1) for k in range(num_categories)], axis=1)


def fleiss_kappa(counts: np.ndarray, clusters: np.ndarray, *, level: float) -> Quantity:
    """Fleiss' kappa with an interval over patients, its null test, and the kappa of each category.

    The interval takes images as a sample and readers as they are; images may have fewer readings.

    Args:
        counts: Readings of each image and category, int [images, categories].
        clusters: Patient of each image.

    Returns:
        A quantity with `agreement`, `expected`, `prevalence`, `categories` (kappa and z of each) and `test`.

    Reference: Fleiss, Psychological Bulletin 1971; 76:378; Fleiss, Nee & Landis 1979; 86:974 (null test);
    Gwet, Psychometrika 2008; 73:407 (interval).
    """
    value = _coefficient(counts, clusters, kind="Fleiss", level=level)
    test, categories = _null_test(np.asarray(counts, dtype=float))
    return with_test({**value, "categories": categories}, test)


def gwet_ac1(counts: np.ndarray, clusters: np.ndarray, *, level: float) -> Quantity:
    """Gwet's AC1, which depends less on prevalence than kappa; arguments as of `fleiss_kappa`.

    Reference: Gwet, British Journal of Mathematical and Statistical Psychology 2008; 61:29.
    """
    return _coefficient(counts, clusters, kind="Gwet", level=level)


def brennan_prediger(counts: np.ndarray, clusters: np.ndarray, *, level: float) -> Quantity:
    """Agreement against readers who guess all categories alike; arguments as of `fleiss_kappa`.

    Reference: Brennan & Prediger, Educational and Psychological Measurement 1981; 41:687.
    """
    return _coefficient(counts, clusters, kind="Brennan-Prediger", level=level)


def conger_kappa(
    ratings: np.ndarray, clusters: np.ndarray, *, num_categories: int, level: float, seed: int
) -> Quantity:
    """Cohen's kappa for several readers: chance is what pairs of readers with their own shares would agree.

    Images with a missing reading are left out, and that is flagged.

    Args:
        ratings: Categories from 0, float [images, readers]; NaN is a missing reading.
        clusters: Patient of each image.
        seed: Of the bootstrap over patients.

    Reference: Conger, Psychological Bulletin 1980; 88:322.
    """
    ratings = np.asarray(ratings, dtype=float)
    complete, readers = ~np.isnan(ratings).any(axis=1), ratings.shape[1]
    kept, owners = ratings[complete], np.unique(np.asarray(clusters)[complete], return_inverse=True)[1]
    missing = int((~complete).sum())
    facts: dict[str, Any] = {
        "n": len(kept),
        "n_clusters": len(np.unique(owners)),
        "flags": [f"{missing} images with a missing reading left out"] if missing else [],
    }
    if len(kept) == 0 or readers < 2:
        return undefined("no image has every reading", method="Conger's kappa", **facts)
    counts = rating_counts(kept, num_categories=num_categories)
    said = (kept[:, :, None] == np.arange(num_categories)).reshape(len(kept), -1)
    ones, agreeing = np.ones((len(kept), 1)), np.sum(counts * (counts - 1), axis=1, keepdims=True)
    images = np.hstack([ones, agreeing, said])
    sums = np.stack([np.bincount(owners, column) for column in images.T], axis=1)

    def statistic(totals: np.ndarray) -> np.ndarray:
        n, pairs = totals[:, 0], readers * (readers - 1)
        shares = totals[:, 2:].reshape(len(totals), readers, num_categories) / n[:, None, None]
        expected = (np.sum(shares.sum(axis=1) ** 2, axis=1) - np.sum(shares**2, axis=(1, 2))) / pairs
        observed = totals[:, 1] / (n * pairs)
        return np.where(1 - expected < 1e-12, np.nan, (observed - expected) / (1 - expected))

    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = float(statistic(sums.sum(axis=0, keepdims=True))[0])
    if math.isnan(estimate):
        reason = "agreement by chance is 1: all readers always say the same"
        return undefined(reason, method="Conger's kappa", **facts)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = statistic(Resamples(facts["n_clusters"], seed, 1000).sums(sums))
    interval = percentile_interval(drawn, level=level)
    value = quantity(
        estimate,
        ci=interval,
        level=level,
        se=standard_error(drawn),
        method=f"Conger's kappa, {describe(drawn, kind='percentile')['method']}",
        reason=None if interval else "no interval: agreement does not vary between patients",
        **facts,
    )
    return beside(value, rule="agreement by chance", estimate=0.0)


def _coefficient(counts: np.ndarray, clusters: np.ndarray, *, kind: str, level: float) -> Quantity:
    """(observed - expected) / (1 - expected), with a linearised variance over patients and Student's t."""
    counts = np.asarray(counts, dtype=float)
    method = {"Fleiss": "Fleiss' kappa", "Gwet": "Gwet's AC1"}.get(kind, kind)
    readings = counts.sum(axis=1)
    rated, twice = readings > 0, readings > 1
    counts, readings, used = counts[rated], readings[rated], np.asarray(clusters)[rated]
    n, num_clusters = len(counts), len(np.unique(used))
    if not twice.any():
        return undefined("no image has two readings", method=method, n=n, n_clusters=num_clusters)
    shares = counts / readings[:, None]
    pairs = np.maximum(readings * (readings - 1), 1)
    observed_each = np.where(readings > 1, np.sum(counts * (counts - 1), axis=1) / pairs, 0.0)
    factor = n / int(np.sum(readings > 1))
    observed = float(observed_each.mean() * factor)
    prevalence = shares.mean(axis=0)
    expected, expected_each = _chance(kind, shares, prevalence)
    facts = {"agreement": observed, "expected": expected, "prevalence": prevalence.tolist()}
    if 1 - expected < 1e-12:
        reason = "agreement by chance is 1: all readers always say the same"
        return {**undefined(reason, method=method, n=n, n_clusters=num_clusters), **facts}
    estimate = (observed - expected) / (1 - expected)
    # What each image adds: to the observed agreement directly, to the expected one through the prevalence.
    each = np.where(readings > 1, factor * (observed_each - expected), 0.0) / (1 - expected)
    influences = each - 2 * (1 - estimate) * (expected_each - expected) / (1 - expected) - estimate
    value = _interval(estimate, influences, used, method=method, level=level, num_readings=int(counts.sum()))
    return beside({**value, **facts}, rule="agreement by chance", estimate=0.0)


def _chance(kind: str, shares: np.ndarray, prevalence: np.ndarray) -> tuple[float, np.ndarray]:
    """Expected agreement, and the part of each image in it (half of its derivative)."""
    size = len(prevalence)
    if kind == "Fleiss":
        return float(np.sum(prevalence**2)), shares @ prevalence
    if kind == "Gwet":
        others = max(1, size - 1)
        expected = float(np.sum(prevalence * (1 - prevalence)) / others)
        return expected, shares @ (1 - prevalence) / others
    return 1 / size, np.full(len(shares), 1 / size)


def _interval(
    estimate: float,
    influences: np.ndarray,
    clusters: np.ndarray,
    *,
    method: str,
    level: float,
    num_readings: int,
) -> Quantity:
    _, codes = np.unique(clusters, return_inverse=True)
    sums = np.bincount(codes, influences)
    size, used = len(influences), len(sums)
    se = math.sqrt(used / (used - 1) * float(np.sum(sums**2))) / size if used > 1 else None
    reach = student_quantile(level, used)
    value = agreement_quantity(estimate, se, reach=reach, level=level, method=method, n=size, n_clusters=used)
    return {**value, "readings": num_readings}


def _null_test(counts: np.ndarray) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """z of kappa being 0, for all categories and for each; only for equally many readings an image."""
    name = "Fleiss' kappa of zero"
    readings = np.unique(counts.sum(axis=1))
    if len(readings) != 1 or readings[0] < 2:
        reason = "images have different numbers of readings"
        return hypothesis_test(name, statistic=None, p=None, reason=reason), []
    size, readers = len(counts), float(readings[0])
    shares = counts.sum(axis=0) / (size * readers)
    spread = shares * (1 - shares)
    within = np.sum(counts * (readers - counts), axis=0) / (size * readers * (readers - 1))
    error = math.sqrt(2 / (size * readers * (readers - 1)))
    categories = [
        {"kappa": 1 - own / whole, "z": (1 - own / whole) / error}
        if whole > 0
        else {"kappa": None, "z": None}
        for own, whole in zip(within.tolist(), spread.tolist(), strict=True)
    ]
    total = float(spread.sum())
    if total == 0:
        reason = "all readers always say the same"
        return hypothesis_test(name, statistic=None, p=None, reason=reason), categories
    variance = total**2 - float(np.sum(spread * (1 - 2 * shares)))
    kappa = 1 - float(within.sum()) / total
    z = kappa / (error * math.sqrt(max(variance, 0.0)) / total) if variance > 0 else None
    p = None if z is None else 2 * float(ndtr(-abs(z)))
    return hypothesis_test(name, statistic=z, p=p), categories
