"""What a model reaches less what each of several readers reaches, on the images that he read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.metrics.bootstrap import Resamples
from medcli.metrics.reader_covariances import auc_covariances, share_covariances

_BLOCK = 4_000_000
KINDS = {"sensitivity": (1.0,), "specificity": (0.0,)}
"""The truth of the images that a figure depends on, where it is not either."""


@dataclass(frozen=True)
class Sitting:
    """One label of the images that a model scored and readers read.

    Attributes:
        targets: The truth that each reader is compared with, 1 or 0, float [readers, images]; NaN where it is
            unknown or he did not read.
        ratings: What he said, float [readers, images], NaN where `targets` is. A call is 1 or 0.
        scores: Of the model, [images].
        clusters: Patient code of each image, from 0.
    """

    targets: np.ndarray
    ratings: np.ndarray
    scores: np.ndarray
    clusters: np.ndarray

    def __post_init__(self) -> None:
        unknown = np.isnan(self.targets) | np.isnan(self.ratings)
        object.__setattr__(self, "targets", np.where(unknown, np.nan, self.targets))
        object.__setattr__(self, "ratings", np.where(unknown, np.nan, self.ratings))

    @property
    def read(self) -> np.ndarray:
        """Which images each reader is judged on, bool [readers, images]."""
        return ~np.isnan(self.targets)

    def is_comparable(self) -> np.ndarray:
        """Whether a reader has positives and negatives of two patients each, bool [readers]."""
        return np.array([self.of([row]).fewest() > 1 for row in range(len(self.targets))], dtype=bool)

    def fewest(self, kinds: tuple[float, ...] = (0.0, 1.0)) -> int:
        """Patients of the rarest of these kinds of truth that a reader is judged on."""
        owners = [self.clusters[row == kind] for row in self.targets for kind in kinds]
        return min((len(np.unique(patients)) for patients in owners), default=0)

    def calls(self, positive_from: float) -> Sitting:
        """The same with ratings turned into calls: from this rating on they are a yes."""
        return Sitting(
            self.targets,
            np.where(self.read, (self.ratings >= positive_from).astype(float), np.nan),
            self.scores,
            self.clusters,
        )

    def of(self, readers: np.ndarray | list[int]) -> Sitting:
        """Some of the readers."""
        return Sitting(self.targets[readers], self.ratings[readers], self.scores, self.clusters)


@dataclass(frozen=True)
class Differences:
    """A figure of the model and of each reader on the same images, and how they err together.

    Attributes:
        model: The model's, on the images of each reader, [readers].
        readers: The readers', [readers].
        covariance: Of model less reader, [readers, readers].
        readers_covariance: Of the readers' own, [readers, readers].
        drawn: Model less reader in every resample, [resamples, readers]; None without a bootstrap.
    """

    model: np.ndarray
    readers: np.ndarray
    covariance: np.ndarray
    readers_covariance: np.ndarray
    drawn: np.ndarray | None = None


def area_differences(sitting: Sitting, scores: np.ndarray) -> Differences:
    """Areas under the curve: of ratings, or of calls, where it is the mean of sensitivity and specificity.

    Args:
        sitting: Of comparable readers.
        scores: What of the model is compared: its scores, or its calls as 1 and 0, [images].
    """
    own = np.where(sitting.read, np.asarray(scores, dtype=float), np.nan)
    both = np.vstack([own, sitting.ratings])
    return _contrast(*auc_covariances(np.vstack([sitting.targets] * 2), both, sitting.clusters))


def rate_differences(sitting: Sitting, is_called: np.ndarray, *, kind: str) -> Differences:
    """Sensitivities (`kind` 1) or specificities (0) of calls, the model's at its threshold.

    Args:
        sitting: Of comparable readers who call.
        is_called: By the model, bool [images].
        kind: `sensitivity` or `specificity`.
    """
    label = 1.0 if kind == "sensitivity" else 0.0
    among = sitting.targets == label
    own = np.where(among, (np.asarray(is_called) == label).astype(float), np.nan)
    right = np.where(among, (sitting.ratings == label).astype(float), np.nan)
    used = among.any(axis=0)
    return _contrast(*share_covariances(np.vstack([own, right])[:, used], sitting.clusters[used]))


def matched_differences(sitting: Sitting, *, kind: str, resamples: Resamples) -> Differences:
    """The model's sensitivity at a specificity no less than a reader's, less his sensitivity; or the reverse.

    The model's threshold is chosen again for each reader in every resample of patients, so that the errors
    know of it. Thresholds are scores: between two of them nothing is interpolated.

    Args:
        sitting: Of comparable readers who call.
        kind: `sensitivity` (at each reader's specificity) or `specificity` (at his sensitivity).
        resamples: Of patients.
    """
    turn = kind == "specificity"
    scores = -sitting.scores if turn else sitting.scores
    targets = 1 - sitting.targets if turn else sitting.targets
    ratings = 1 - sitting.ratings if turn else sitting.ratings
    # Readers who read the same images share the walk.
    walks = {row.tobytes(): _Walk(row, scores, sitting.clusters) for row in targets}
    seats = [
        (row.tobytes(), _Calls(row, said, sitting.clusters))
        for row, said in zip(targets, ratings, strict=True)
    ]
    # As many resamples at once as keep the arrays of weights small, however many images a patient has.
    step = max(1, _BLOCK // max(1, len(scores)))

    def rates(counts: np.ndarray) -> np.ndarray:
        pieces = [counts[start : start + step] for start in range(0, len(counts), step)]
        return np.concatenate([_rates(piece, walks, seats) for piece in pieces])

    everyone = rates(np.ones((1, resamples.num_clusters), dtype=np.uint8))[0]
    drawn = resamples.evaluate(rates)
    model, readers = drawn[:, :, 0], drawn[:, :, 1]
    defined = ~np.isnan(drawn).any(axis=(1, 2))
    width = 2 * len(targets)
    is_enough = defined.sum() > max(1, resamples.count / 2)
    together = (
        np.cov(np.hstack([model, readers])[defined].T) if is_enough else np.full((width, width), np.nan)
    )
    found = _contrast(np.concatenate([everyone[:, 0], everyone[:, 1]]), np.atleast_2d(together))
    return Differences(
        found.model, found.readers, found.covariance, found.readers_covariance, model - readers
    )


class _Walk:
    """The model's images from the highest score down, to be walked with the weights of resamples."""

    def __init__(self, targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray) -> None:
        kept = np.flatnonzero(~np.isnan(targets))
        order = kept[np.argsort(-scores[kept], kind="stable")]
        self._owners, self._is_positive = clusters[order], targets[order] == 1
        ordered = scores[order]
        self._ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))

    def counts(self, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positives and negatives found down to each score, [resamples, scores]."""
        weights = drawn[:, self._owners]
        return tuple(  # type: ignore[return-value]
            np.cumsum(weights * kind, axis=1, dtype=np.int32)[:, self._ends]
            for kind in (self._is_positive, ~self._is_positive)
        )


class _Calls:
    """What one reader finds and falsely calls, by patient."""

    def __init__(self, targets: np.ndarray, ratings: np.ndarray, clusters: np.ndarray) -> None:
        called = [(targets == kind) & (ratings == 1) for kind in (1, 0)]
        size = int(clusters.max()) + 1
        self._by_patient = np.stack([np.bincount(clusters[rows], minlength=size) for rows in called], axis=1)

    def counts(self, drawn: np.ndarray) -> np.ndarray:
        """Positives and negatives that he calls, [resamples, 2]."""
        return drawn.astype(float) @ self._by_patient


def _rates(drawn: np.ndarray, walks: dict[bytes, _Walk], seats: list[tuple[bytes, _Calls]]) -> np.ndarray:
    """Rates among the positives of the model and of each reader, [resamples, readers, 2]; or NaN."""
    walked = {name: walk.counts(drawn) for name, walk in walks.items()}
    result = np.empty((len(drawn), len(seats), 2))
    for place, (name, calls) in enumerate(seats):
        found, alarms = walked[name]
        own = calls.counts(drawn)
        reach = np.sum(alarms <= own[:, 1:], axis=1)
        model = np.where(reach > 0, np.take_along_axis(found, np.maximum(reach - 1, 0)[:, None], 1)[:, 0], 0)
        with np.errstate(invalid="ignore"):
            result[:, place] = np.stack([model, own[:, 0]], axis=1) / found[:, -1:].astype(float)
        result[alarms[:, -1] == 0, place] = np.nan
    return result


def _contrast(figures: np.ndarray, covariance: np.ndarray) -> Differences:
    """Model less reader, of figures and covariances whose first half is the model's."""
    half = len(figures) // 2
    sign = np.hstack([np.eye(half), -np.eye(half)])
    return Differences(figures[:half], figures[half:], sign @ covariance @ sign.T, covariance[half:, half:])
