"""Jeffreys' interval of a share, and intervals of the difference of two shares."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaincinv

from medcli.metrics.discrimination import one_class_reason
from medcli.metrics.intervals import Interval, effective_size, wilson
from medcli.quantity import Quantity, beside, quantity, undefined


def jeffreys(successes: float, size: float, *, level: float) -> Interval:
    """Equal-tailed interval from the prior Beta(1/2, 1/2), with its ends fixed at 0 and 1.

    Reference: Brown, Cai & DasGupta, Statistical Science 2001; 16:101.
    """
    tail, failures = (1 - level) / 2, size - successes
    low = 0.0 if successes <= 0 else float(betaincinv(successes + 0.5, failures + 0.5, tail))
    high = 1.0 if failures <= 0 else float(betaincinv(successes + 0.5, failures + 0.5, 1 - tail))
    return low, high


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


def youden_index(
    targets: np.ndarray, is_called: np.ndarray, clusters: np.ndarray, *, level: float
) -> Quantity:
    """Sensitivity plus specificity less one, at a threshold that was chosen elsewhere.

    It is the share of positives called less that of negatives, with the interval of such a difference; where
    patients have images of both kinds they are taken as independent, which makes it wider.

    Args:
        targets: 1 or 0, [images], no unknowns.
        is_called: Whether the image is called positive.
        clusters: Patient of each image.

    Reference: Youden, Cancer 1950; 3:32. Newcombe, Statistics in Medicine 1998; 17:873, method 10.
    """
    is_positive = np.asarray(targets) == 1
    value = independent_difference(
        is_called[is_positive],
        is_called[~is_positive],
        first_clusters=clusters[is_positive],
        second_clusters=clusters[~is_positive],
        level=level,
    )
    value["n_clusters"] = len(np.unique(clusters))
    if value["estimate"] is None:
        value["reason"] = one_class_reason(targets)
    return beside(value, rule="calling at random", estimate=0)
