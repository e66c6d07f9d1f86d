"""Scores and truth of the images of one part, ready to be counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from medcli.metrics.patients import compact_codes


@dataclass(frozen=True)
class Scored:
    """Scores and truth of the images of one part, ready to be counted.

    Attributes:
        classes: Names of the columns.
        exclusive: Exactly one class is true of an image; rows with unknown truth are already out.
        targets: 1, 0 or NaN (unknown), float [images, classes].
        ranks: What the ROC curve is drawn from, [images, classes].
        before: Probabilities as the model gave them, or None when the scores are bare ranks.
        after: Calibrated probabilities, or None without a calibration.
        thresholds: Of each class, for the values of `decided`; `threshold` is None with a `reason`.
        clusters: Patient of each image, as a code from 0.
        ordered: Exclusive classes are in an order, from less to more.
        why_ranks: Why there are no probabilities, when there are none.
    """

    classes: list[str]
    exclusive: bool
    targets: np.ndarray
    ranks: np.ndarray
    before: np.ndarray | None
    after: np.ndarray | None
    thresholds: list[dict[str, Any]]
    clusters: np.ndarray
    ordered: bool = False
    why_ranks: str = "the scores are ranks, not probabilities"

    @property
    def decided(self) -> np.ndarray:
        """What thresholds are compared with: the best probabilities there are, or the ranks."""
        for values in (self.after, self.before):
            if values is not None:
                return values
        return self.ranks

    @property
    def num_clusters(self) -> int:
        """How many patients there are."""
        return int(self.clusters.max()) + 1 if len(self.clusters) else 0

    @cached_property
    def calls(self) -> np.ndarray:
        """The most likely class of each image, the first of equals."""
        return self.decided.argmax(axis=1)

    @cached_property
    def labels(self) -> np.ndarray:
        """The true class of each image, when classes exclude each other."""
        return np.nan_to_num(self.targets).argmax(axis=1)

    def per_patient(self, is_counted: np.ndarray) -> np.ndarray:
        """How many of the marked images each patient has."""
        return np.bincount(self.clusters[is_counted], minlength=self.num_clusters)

    def subset(self, rows: np.ndarray) -> Scored:
        """The marked (or numbered) images alone; patients who have none of them are no longer counted.

        Thresholds stay those of all: they were chosen before.
        """
        return replace(
            self,
            targets=self.targets[rows],
            ranks=self.ranks[rows],
            before=None if self.before is None else self.before[rows],
            after=None if self.after is None else self.after[rows],
            clusters=compact_codes(self.clusters[rows]),
        )
