"""ROC curve, area under it, and DeLong's structural components summed by patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def midranks(values: np.ndarray) -> np.ndarray:
    """Rank of each value from 1, ties sharing the mean of their ranks; infinities allowed."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def auc(targets: np.ndarray, scores: np.ndarray) -> float | None:
    """Chance that a positive scores above a negative, ties counting half; None with one class only.

    Args:
        targets: 1 or 0 of each image; unknown targets are removed by the caller.
        scores: Any rank, higher meaning more likely positive; no NaN.
    """
    is_positive = np.asarray(targets) == 1
    num_positive = int(is_positive.sum())
    num_negative = len(is_positive) - num_positive
    if num_positive == 0 or num_negative == 0:
        return None
    rank_sum = midranks(np.asarray(scores))[is_positive].sum()
    return float((rank_sum - num_positive * (num_positive + 1) / 2) / (num_positive * num_negative))


def roc_curve(targets: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners of the empirical curve under the rule `score >= threshold`, from (0, 0) to (1, 1).

    Returns:
        False positive rates, sensitivities, and thresholds (descending, the first infinite). A rate
        whose class has no case is NaN.
    """
    is_positive = np.asarray(targets) == 1
    order = np.argsort(-np.asarray(scores, dtype=float), kind="stable")
    ordered = np.asarray(scores, dtype=float)[order]
    last_of_tie = np.append(ordered[1:] != ordered[:-1], True) if len(ordered) else np.zeros(0, bool)
    true_calls = np.cumsum(is_positive[order])[last_of_tie]
    false_calls = np.cumsum(~is_positive[order])[last_of_tie]
    with np.errstate(invalid="ignore"):
        sensitivities = np.append(0, true_calls) / np.float64(is_positive.sum())
        false_rates = np.append(0, false_calls) / np.float64((~is_positive).sum())
    return false_rates, sensitivities, np.append(np.inf, ordered[last_of_tie])


@dataclass(frozen=True)
class RocComponents:
    """An AUC and what each patient contributes to its error.

    `positive_parts` and `negative_parts` [clusters] are the sums, over a patient's positive and
    negative images, of (placement - AUC), divided by the number of positives and negatives.
    """

    auc: float
    positive_parts: np.ndarray
    negative_parts: np.ndarray
    num_positive: int
    num_negative: int
    positive_clusters: int
    negative_clusters: int
    clusters: int

    @property
    def has_variance(self) -> bool:
        """Whether there are two patients of each kind."""
        return self.positive_clusters > 1 and self.negative_clusters > 1


def roc_components(
    targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, num_clusters: int
) -> RocComponents | None:
    """Structural components of the AUC by ranks, summed by patient; None with one class only.

    Args:
        targets: 1 or 0 of each image.
        scores: Higher means more likely positive.
        clusters: Patient of each image as a code in [0, num_clusters).
        num_clusters: Length of the parts, so that several labels of the same patients line up.

    Reference: Sun & Xu, IEEE Signal Processing Letters 2014 (ranks); Obuchowski, Biometrics 1997 (clusters).
    """
    estimate = auc(targets, scores)
    if estimate is None:
        return None
    is_positive = np.asarray(targets) == 1
    ranks = midranks(np.asarray(scores))
    num_positive, num_negative = int(is_positive.sum()), int((~is_positive).sum())
    below = (ranks[is_positive] - midranks(scores[is_positive])) / num_negative
    above = 1 - (ranks[~is_positive] - midranks(scores[~is_positive])) / num_positive
    owners, others = clusters[is_positive], clusters[~is_positive]
    return RocComponents(
        auc=estimate,
        positive_parts=np.bincount(owners, (below - estimate) / num_positive, num_clusters),
        negative_parts=np.bincount(others, (above - estimate) / num_negative, num_clusters),
        num_positive=num_positive,
        num_negative=num_negative,
        positive_clusters=len(np.unique(owners)),
        negative_clusters=len(np.unique(others)),
        clusters=len(np.unique(clusters)),
    )


def auc_covariance(first: RocComponents, second: RocComponents) -> float:
    """Covariance of two AUCs measured on the same patients; of one with itself, its variance.

    With one image a patient this is DeLong's estimator, with one truth for both Obuchowski's. For two labels
    that differ in their positives, each small-sample factor is the geometric mean of the two labels' factors.

    Reference: DeLong, DeLong & Clarke-Pearson, Biometrics 1988; Obuchowski, Biometrics 1997, section 3.
    """
    positive = _factor(first.positive_clusters, second.positive_clusters)
    negative = _factor(first.negative_clusters, second.negative_clusters)
    either = _factor(first.clusters, second.clusters)
    mixed = np.dot(first.positive_parts, second.negative_parts)
    mixed += np.dot(first.negative_parts, second.positive_parts)
    return float(
        positive * np.dot(first.positive_parts, second.positive_parts)
        + negative * np.dot(first.negative_parts, second.negative_parts)
        + either * mixed
    )


def _factor(first: int, second: int) -> float:
    return float(np.sqrt(first / (first - 1) * second / (second - 1)))
