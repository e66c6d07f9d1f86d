"""Area under the ROC curve with an interval: of one label, and the mean over labels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from medcli.metrics.intervals import Interval, logit_interval, newcombe_auc
from medcli.metrics.roc import RocComponents, auc_covariance, roc_components
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
    components: Sequence[RocComponents | None], *, n: int, n_clusters: int, level: float
) -> Quantity:
    """Mean AUC over the labels that have both classes, with the covariance between labels.

    Args:
        components: Of each label, all with the same numbering of patients.
        n: Images with at least one known label.
        n_clusters: Their patients.
    """
    defined = [item for item in components if item is not None]
    method = f"mean of {len(defined)} AUCs, DeLong components by patient, logit scale"
    if not defined:
        return undefined("no label has both classes", method=method, n=n, n_clusters=n_clusters)
    mean, se, interval, reason = float(np.mean([item.auc for item in defined])), None, None, None
    if all(item.has_variance for item in defined):
        variance = sum(auc_covariance(a, b) for a in defined for b in defined) / len(defined) ** 2
        se = math.sqrt(max(variance, 0.0))
        if se > 0 and 0 < mean < 1:
            interval = logit_interval(mean, se, level=level)
        else:
            reason = "the AUCs have no variance"
    else:
        reason = "a label has positives or negatives in one patient only"
    value = quantity(
        mean, ci=interval, level=level, se=se, method=method, n=n, n_clusters=n_clusters, reason=reason
    )
    return _beside_chance(value)


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
    if variance is not None and is_regular and is_clustered and components.image_variance:
        design_effect = max(1.0, variance / components.image_variance)
        positives, negatives = positives / design_effect, negatives / design_effect
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
