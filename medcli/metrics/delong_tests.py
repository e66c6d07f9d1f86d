"""Tests of AUCs against each other: two models, several at once, or one model in two groups of patients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import chdtrc, ndtr, stdtr

from medcli.metrics.discrimination import FEW, NO_VARIANCE, WeightedMean, auc_interval
from medcli.metrics.intervals import Interval, normal_quantile, student_quantile
from medcli.metrics.roc import RocComponents, auc_covariance, roc_components
from medcli.quantity import Quantity, TestResult, hypothesis_test, quantity, undefined, with_test

Components = RocComponents | None
NEEDS = "a variance needs two patients of each kind"


def delong_test(
    targets: np.ndarray, first: np.ndarray, second: np.ndarray, clusters: np.ndarray, *, level: float
) -> Quantity:
    """AUC of `first` minus AUC of `second` on the same images, with interval and test.

    Args:
        targets: 1 or 0, [images], no unknowns.
        first: Scores of one model, [images]; higher means more likely positive.
        second: Scores of the other.
        clusters: Patient code of each image, from 0.

    Returns:
        A quantity with `test` (z and two-sided p), `covariance` and `aucs`; null when a class has no case.

    Reference: DeLong, DeLong & Clarke-Pearson, Biometrics 1988; Obuchowski, Biometrics 1997 (clusters).
    """
    length = int(clusters.max()) + 1 if len(clusters) else 0
    parts = [roc_components(targets, scores, clusters, num_clusters=length) for scores in (first, second)]
    return auc_difference(
        parts[0], parts[1], n=len(targets), n_clusters=len(np.unique(clusters)), level=level
    )


def auc_difference(
    first: Components, second: Components, *, n: int, n_clusters: int, level: float
) -> Quantity:
    """Difference of two AUCs whose components share one numbering of patients.

    The covariance comes from the patients they share: models on the same images share all of them, groups of
    images none or a few, external sites none.

    Args:
        first: Components of one AUC, or None when it is undefined.
        second: Of the other.
        n: Images in either.
        n_clusters: Their patients.
    """
    name = "DeLong, difference"
    if first is None or second is None:
        return undefined("an AUC is undefined", method=name, n=n, n_clusters=n_clusters)
    difference = first.auc - second.auc
    facts = {"aucs": [first.auc, second.auc], "covariance": None}
    if not (first.has_variance and second.has_variance):
        value = quantity(difference, method=name, n=n, n_clusters=n_clusters, reason=NEEDS)
        return with_test({**value, **facts}, hypothesis_test("DeLong", statistic=None, p=None, reason=NEEDS))
    covariance = auc_covariance(first, second)
    variances = [auc_covariance(part, part) for part in (first, second)]
    variance = max(0.0, sum(variances) - 2 * covariance)
    se = math.sqrt(variance) if variance > NO_VARIANCE else 0.0
    interval, scale = _difference_interval(first, second, se=se, covariance=covariance, level=level)
    is_clustered = n > n_clusters
    value = quantity(
        difference,
        ci=interval,
        level=level,
        se=se,
        method=name + scale + (", clustered (Obuchowski 1997)" if is_clustered else ""),
        n=n,
        n_clusters=n_clusters,
        flags=[f"fewer than {FEW} positive or negative patients"]
        if min(first.fewest, second.fewest) < FEW
        else [],
        reason=None if interval else "the difference has no variance",
    )
    return _tested({**value, **facts, "covariance": covariance}, _z_test(difference, se))


def unpaired_delong_test(
    first: RocComponents, second: RocComponents, *, n: tuple[int, int], n_clusters: int, level: float
) -> Quantity:
    """AUCs of two groups of patients, for instance two sites, with z and with Welch's t as pROC prints it.

    Args:
        first: Components of one group's AUC; patients in both groups have the same number in both.
        second: Of the other group.
        n: Images of each group.
        n_clusters: Patients in either.

    Returns:
        A quantity as of `auc_difference`, and `welch`: t, degrees of freedom, p.

    Reference: DeLong, DeLong & Clarke-Pearson, Biometrics 1988; degrees of freedom: Satterthwaite 1946.
    """
    value = auc_difference(first, second, n=sum(n), n_clusters=n_clusters, level=level)
    welch = hypothesis_test("DeLong, Welch's t", statistic=None, p=None, reason=NEEDS)
    if value["se"]:
        variances = [auc_covariance(part, part) for part in (first, second)]
        parts = [v * v / (size - 1) for v, size in zip(variances, n, strict=True)]
        df = sum(variances) ** 2 / sum(parts)
        t = value["estimate"] / value["se"]
        welch = hypothesis_test(
            "DeLong, Welch's t", statistic=t, df=df, p=2 * float(stdtr(df, -abs(t))), reason=None
        )
    return {**value, "welch": welch}


def global_delong_test(components: Sequence[RocComponents]) -> TestResult:
    """Whether all of several AUCs on the same patients are equal, by a chi-square of their contrasts.

    Reference: DeLong, DeLong & Clarke-Pearson, Biometrics 1988, section 3.
    """
    name = f"DeLong, global, {len(components)} AUCs"
    if len(components) < 2:
        return hypothesis_test(name, statistic=None, p=None, reason="there is nothing to compare with")
    if not all(part.has_variance for part in components):
        return hypothesis_test(name, statistic=None, p=None, reason=NEEDS)
    covariance = np.array([[auc_covariance(a, b) for b in components] for a in components])
    contrasts = np.hstack([np.ones((len(components) - 1, 1)), -np.eye(len(components) - 1)])
    differences = contrasts @ np.array([part.auc for part in components])
    spread = contrasts @ covariance @ contrasts.T
    values, vectors = np.linalg.eigh(spread)
    keep = values > max(NO_VARIANCE, 1e-10 * values.max())
    projected = vectors.T @ differences
    if np.any(np.abs(projected[~keep]) > 1e-9):
        return hypothesis_test(name, statistic=None, p=None, reason="a difference has no variance")
    if not keep.any():
        return hypothesis_test(name, statistic=0.0, df=0, p=1.0, reason="all models rank alike")
    statistic = float(np.sum(projected[keep] ** 2 / values[keep]))
    df = int(keep.sum())
    return hypothesis_test(name, statistic=statistic, df=df, p=float(chdtrc(df, statistic)))


def macro_difference(
    first: Sequence[Components], second: Sequence[Components], *, n: int, n_clusters: int, level: float
) -> Quantity:
    """Mean AUC over labels of one model minus that of another, over the labels defined for both.

    With fewer than 30 positive or negative patients of a label, the intervals of all AUCs are squared and
    added, as of a mean (`macro_auc`).

    Args:
        first: Components of each label, all with one numbering of patients.
        second: The same of the other model.
        n: Images with a known label.
        n_clusters: Their patients.
    """
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    method = f"difference of the mean of {len(pairs)} AUCs, DeLong components by patient"
    if not pairs:
        return undefined("no label has both classes", method=method, n=n, n_clusters=n_clusters)
    mean = WeightedMean(level)
    for a, b in pairs:
        mean.add(a, 1.0)
        mean.add(b, -1.0)
    difference, error = mean.sum / mean.total, mean.error()
    if error is None:
        value = quantity(difference, method=method, n=n, n_clusters=n_clusters, reason=NEEDS)
        return with_test(value, hypothesis_test("DeLong", statistic=None, p=None, reason=NEEDS))
    se = error if error * error > NO_VARIANCE else 0.0
    below = above = normal_quantile(level) * se
    if se and mean.fewest < FEW:
        # The correlations between labels are estimated from these few patients too.
        wider = student_quantile(level, n_clusters) / normal_quantile(level) if len(pairs) > 1 else 1.0
        below, above = (wider * distance for distance in mean.distances())
        method += ", square and add (Zou 2007)"
    value = quantity(
        difference,
        ci=(max(-1.0, difference - below), min(1.0, difference + above)) if se else None,
        level=level,
        se=se,
        method=method,
        n=n,
        n_clusters=n_clusters,
        flags=[f"a label has fewer than {FEW} positive or negative patients"] if mean.fewest < FEW else [],
        reason=None if se else "the difference has no variance",
    )
    return _tested(value, _z_test(difference, se))


def _tested(value: Quantity, result: TestResult) -> Quantity:
    """With few patients the interval is no longer the test turned around: said where the two disagree."""
    is_beyond = value["ci"] is not None and not value["ci"][0] <= 0 <= value["ci"][1]
    if (
        value["ci"] is not None
        and result["p"] is not None
        and is_beyond != (result["p"] < 1 - value["level"])
    ):
        told = "the interval leaves out 0, its test is not significant"
        if not is_beyond:
            told = "the test is significant, but with so few patients the interval holds 0"
        value = {**value, "flags": [*value["flags"], told]}
    return with_test(value, result)


def _z_test(difference: float, se: float) -> TestResult:
    """Two-sided and one-sided p; equal AUCs without variance are equal, others have no test."""
    if se == 0:
        if abs(difference) < 1e-12:
            return {**hypothesis_test("DeLong", statistic=0.0, p=1.0), "p_greater": 0.5, "p_less": 0.5}
        return hypothesis_test("DeLong", statistic=None, p=None, reason="the difference has no variance")
    z = difference / se
    result = hypothesis_test("DeLong", statistic=z, p=2 * float(ndtr(-abs(z))))
    return {**result, "p_greater": float(ndtr(-z)), "p_less": float(ndtr(z))}


def _difference_interval(
    first: RocComponents, second: RocComponents, *, se: float, covariance: float, level: float
) -> tuple[Interval | None, str]:
    """Wald's interval, which agrees with the test; with few patients, from the intervals of both AUCs.

    Reference: Zou, Psychological Methods 2007; 12:399 (square and add, with the correlation).
    """
    difference = first.auc - second.auc
    if se == 0:
        return None, ""
    if min(first.fewest, second.fewest) >= FEW:
        half = normal_quantile(level) * se
        return (max(-1.0, difference - half), min(1.0, difference + half)), ""
    spreads = [auc_covariance(part, part) for part in (first, second)]
    product = math.sqrt(max(spreads[0], 0) * max(spreads[1], 0))
    correlation = min(1.0, max(-1.0, covariance / product)) if product > NO_VARIANCE else 0.0
    (low_a, high_a), (low_b, high_b) = (auc_interval(part, level=level)[0] for part in (first, second))
    below = _square_and_add(first.auc - low_a, high_b - second.auc, correlation)
    above = _square_and_add(high_a - first.auc, second.auc - low_b, correlation)
    return (max(-1.0, difference - below), min(1.0, difference + above)), ", square and add (Zou 2007)"


def _square_and_add(first: float, second: float, correlation: float) -> float:
    return math.sqrt(max(0.0, first * first + second * second - 2 * correlation * first * second))
