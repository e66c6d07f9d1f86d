"""Whether new images, or their scores, come from another distribution than the old ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import chdtrc, kolmogi, kolmogorov, stdtr

from medcli.metrics.intervals import effective_images, mean_value
from medcli.quantity import Quantity, TestResult, beside, hypothesis_test, quantity, undefined, with_test

# What practitioners read off the population stability index; it has no theory behind it.
PSI_WORDS = ((0.1, "no relevant shift"), (0.25, "moderate shift"), (math.inf, "large shift"))
# Below it bins are empty by chance, which the distribution of the index knows nothing of.
_FEWEST_A_BIN = 10
_POINTS = 16
# Images of a set up to which a p-value is exact; of ten thousand that takes seconds, and changes no digit.
_EXACT = 1000


def kolmogorov_smirnov(
    first: np.ndarray, second: np.ndarray, *, first_clusters: np.ndarray, second_clusters: np.ndarray
) -> TestResult:
    """Largest distance between two distributions of a number.

    Where patients repeat, the p-value is asymptotic at the effective numbers of images
    (`intervals.effective_images`); otherwise it is exact for few images.

    Args:
        first: Values of one set, float [images]; NaN is left out.
        second: Of the other.
        first_clusters: Patient of each image.
        second_clusters: Of the other.

    Reference: Smirnov, Annals of Mathematical Statistics 1948; 19:279.
    """
    keep_1, keep_2 = ~np.isnan(first), ~np.isnan(second)
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    a, b = np.sort(first[keep_1]), np.sort(second[keep_2])
    name = "Kolmogorov-Smirnov"
    if len(a) == 0 or len(b) == 0:
        return hypothesis_test(name, statistic=None, p=None, reason="a set has no value")
    points = np.concatenate([a, b])
    heights = [np.searchsorted(values, points, side="right") / len(values) for values in (a, b)]
    distance = float(np.abs(heights[0] - heights[1]).max())
    quantiles = np.unique(np.quantile(points, np.arange(1, _POINTS) / _POINTS))
    sizes = [
        effective_images((values[keep] <= point for point in quantiles), np.asarray(clusters)[keep])
        for values, clusters, keep in ((first, first_clusters, keep_1), (second, second_clusters, keep_2))
    ]
    effective = sizes[0] * sizes[1] / sum(sizes)
    if sizes == [len(a), len(b)] and max(sizes) <= _EXACT:
        from scipy.stats import ks_2samp

        p = float(ks_2samp(a, b).pvalue)
    else:
        p = float(kolmogorov(math.sqrt(effective) * distance))
    return {
        **hypothesis_test(name, statistic=distance, p=p),
        "noticeable": float(kolmogi(0.05)) / math.sqrt(effective),
    }


def paired_change(
    first: np.ndarray, second: np.ndarray, clusters: np.ndarray, *, level: float, what: str
) -> Quantity:
    """Mean of second less first of the same images, by patient, with the t-test that its interval stands for.

    Args:
        first: float [images].
        second: Of the same images.
        clusters: Patient of each.
        what: What the numbers are.
    """
    value = mean_value(second - first, clusters, level=level, what=f"{what}, change", floor=None)
    se, name = value["se"], "t-test of a change, by patient"
    if not se:
        p = 1.0 if value["estimate"] == 0 and se is not None else None
        reason = None if p else "all images changed alike" if se == 0 else value["reason"]
        return with_test(value, hypothesis_test(name, statistic=None, p=p, reason=reason))
    statistic, df = value["estimate"] / se, value["n_clusters"] - 1
    p = 2 * float(stdtr(df, -abs(statistic)))
    return with_test(value, hypothesis_test(name, statistic=statistic, df=df, p=p))


def chi_square(first: np.ndarray, second: np.ndarray) -> TestResult:
    """Whether two sets share their frequencies of categories (such as sex, device or called class).

    Pearson's statistic, without a continuity correction.

    Args:
        first: Counts of one set, [categories]; of patients where they repeat.
        second: Of the other, in the same order.

    Returns:
        A test with `cramers_v`, from 0 (alike) to 1, and `fewest_expected`.

    Reference: Pearson, Philosophical Magazine 1900; Cramer 1946, section 21.9.
    """
    table = np.array([first, second], dtype=float)
    table = table[:, table.sum(axis=0) > 0]
    name = "chi-square of homogeneity"
    if table.shape[1] < 2 or not (table.sum(axis=1) > 0).all():
        reason = "a set is empty" if not (table.sum(axis=1) > 0).all() else "there is only one category"
        return hypothesis_test(name, statistic=None, p=None, reason=reason)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic, df = float(np.sum((table - expected) ** 2 / expected)), table.shape[1] - 1
    result = hypothesis_test(name, statistic=statistic, df=df, p=float(chdtrc(df, statistic)))
    fewest = float(expected.min())
    return {
        **result,
        "cramers_v": math.sqrt(statistic / table.sum()),
        "fewest_expected": fewest,
        "flags": [f"an expected count is {fewest:.1f}, below 5"] if fewest < 5 else [],
    }


def population_stability_index(
    first: np.ndarray,
    second: np.ndarray,
    *,
    first_clusters: np.ndarray,
    second_clusters: np.ndarray,
    num_bins: int = 10,
    floor: float = 1e-4,
) -> Quantity:
    """Sum over bins of (new share - old share) times the logarithm of their ratio.

    Bins are quantiles of the old values; equal quantiles are merged. Empty bins count as a share of `floor`.
    Chance gives (bins - 1) (1/n + 1/m) on average, n and m being the effective numbers of images.

    Args:
        first: Old values, float [images]; NaN is left out.
        second: New values.
        first_clusters: Patient of each image.
        second_clusters: Of the others.

    Returns:
        A quantity beside what chance gives, with `verdict` in the words of practice and `bins`.

    Reference: Yurdakul & Naranjo, Journal of Risk Model Validation 2020; 14:89 (its distribution).
    """
    kept = [~np.isnan(values) for values in (first, second)]
    old, new = np.asarray(first, dtype=float)[kept[0]], np.asarray(second, dtype=float)[kept[1]]
    owners = np.asarray(first_clusters)[kept[0]], np.asarray(second_clusters)[kept[1]]
    facts: dict[str, Any] = {"n": len(old) + len(new), "n_clusters": len(np.union1d(*owners))}
    method = "population stability index"
    if len(old) == 0 or len(new) == 0:
        return {**undefined("a set is empty", method=method, **facts), "verdict": None, "bins": 0}
    edges = np.unique(np.quantile(old, np.arange(1, num_bins) / num_bins))
    bins = [np.searchsorted(edges, values, side="left") for values in (old, new)]
    shares = [np.bincount(own, minlength=len(edges) + 1) / len(own) for own in bins]
    before, after = (np.maximum(share, floor) for share in shares)
    psi = float(np.sum((after - before) * np.log(after / before)))
    reason = "no interval: the index is at least 0 and biased upwards; compare with the baseline"
    value = quantity(psi, method=f"{method}, {len(edges) + 1} bins", reason=reason, **facts)
    sizes = [
        effective_images((own == place for place in range(len(edges) + 1)), clusters)
        for own, clusters in zip(bins, owners, strict=True)
    ]
    expected = len(edges) * sum(1 / size for size in sizes)
    if min(sizes) < _FEWEST_A_BIN * (len(edges) + 1):
        value["flags"] = [f"fewer than {_FEWEST_A_BIN} images a bin: chance gives more than the baseline"]
    value = beside(value, rule="the same distribution, on average", estimate=expected)
    verdict = next(word for limit, word in PSI_WORDS if psi < limit)
    return {**value, "verdict": verdict, "bins": len(edges) + 1}
