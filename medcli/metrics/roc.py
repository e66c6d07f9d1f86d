"""ROC curve, area under it, and DeLong's structural components summed by patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.errors import DataError


def midranks(values: np.ndarray) -> np.ndarray:
    """Rank of each value from 1, ties sharing the mean of their ranks; infinities allowed."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


@dataclass(frozen=True)
class Placements:
    """An AUC and where each image stands among those of the other class.

    `values` [images] is, of a positive, the share of negatives below it, and of a negative the share of
    positives above it; ties count half. The mean of either is the AUC.
    """

    auc: float
    values: np.ndarray
    is_positive: np.ndarray
    num_positive: int
    num_negative: int


def placements(targets: np.ndarray, scores: np.ndarray) -> Placements | None:
    """AUC and placement values with one sort; None with one class only.

    Args:
        targets: 1 or 0 of each image; unknown targets are removed by the caller.
        scores: Any rank, higher meaning more likely positive; infinities allowed.

    Raises:
        DataError: If a score is NaN.

    Reference: DeLong, DeLong & Clarke-Pearson, Biometrics 1988; Sun & Xu, IEEE Signal Process. Lett. 2014.
    """
    is_positive, scores = np.asarray(targets) == 1, np.asarray(scores)
    check_scores(scores)
    num_positive = int(np.count_nonzero(is_positive))
    num_negative = len(is_positive) - num_positive
    if num_positive == 0 or num_negative == 0:
        return None
    order = np.argsort(scores)
    ordered = scores[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    sizes = np.diff(ends, prepend=-1)
    positives = np.cumsum(is_positive[order])[ends]
    negatives = ends + 1 - positives
    # Twice the number of positives (negatives) below each value plus half of those that equal it.
    twice_positive = positives + np.append(0, positives[:-1])
    twice_negative = negatives + np.append(0, negatives[:-1])
    twice_wins = int(np.dot(np.diff(positives, prepend=0), twice_negative))
    values = np.empty(len(scores))
    values[order] = np.where(
        is_positive[order],
        np.repeat(twice_negative / (2 * num_negative), sizes),
        np.repeat(1 - twice_positive / (2 * num_positive), sizes),
    )
    area = twice_wins / (2 * num_positive * num_negative)
    return Placements(area, values, is_positive, num_positive, num_negative)


def auc(targets: np.ndarray, scores: np.ndarray) -> float | None:
    """Chance that a positive scores above a negative, ties counting half; None with one class only.

    Args:
        targets: 1 or 0 of each image; unknown targets are removed by the caller.
        scores: Any rank, higher meaning more likely positive; no NaN.
    """
    placed = placements(targets, scores)
    return None if placed is None else placed.auc


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
    `image_parts` is the sum of squares of the same quotients of single images.
    """

    auc: float
    positive_parts: np.ndarray
    negative_parts: np.ndarray
    num_positive: int
    num_negative: int
    positive_clusters: int
    negative_clusters: int
    clusters: int
    image_parts: float

    @property
    def design_effect(self) -> float:
        """How many times larger the variance is than if every image were a patient of its own, at least 1."""
        parts = self.positive_parts + self.negative_parts
        return max(1.0, float(parts @ parts) / self.image_parts) if self.image_parts > 0 else 1.0

    @property
    def has_variance(self) -> bool:
        """Whether there are two patients of each kind."""
        return self.positive_clusters > 1 and self.negative_clusters > 1

    @property
    def fewest(self) -> int:
        """Patients of the rarer kind."""
        return min(self.positive_clusters, self.negative_clusters)


def roc_components(
    targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, num_clusters: int
) -> RocComponents | None:
    """Structural components of the AUC by ranks, summed by patient; None with one class only.

    Args:
        targets: 1 or 0 of each image.
        scores: Higher means more likely positive.
        clusters: Patient of each image as a code in [0, num_clusters).
        num_clusters: Length of the parts, so that several labels of the same patients line up.

    Reference: DeLong, DeLong & Clarke-Pearson, Biometrics 1988; Obuchowski, Biometrics 1997 (clusters).
    """
    placed = placements(targets, scores)
    if placed is None:
        return None
    is_positive, excess = placed.is_positive, placed.values - placed.auc
    owners, others = clusters[is_positive], clusters[~is_positive]
    above, below = excess[is_positive], excess[~is_positive]
    has_positive = np.bincount(owners, minlength=num_clusters) > 0
    has_negative = np.bincount(others, minlength=num_clusters) > 0
    return RocComponents(
        auc=placed.auc,
        positive_parts=np.bincount(owners, above / placed.num_positive, num_clusters),
        negative_parts=np.bincount(others, below / placed.num_negative, num_clusters),
        num_positive=placed.num_positive,
        num_negative=placed.num_negative,
        positive_clusters=int(has_positive.sum()),
        negative_clusters=int(has_negative.sum()),
        clusters=int((has_positive | has_negative).sum()),
        image_parts=float(above @ above) / placed.num_positive**2
        + float(below @ below) / placed.num_negative**2,
    )


def auc_covariance(first: RocComponents, second: RocComponents) -> float:
    """Covariance of two AUCs measured on the same patients; of one with itself, its variance.

    With one image a patient this is DeLong's estimator, with one truth for both Obuchowski's. For two labels
    that differ in their positives, each small-sample factor is the geometric mean of the two labels' factors.
    AUCs of different patients have disjoint parts, and covariance 0.

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


def check_scores(scores: np.ndarray) -> None:
    """Refuse NaN, which has no rank and is never dropped silently.

    Raises:
        DataError: If a score is NaN.
    """
    if scores.dtype.kind == "f" and np.isnan(scores).any():
        missing = np.isnan(scores)
        raise DataError(
            f"{int(missing.sum())} scores are NaN, the first is number {int(missing.argmax()) + 1}"
        )


def _factor(first: int, second: int) -> float:
    return float(np.sqrt(first / (first - 1) * second / (second - 1)))
