"""Area under the ROC curve with an interval: of one label, and the mean over labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from medcli.metrics.intervals import Interval, logit_interval, newcombe_auc, normal_quantile, student_quantile
from medcli.metrics.roc import RocComponents, auc_covariance, roc_components, roc_curve
from medcli.quantity import Quantity, beside, quantity, undefined

# Below this many positive or negative patients the logit interval of DeLong covers less than it says.
FEW = 30
# Variances below are rounding.
NO_VARIANCE = 1e-15


def auc_quantity(targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, level: float) -> Quantity:
    """AUC of one label with its interval; null with the reason when a class has no case.

    The interval is DeLong's on the logit scale, summed by patient when patients have several images
    (Obuchowski 1997). With fewer than 30 positive or negative patients, or no variance at all, it is
    Newcombe's method 5 at the effective numbers of cases.

    Args:
        targets: 1 or 0 of each image, no unknowns.
        scores: Higher means more likely positive.
        clusters: Patient code of each image.
    """
    components = roc_components(targets, scores, clusters, num_clusters=_length(clusters))
    num_clusters = len(np.unique(clusters))
    if components is None:
        reason = one_class_reason(targets)
        return undefined(reason, method="AUC by ranks", n=len(targets), n_clusters=num_clusters)
    is_clustered = num_clusters < len(targets)
    variance = auc_covariance(components, components) if components.has_variance else None
    interval, name = auc_interval(components, level=level)
    value = quantity(
        components.auc,
        ci=interval,
        level=level,
        se=None if variance is None else math.sqrt(max(variance, 0.0)),
        method=name + (", clustered (Obuchowski 1997)" if is_clustered else ""),
        n=len(targets),
        n_clusters=num_clusters,
        flags=few_flags(components, variance),
    )
    return _beside_chance(value)


def macro_auc(
    components: Iterable[RocComponents | None],
    *,
    n: int,
    n_clusters: int,
    level: float,
    weights: Sequence[float] | None = None,
    name: str = "mean",
) -> Quantity:
    """Mean AUC over the labels that have both classes, with the covariance between labels.

    The interval is on the logit scale. Where a label has fewer than 30 positive or negative patients, the
    intervals of the labels are squared and added, with the correlations between labels (of a label without
    variance, none): DeLong's variance of an AUC of few cases is too small, and so is that of their mean. As
    those correlations are estimated from few patients too, Student's t with patients less one replaces z.

    Args:
        components: Of each label, all with the same numbering of patients.
        n: Images with at least one known label.
        n_clusters: Their patients.
        weights: Of each label; equal when None.
        name: Of the mean.

    Reference: Zou, Psychological Methods 2007; 12:399. Cameron & Miller, Journal of Human Resources 2015;
    50:317, section VI.D.
    """
    mean = WeightedMean(level)
    for position, item in enumerate(components):
        if item is not None:
            mean.add(item, 1.0 if weights is None else float(weights[position]))
    method = f"{name} of {mean.count} AUCs, DeLong components by patient"
    if not mean.total > 0:
        return undefined("no label has both classes", method=method, n=n, n_clusters=n_clusters)
    estimate, se = mean.sum / mean.total, mean.error()
    if mean.fewest >= FEW and se is not None and se > 0 and 0 < estimate < 1:
        interval, kind = logit_interval(estimate, se, level=level), "logit scale"
    else:
        wider = student_quantile(level, n_clusters) / normal_quantile(level) if mean.count > 1 else 1.0
        below, above = (wider * distance for distance in mean.distances())
        interval, kind = (max(0.0, estimate - below), min(1.0, estimate + above)), "square and add (Zou 2007)"
    value = quantity(
        estimate,
        ci=interval,
        level=level,
        se=se,
        method=f"{method}, {kind}",
        n=n,
        n_clusters=n_clusters,
        flags=[f"a label has fewer than {FEW} positive or negative patients"] if mean.fewest < FEW else [],
    )
    return _beside_chance(value)


class WeightedMean:
    """A mean of AUCs with its errors, one AUC at a time: what a patient adds to all of them is summed.

    AUCs with a negative weight are taken off it: the difference of two means.

    The factors of small samples in the covariance of two AUCs are products of a factor of each, so that the
    variance of a sum needs no pairs.
    """

    def __init__(self, level: float) -> None:
        self.level = level
        self.sum, self.total, self.count, self.fewest = 0.0, 0.0, 0, FEW
        self._plain, self._below, self._above = _Parts(), _Parts(), _Parts()
        self._all_vary = True

    def add(self, item: RocComponents, weight: float) -> None:
        """One more AUC."""
        self.sum, self.total = self.sum + weight * item.auc, self.total + max(0.0, weight)
        self.count += 1
        self.fewest = min(self.fewest, item.fewest)
        (low, high), _ = auc_interval(item, level=self.level)
        se = math.sqrt(max(0.0, auc_covariance(item, item))) if item.has_variance else 0.0
        self._all_vary &= item.has_variance
        if item.has_variance:
            self._plain.add(item, weight)
        distances = item.auc - low, high - item.auc
        for parts, distance in zip(
            (self._below, self._above), distances if weight > 0 else distances[::-1], strict=True
        ):
            if se * se > NO_VARIANCE:
                parts.add(item, weight * distance / se)
            else:
                parts.extra += (weight * distance) ** 2

    def error(self) -> float | None:
        """Standard error of the mean, or None when an AUC has none."""
        return math.sqrt(self._plain.variance()) / self.total if self._all_vary else None

    def distances(self) -> tuple[float, float]:
        """From the mean to the ends of its interval, by squares of the distances of each AUC."""
        below, above = (math.sqrt(parts.variance()) / self.total for parts in (self._below, self._above))
        return below, above


class _Parts:
    """Weighted sums of what each patient adds to AUCs, with the factors of small samples."""

    def __init__(self) -> None:
        self.extra = 0.0
        self._sums: list[np.ndarray] | None = None

    def add(self, item: RocComponents, weight: float) -> None:
        positive, negative, either = (
            weight * math.sqrt(count / (count - 1))
            for count in (item.positive_clusters, item.negative_clusters, item.clusters)
        )
        parts = [
            positive * item.positive_parts,
            negative * item.negative_parts,
            either * item.positive_parts,
            either * item.negative_parts,
        ]
        self._sums = parts if self._sums is None else [a + b for a, b in zip(self._sums, parts, strict=True)]

    def variance(self) -> float:
        if self._sums is None:
            return self.extra
        positive, negative, mixed, other = self._sums
        both = positive @ positive + negative @ negative + 2 * (mixed @ other)
        return max(0.0, float(both)) + self.extra


def best_youden(targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray) -> Quantity:
    """Largest sensitivity plus specificity less one over all thresholds of these very images.

    Args:
        targets: 1 or 0 of each image, no unknowns.
        scores: Higher means more likely positive.
        clusters: Patient code of each image.

    Returns:
        A quantity with `threshold` (the lowest of equals; None where it is an infinite score),
        `sensitivity` and `specificity` there; without
        interval, because the choice makes it optimistic.

    Reference: Youden, Cancer 1950; 3:32.
    """
    method, used = "largest Youden index", len(np.unique(clusters))
    is_positive = np.asarray(targets) == 1
    if not 0 < is_positive.sum() < len(is_positive):
        return undefined(one_class_reason(targets), method=method, n=len(is_positive), n_clusters=used)
    false_rates, sensitivities, thresholds = roc_curve(targets, scores)
    # In whole numbers, so that equals are equal.
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    merit = np.rint(sensitivities * positives) * negatives - np.rint(false_rates * negatives) * positives
    best = int(np.flatnonzero(merit == merit[1:].max())[-1])
    value = quantity(
        float(merit[best] / (positives * negatives)),
        method=method,
        n=len(is_positive),
        n_clusters=used,
        reason="no interval: the threshold was chosen on these images, which flatters it",
    )
    facts = {"sensitivity": float(sensitivities[best]), "specificity": float(1 - false_rates[best])}
    threshold = float(thresholds[best]) if math.isfinite(thresholds[best]) else None
    return beside({**value, "threshold": threshold, **facts}, rule="chance", estimate=0)


def one_class_reason(targets: np.ndarray) -> str:
    """Why an AUC, a threshold or a rate is undefined for these targets."""
    if len(targets) == 0:
        return "no known label"
    return "no negative case" if np.all(np.asarray(targets) == 1) else "no positive case"


def auc_interval(components: RocComponents, *, level: float) -> tuple[Interval, str]:
    """The default interval of an AUC, and its name; also for AUCs of one class's patients only."""
    is_clustered = components.clusters < components.num_positive + components.num_negative
    variance = auc_covariance(components, components) if components.has_variance else None
    is_regular = variance is not None and variance > NO_VARIANCE and 0 < components.auc < 1
    if variance is not None and is_regular and components.fewest >= FEW:
        return logit_interval(components.auc, math.sqrt(variance), level=level), "DeLong, logit scale"
    positives, negatives = float(components.num_positive), float(components.num_negative)
    if is_regular and is_clustered:
        positives, negatives = (size / components.design_effect for size in (positives, negatives))
    if not is_regular:
        positives, negatives = float(components.positive_clusters), float(components.negative_clusters)
    return newcombe_auc(components.auc, positives, negatives, level=level), "Newcombe method 5"


def few_flags(components: RocComponents, variance: float | None) -> list[str]:
    """What a statistician would say of an AUC from few patients, without variance, or below chance."""
    flags = []
    if components.positive_clusters < FEW:
        flags.append(_few("positives", components.num_positive, components.positive_clusters))
    if components.negative_clusters < FEW:
        flags.append(_few("negatives", components.num_negative, components.negative_clusters))
    if variance is None:
        flags.append("DeLong's variance needs two positives and two negatives")
    elif variance <= NO_VARIANCE:
        flags.append("DeLong's variance is zero")
    if components.auc < 0.5:
        flags.append("AUC is below 0.5: the scores run against the labels")
    return flags


def _beside_chance(value: Quantity) -> Quantity:
    return beside(value, rule="chance", estimate=0.5)


def _few(kind: str, images: int, patients: int) -> str:
    if patients == images:
        return f"few {kind} ({images})"
    return f"few {kind} ({images} in {patients} patient{'' if patients == 1 else 's'})"


def _length(clusters: np.ndarray) -> int:
    return int(clusters.max()) + 1 if len(clusters) else 0
