"""Agreement of several readers beyond chance: Fleiss' kappa, Gwet's AC1, and their kin.

Where categories are ordered, each pair of readings counts by its weight: Gwet, Handbook of Inter-Rater
Reliability, 4th ed. 2014.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtr

from medcli.metrics.bootstrap import STUDENT, Resamples, describe, standard_error
from medcli.metrics.intervals import resampled_reach, student_quantile
from medcli.metrics.kappa import UNWEIGHTED, Weights, agreement_quantity
from medcli.quantity import Quantity, beside, hypothesis_test, undefined, with_test


def rating_counts(ratings: np.ndarray, *, num_categories: int) -> np.ndarray:
    """How many readers put each image into each category, [images, categories].

    Args:
        ratings: Categories from 0, float [images, readers]; NaN is a missing reading.
    """
    return np.stack([np.sum(np.asarray(ratings) == k, axis=1) for k in range(num_categories)], axis=1)


def fleiss_kappa(
    counts: np.ndarray,
    clusters: np.ndarray,
    *,
    weights: Weights = UNWEIGHTED,
    level: float,
) -> Quantity:
    """Fleiss' kappa with an interval over patients; without weights its null test and that of each category.

    The interval takes images as a sample and readers as they are; images may have fewer readings.

    Args:
        counts: Readings of each image and category, int [images, categories].
        clusters: Patient of each image.

    Returns:
        A quantity with `agreement`, `expected`, `prevalence`, and without weights `categories` (kappa and z
        of each) and `test`.

    Reference: Fleiss, Psychological Bulletin 1971; 76:378; Fleiss, Nee & Landis 1979; 86:974 (null test);
    Gwet, Psychometrika 2008; 73:407 (interval).
    """
    value = _coefficient(counts, clusters, kind="Fleiss", weights=weights, level=level)
    if weights.has_distances:
        return value
    test, categories = _null_test(np.asarray(counts, dtype=float))
    return with_test({**value, "categories": categories}, test)


def gwet_ac1(
    counts: np.ndarray,
    clusters: np.ndarray,
    *,
    weights: Weights = UNWEIGHTED,
    level: float,
) -> Quantity:
    """Gwet's AC1, which depends less on prevalence than kappa; with weights his AC2; as `fleiss_kappa`.

    Reference: Gwet, British Journal of Mathematical and Statistical Psychology 2008; 61:29.
    """
    return _coefficient(counts, clusters, kind="Gwet", weights=weights, level=level)


def brennan_prediger(
    counts: np.ndarray,
    clusters: np.ndarray,
    *,
    weights: Weights = UNWEIGHTED,
    level: float,
) -> Quantity:
    """Agreement against readers who guess all categories alike; arguments as of `fleiss_kappa`.

    Reference: Brennan & Prediger, Educational and Psychological Measurement 1981; 41:687.
    """
    return _coefficient(counts, clusters, kind="Brennan-Prediger", weights=weights, level=level)


def conger_kappa(
    ratings: np.ndarray,
    clusters: np.ndarray,
    *,
    num_categories: int,
    weights: Weights = UNWEIGHTED,
    level: float,
    seed: int,
) -> Quantity:
    """Cohen's kappa for several readers: chance is what pairs of readers with their own shares would agree.

    A reader's shares are of all images that this reader read; the observed agreement is a mean over images
    with two readings or more.

    Args:
        ratings: Categories from 0, float [images, readers]; NaN is a missing reading.
        clusters: Patient of each image.
        seed: Of the bootstrap over patients.

    Reference: Conger, Psychological Bulletin 1980; 88:322; Gwet, Handbook of Inter-Rater Reliability, 4th
    ed. 2014 (missing readings).
    """
    ratings = np.asarray(ratings, dtype=float)
    is_read = ~np.isnan(ratings).all(axis=1)
    kept, owners = ratings[is_read], np.unique(np.asarray(clusters)[is_read], return_inverse=True)[1]
    method = "Conger's kappa" + weights.words
    facts: dict[str, Any] = {"n": len(kept), "n_clusters": len(np.unique(owners))}
    counts, merit = rating_counts(kept, num_categories=num_categories), weights.merit(num_categories)
    if not np.any(counts.sum(axis=1) > 1):
        return undefined("no image has two readings", method=method, **facts)
    sums = np.stack([np.bincount(owners, column) for column in _conger_parts(kept, counts, merit).T], axis=1)

    def statistic(totals: np.ndarray) -> np.ndarray:
        said = totals[:, 2:].reshape(len(totals), -1, num_categories)
        readings = said.sum(axis=2, keepdims=True)
        # Who read nothing agrees with nobody by chance.
        shares = np.divide(said, readings, out=np.zeros_like(said), where=readings > 0)
        who = (readings > 0).sum(axis=(1, 2))
        together = shares.sum(axis=1)
        alone = np.einsum("nrk,kl,nrl->n", shares, merit, shares)
        expected = (np.einsum("nk,kl,nl->n", together, merit, together) - alone) / (who * (who - 1))
        observed = totals[:, 1] / totals[:, 0]
        return np.where(1 - expected < 1e-12, np.nan, (observed - expected) / (1 - expected))

    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = float(statistic(sums.sum(axis=0, keepdims=True))[0])
    if math.isnan(estimate):
        reason = "agreement by chance is 1: all readers always say the same"
        return undefined(reason, method=method, **facts)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = statistic(Resamples(facts["n_clusters"], seed, 1000).sums(sums))
    value = agreement_quantity(
        estimate,
        standard_error(drawn),
        reach=resampled_reach(level, facts["n_clusters"]),
        level=level,
        method=f"{method}, {describe(drawn, kind=STUDENT)['method']}",
        **facts,
    )
    return beside(value, rule="agreement by chance", estimate=0.0)


def _conger_parts(ratings: np.ndarray, counts: np.ndarray, merit: np.ndarray) -> np.ndarray:
    """Of each image whether it has a pair of readings, how far pairs agree, and who said what."""
    readings = counts.sum(axis=1)
    agreed = _pairs_agreed(counts, merit)
    said = (ratings[:, :, None] == np.arange(counts.shape[1])).reshape(len(ratings), -1)
    return np.column_stack([readings > 1, agreed, said]).astype(float)


def _pairs_agreed(counts: np.ndarray, merit: np.ndarray) -> np.ndarray:
    """Mean agreement over the pairs of readings of each image, 0 where there is none: [images]."""
    readings = counts.sum(axis=1)
    pairs = np.maximum(readings * (readings - 1), 1)
    return np.where(readings > 1, np.sum(counts * (counts @ merit - 1), axis=1) / pairs, 0.0)


def _coefficient(
    counts: np.ndarray,
    clusters: np.ndarray,
    *,
    kind: str,
    weights: Weights,
    level: float,
) -> Quantity:
    """(observed - expected) / (1 - expected), with a linearised variance over patients and Student's t."""
    counts = np.asarray(counts, dtype=float)
    gwet = "Gwet's AC2" if weights.has_distances else "Gwet's AC1"
    method = {"Fleiss": "Fleiss' kappa", "Gwet": gwet}.get(kind, kind) + weights.words
    merit = weights.merit(counts.shape[1])
    readings = counts.sum(axis=1)
    rated, twice = readings > 0, readings > 1
    counts, readings, used = counts[rated], readings[rated], np.asarray(clusters)[rated]
    n, num_clusters = len(counts), len(np.unique(used))
    if not twice.any():
        return undefined("no image has two readings", method=method, n=n, n_clusters=num_clusters)
    shares = counts / readings[:, None]
    observed_each = _pairs_agreed(counts, merit)
    factor = n / int(np.sum(readings > 1))
    observed = float(observed_each.mean() * factor)
    prevalence = shares.mean(axis=0)
    expected, expected_each = _chance(kind, shares, prevalence, merit)
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


def _chance(
    kind: str, shares: np.ndarray, prevalence: np.ndarray, merit: np.ndarray
) -> tuple[float, np.ndarray]:
    """Expected agreement, and the part of each image in it (half of its derivative)."""
    size = len(prevalence)
    if kind == "Fleiss":
        return float(prevalence @ merit @ prevalence), shares @ merit @ prevalence
    if kind == "Gwet":
        factor = merit.sum() / size / max(1, size - 1)
        return factor * float(np.sum(prevalence * (1 - prevalence))), factor * (shares @ (1 - prevalence))
    alike = float(merit.mean())
    return alike, np.full(len(shares), alike)


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
