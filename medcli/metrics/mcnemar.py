"""Whether two models, or a model and a reader, are right equally often on the same images."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import bdtr, chdtrc

from medcli.metrics.influences import correlation
from medcli.metrics.intervals import Interval, effective_size, wilson
from medcli.quantity import Quantity, TestResult, hypothesis_test, quantity, undefined, with_test


def paired_proportions(
    first: np.ndarray,
    second: np.ndarray,
    clusters: np.ndarray,
    *,
    level: float,
    none_reason: str = "no cases",
) -> Quantity:
    """Share of successes of `first` less that of `second` on the same images, with McNemar's mid-p test.

    The interval is Newcombe's square-and-add for pairs; with repeated patients it is made of Wilson's at the
    effective numbers of images and of the correlation of what patients add, and the test is Obuchowski's.

    Args:
        first: Whether one was right, bool [images].
        second: Whether the other was.
        clusters: Patient of each image.

    Returns:
        A quantity with `discordant` (only the first right, only the second right), `shares` and `test`.

    Reference: Fagerland, Lydersen & Laake, BMC Medical Research Methodology 2013; 13:91 (mid-p); Newcombe,
    Statistics in Medicine 1998; 17:2635, method 10; Obuchowski, Statistics in Medicine 1998; 17:1495.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    n, used = len(a), len(np.unique(clusters))
    method = "paired difference of shares"
    if n == 0:
        return undefined(none_reason, method=method, n=0, n_clusters=0)
    only = int(np.sum(a & ~b)), int(np.sum(b & ~a))
    estimate, is_clustered = (only[0] - only[1]) / n, used < n
    se = _error(a.astype(float) - b, clusters)
    test = clustered_mcnemar(a, b, clusters) if is_clustered else mcnemar_test(*only)
    value = quantity(
        estimate,
        ci=newcombe_paired(a, b, clusters, level=level),
        level=level,
        se=se,
        method=f"{method}, Newcombe 1998 (pairs)" + (", clustered (effective n)" if is_clustered else ""),
        n=n,
        n_clusters=used,
    )
    return with_test({**value, "discordant": list(only), "shares": [float(a.mean()), float(b.mean())]}, test)


def mcnemar_test(only_first: int, only_second: int, *, kind: str = "mid-p") -> TestResult:
    """McNemar's test from the two discordant counts: `mid-p`, `exact` or `asymptotic` (no correction)."""
    name, total = f"McNemar {kind}", only_first + only_second
    if total == 0:
        return hypothesis_test(name, statistic=0.0, p=1.0)
    if kind == "asymptotic":
        statistic = (only_first - only_second) ** 2 / total
        return hypothesis_test(name, statistic=statistic, df=1, p=float(chdtrc(1, statistic)))
    smaller = min(only_first, only_second)
    exact = min(1.0, 2 * float(bdtr(smaller, total, 0.5)))
    if kind == "exact":
        return hypothesis_test(name, statistic=float(smaller), p=exact)
    # Where both counts are equal the authors take off half of what they take off otherwise.
    share = 0.5 if only_first == only_second else 1.0
    return hypothesis_test(name, statistic=float(smaller), p=exact - share * _point(smaller, total))


def clustered_mcnemar(first: np.ndarray, second: np.ndarray, clusters: np.ndarray) -> TestResult:
    """McNemar's test with the variance of the differences summed by patient, over patients less one.

    Reference: Obuchowski, Statistics in Medicine 1998; 17:1495; Yang, Sun & Hardin, Biometrical Journal 2010;
    52:638 (its short form).
    """
    _, codes = np.unique(clusters, return_inverse=True)
    gaps = np.bincount(codes, np.asarray(first, dtype=float) - np.asarray(second, dtype=float))
    name, squares = "McNemar, clustered (Obuchowski 1998)", float(np.sum(gaps**2))
    if squares == 0:
        return hypothesis_test(name, statistic=0.0, df=1, p=1.0)
    statistic = (len(gaps) - 1) / len(gaps) * float(gaps.sum()) ** 2 / squares
    return hypothesis_test(name, statistic=statistic, df=1, p=float(chdtrc(1, statistic)))


def newcombe_paired(first: np.ndarray, second: np.ndarray, clusters: np.ndarray, *, level: float) -> Interval:
    """Interval of the difference of two shares of the same images, from Wilson's of each.

    Patients with several images count by their effective numbers, and phi is the correlation of what patients
    add to either share; with one image each it is that of the images.

    Reference: Newcombe, Statistics in Medicine 1998; 17:2635, method 10 (with the continuity of phi); Zou,
    Psychological Methods 2007; 12:399 (any two intervals, any correlation).
    """
    sides = [np.asarray(side, dtype=float) for side in (first, second)]
    shares = [float(side.mean()) for side in sides]
    sizes = [effective_size(side, clusters) for side in sides]
    (low_1, high_1), (low_2, high_2) = (
        wilson(share, size, level=level) for share, size in zip(shares, sizes, strict=True)
    )
    _, codes = np.unique(clusters, return_inverse=True)
    parts = [np.bincount(codes, side - share) for side, share in zip(sides, shares, strict=True)]
    phi, spread = correlation(*parts), math.prod(share * (1 - share) for share in shares)
    if phi > 0 and spread > 0:
        phi = max(0.0, phi - 1 / (2 * math.sqrt(math.prod(sizes) * spread)))
    difference = shares[0] - shares[1]
    below = _add(shares[0] - low_1, high_2 - shares[1], phi)
    above = _add(high_1 - shares[0], shares[1] - low_2, phi)
    return max(-1.0, difference - below), min(1.0, difference + above)


def _add(first: float, second: float, phi: float) -> float:
    return math.sqrt(max(0.0, first**2 - 2 * phi * first * second + second**2))


def _point(smaller: int, total: int) -> float:
    """Chance of exactly this many of `total` even draws."""
    log = math.lgamma(total + 1) - math.lgamma(smaller + 1) - math.lgamma(total - smaller + 1)
    return math.exp(log - total * math.log(2))


def _error(gaps: np.ndarray, clusters: np.ndarray) -> float | None:
    _, codes = np.unique(clusters, return_inverse=True)
    sums = np.bincount(codes, gaps - gaps.mean())
    if len(sums) < 2:
        return None
    return math.sqrt(len(sums) / (len(sums) - 1) * float(np.sum(sums**2))) / len(gaps)
