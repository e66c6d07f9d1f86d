"""Intervals of shares on request, and of the difference of two shares."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaincinv

from medcli.metrics.intervals import Interval, effective_size, wilson
from medcli.quantity import Quantity, quantity, undefined


def clopper_pearson(successes: float, size: float, *, level: float) -> Interval:
    """Exact interval of a share, which covers at least its level and mostly more; `size` may be effective.

    Reference: Clopper & Pearson, Biometrika 1934; 26:404.
    """
    tail = (1 - level) / 2
    failures = size - successes
    low = 0.0 if successes <= 0 else float(betaincinv(successes, failures + 1, tail))
    high = 1.0 if failures <= 0 else float(betaincinv(successes + 1, failures, 1 - tail))
    return low, high


def jeffreys(successes: float, size: float, *, level: float) -> Interval:
    """Equal-tailed interval from the prior Beta(1/2, 1/2), with its ends fixed at 0 and 1.

    Reference: Brown, Cai & DasGupta, Statistical Science 2001; 16:101.
    """
    tail, failures = (1 - level) / 2, size - successes
    low = 0.0 if successes <= 0 else float(betaincinv(successes + 0.5, failures + 0.5, tail))
    high = 1.0 if failures <= 0 else float(betaincinv(successes + 0.5, failures + 0.5, 1 - tail))
    return low, high


def exact_proportion(
    successes: np.ndarray, clusters: np.ndarray, *, level: float, none_reason: str = "no cases"
) -> Quantity:
    """Share of successes with Clopper and Pearson's interval, at the effective size of repeated patients.

    Args:
        successes: True or False, [images].
        clusters: Patient of each image.
    """
    size, used = len(successes), len(np.unique(clusters))
    if size == 0:
        return undefined(none_reason, method="Clopper-Pearson", n=0, n_clusters=0)
    share = float(np.mean(successes))
    effective = effective_size(np.asarray(successes, dtype=float), clusters)
    note = f", clustered (effective n {effective:.1f})" if used < size else ""
    return quantity(
        share,
        ci=clopper_pearson(share * effective, effective, level=level),
        level=level,
        se=math.sqrt(share * (1 - share) / effective),
        method="Clopper-Pearson" + note,
        n=size,
        n_clusters=used,
    )


def independent_difference(
    first: np.ndarray,
    second: np.ndarray,
    *,
    first_clusters: np.ndarray,
    second_clusters: np.ndarray,
    level: float,
) -> Quantity:
    """Share of `first` minus share of `second`, of different patients, with Newcombe's hybrid score interval.

    Args:
        first: Successes of one group, [images].
        second: Of the other group.
        first_clusters: Patient of each image; repeated patients count by their effective number.
        second_clusters: Of the other group.

    Reference: Newcombe, Statistics in Medicine 1998; 17:873, method 10.
    """
    method = "Newcombe method 10, Wilson"
    n = len(first) + len(second)
    used = len(np.unique(first_clusters)) + len(np.unique(second_clusters))
    if not (len(first) and len(second)):
        return undefined("a group has no cases", method=method, n=n, n_clusters=used)
    shares = [float(np.mean(group)) for group in (first, second)]
    sizes = [
        effective_size(np.asarray(group, dtype=float), clusters)
        for group, clusters in ((first, first_clusters), (second, second_clusters))
    ]
    variance = sum(share * (1 - share) / size for share, size in zip(shares, sizes, strict=True))
    return quantity(
        shares[0] - shares[1],
        ci=newcombe_difference(shares[0], shares[1], sizes[0], sizes[1], level=level),
        level=level,
        se=math.sqrt(variance),
        method=method + (", clustered (effective n)" if used < n else ""),
        n=n,
        n_clusters=used,
    )


def newcombe_difference(
    first: float, second: float, first_size: float, second_size: float, *, level: float
) -> Interval:
    """Hybrid score interval of the difference of two independent shares.

    Reference: Newcombe, Statistics in Medicine 1998; 17:873, method 10.
    """
    (low_1, high_1), (low_2, high_2) = (
        wilson(first, first_size, level=level),
        wilson(second, second_size, level=level),
    )
    difference = first - second
    below = math.hypot(first - low_1, high_2 - second)
    above = math.hypot(high_1 - first, second - low_2)
    return max(-1.0, difference - below), min(1.0, difference + above)
