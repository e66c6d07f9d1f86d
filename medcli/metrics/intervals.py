"""Intervals: of shares (Wilson, exact), of means, on the logit scale, Newcombe's for the AUC."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, ndtr, ndtri, stdtr, stdtrit

from medcli.quantity import Quantity, quantity, undefined

Interval = tuple[float, float]
# Below this many patients variances are too uncertain for intervals that take them as known.
FEW = 30
# And below this many design effects are.
FEW_CLUSTERS = 50
# Fewer patients than these count as these, or resamples would say nothing.
_FEWEST_RESAMPLED = 5


def normal_quantile(level: float) -> float:
    """Half-width of a central normal interval in standard errors: 1.96 at 0.95."""
    return float(ndtri(0.5 + level / 2))


def wilson(share: float, size: float, *, level: float) -> Interval:
    """Wilson's score interval for a proportion; `size` may be an effective one.

    Reference: Newcombe, Statistics in Medicine 1998; 17:857, method 3.
    """
    z = normal_quantile(level)
    center = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size)) / (1 + z * z / size)
    low = 0.0 if share == 0 else max(0.0, center - half)
    return low, 1.0 if share == 1 else min(1.0, center + half)


def clopper_pearson(successes: float, size: float, *, level: float) -> Interval:
    """Exact interval of a share, which covers at least its level and mostly more; `size` may be effective.

    Reference: Clopper & Pearson, Biometrika 1934; 26:404.
    """
    tail, failures = (1 - level) / 2, size - successes
    low = 0.0 if successes <= 0 else float(betaincinv(successes, failures + 1, tail))
    high = 1.0 if failures <= 0 else float(betaincinv(successes + 1, failures, 1 - tail))
    return low, high


def effective_size(successes: np.ndarray, clusters: np.ndarray) -> float:
    """How many independent images carry as much about a proportion as these images of fewer patients."""
    return effective_images([successes], clusters)


def effective_images(shares: Iterable[np.ndarray], clusters: np.ndarray) -> float:
    """How many independent images carry as much about several shares as these images of fewer patients.

    The number of images over the mean design effect (Rao & Scott, Annals of Statistics 1984; Biometrics
    1992), which is taken as at least 1, and with fewer than 50 patients a standard error larger than it is
    found (`cautious`). When all images agree, or are of one patient, the design effect is unknown; each
    patient then counts once.

    Args:
        shares: Which images are counted in each share, such as those below a point; bool [images] each.
        clusters: Patient of each image, at least one.
    """
    size = len(clusters)
    _, codes, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    num_clusters = len(counts)
    if num_clusters == size:
        return float(size)
    found = expected = 0.0
    for inside in shares:
        share = float(np.mean(inside))
        deviations = np.bincount(codes, inside) - share * counts
        found += float(np.sum(deviations**2))
        expected += size * share * (1 - share)
    if num_clusters == 1 or expected == 0:
        return float(num_clusters)
    return size / max(1.0, cautious(found / expected, counts))


def cautious(design_effect: float, counts: np.ndarray) -> float:
    """A design effect with a standard error added, at most that of images which all agree, of few patients.

    From few patients it is uncertain, and intervals that take it as known are too narrow. It is the ratio of
    a variance with one degree of freedom less than there are patients.

    Args:
        design_effect: As estimated.
        counts: Images of each patient.
    """
    if len(counts) >= FEW_CLUSTERS:
        return design_effect
    most = float(np.sum(counts.astype(float) ** 2) / np.sum(counts))
    error = math.sqrt(2 / (len(counts) - 1)) if len(counts) > 1 else math.inf
    return max(design_effect, min(most, design_effect * (1 + error)))


def proportion(
    successes: np.ndarray,
    clusters: np.ndarray,
    *,
    level: float,
    none_reason: str = "no cases",
    exact: bool = False,
) -> Quantity:
    """Share of successes with its interval, at the effective size when patients have several images.

    Args:
        successes: True or False, [images].
        clusters: Patient of each image.
        none_reason: Why there is no share, if there are no images.
        exact: Clopper and Pearson's interval instead of Wilson's.
    """
    size, num_clusters = len(successes), len(np.unique(clusters))
    name = "Clopper-Pearson" if exact else "Wilson"
    if size == 0:
        return undefined(none_reason, method=name, n=0, n_clusters=0)
    share = float(np.mean(successes))
    effective = effective_size(np.asarray(successes, dtype=float), clusters)
    is_clustered = num_clusters < size
    interval = (
        clopper_pearson(share * effective, effective, level=level)
        if exact
        else wilson(share, effective, level=level)
    )
    return quantity(
        share,
        ci=interval,
        level=level,
        se=math.sqrt(share * (1 - share) / effective),
        method=f"{name}, clustered (effective n {effective:.1f})" if is_clustered else name,
        n=size,
        n_clusters=num_clusters,
    )


def logit_interval(estimate: float, se: float, *, level: float) -> Interval:
    """Interval that is symmetric on the logit scale, for an estimate strictly between 0 and 1.

    Reference: Pepe, The Statistical Evaluation of Medical Tests, 2003, section 5.2.4.
    """
    center = math.log(estimate / (1 - estimate))
    half = normal_quantile(level) * se / (estimate * (1 - estimate))
    return _expit(center - half), _expit(center + half)


def newcombe_auc(estimate: float, positives: float, negatives: float, *, level: float) -> Interval:
    """Score-like interval for an AUC that holds with few cases and at 0 and 1.

    Reference: Newcombe, Statistics in Medicine 2006; 25:559, method 5.
    """
    z = normal_quantile(level)
    mean_size = (positives + negatives) / 2

    def excess(value: float) -> float:
        spread = 1 + (mean_size - 1) * ((1 - value) / (2 - value) + value / (1 + value))
        variance = value * (1 - value) * spread / (positives * negatives)
        return (estimate - value) ** 2 - z * z * variance

    nudge = 1e-12
    low = 0.0 if estimate <= nudge else brentq(excess, 0.0, min(estimate, 1 - nudge), xtol=1e-15, rtol=1e-14)
    high = 1.0 if estimate >= 1 - nudge else brentq(excess, max(estimate, nudge), 1.0, xtol=1e-15, rtol=1e-14)
    return float(low), float(high)


def mean_value(
    values: np.ndarray,
    clusters: np.ndarray,
    *,
    level: float,
    what: str,
    floor: float | None = 0.0,
    ceiling: float = math.inf,
) -> Quantity:
    """Mean of one number an image, with an interval by Student's t whose variance is summed by patient.

    Numbers that cannot be below 0 are skewed: their interval is on the logarithmic scale.

    Args:
        values: float [images].
        clusters: Patient of each image.
        what: What they are.
        floor: What they cannot be below, 0 or None.
        ceiling: What they cannot be above; the interval ends there.

    Reference: Liang & Zeger, Biometrika 1986 (working independence).
    """
    size = len(values)
    _, codes, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    num_clusters = len(counts)
    mean = float(np.mean(values)) if size else 0.0
    is_logarithmic = floor == 0 and mean > 0
    method = f"{what}, Student's t" + (", log scale" if is_logarithmic else "")
    method += ", clustered" if num_clusters < size else ""
    if size == 0:
        return undefined("no image with a known label", method=method, n=0, n_clusters=0)
    if num_clusters < 2:
        return quantity(mean, method=method, n=size, n_clusters=num_clusters, reason="needs two patients")
    deviations = np.bincount(codes, values - mean)
    variance = num_clusters / (num_clusters - 1) * float(np.sum(deviations**2)) / size**2
    of_images = float(np.sum((values - mean) ** 2)) / size**2
    if num_clusters < size and of_images > 0:
        variance = of_images * cautious(variance / of_images, counts)
    se = math.sqrt(variance)
    half = student_quantile(level, num_clusters) * se
    if is_logarithmic:
        factor = math.exp(min(700.0, half / mean))
        interval = mean / factor, min(ceiling, mean * factor)
    else:
        interval = (mean - half if floor is None else max(floor, mean - half)), min(ceiling, mean + half)
    return quantity(mean, ci=interval, level=level, se=se, method=method, n=size, n_clusters=num_clusters)


def student_quantile(level: float, num_clusters: int) -> float:
    """Half-width of a central interval in standard errors that were estimated from so many patients."""
    return float(stdtrit(max(1, num_clusters - 1), 0.5 + level / 2))


def resampled_reach(level: float, num_clusters: int) -> float:
    """Half-width of a central interval in standard errors of resamples of so many patients.

    Resamples of k patients vary too little by k - 1 in k, and their spread is itself an estimate.

    Reference: Hesterberg, The American Statistician 2015; 69:371, section 5.3.
    """
    size = max(_FEWEST_RESAMPLED, num_clusters)
    return math.sqrt(size / (size - 1)) * student_quantile(level, size)


def expanded_level(level: float, num_clusters: int) -> float:
    """Level at which percentiles of resamples from few patients hold what `level` promises.

    They reach as far as `resampled_reach` would if resamples were normal.

    Reference: Hesterberg, The American Statistician 2015; 69:371, section 5.3 (expanded percentiles).
    """
    return 1 - 2 * float(ndtr(-resampled_reach(level, num_clusters)))


def expanded_p(p: float, num_clusters: int) -> float:
    """The p-value whose expanded interval (`expanded_level`) ends where that of this one does unexpanded."""
    size = max(_FEWEST_RESAMPLED, num_clusters)
    reach = math.sqrt((size - 1) / size) * float(ndtri(1 - p / 2))
    return 2 * float(stdtr(size - 1, -reach))


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
