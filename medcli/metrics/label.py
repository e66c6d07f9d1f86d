"""One label of the images where it is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medcli.metrics.bootstrap import PatientSums, Resamples
from medcli.metrics.confusion_statistics import call_sums
from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings


@dataclass(frozen=True)
class Label:
    """One label of the images where it is known, with all that its measures are made from.

    Attributes:
        name: Of the class.
        targets: 1 or 0, float [images].
        ranks: What the ROC curve is drawn from, [images].
        clusters: Patient code of each image, in the numbering of all patients.
        called: Whether each image is called positive, bool [images], or None.
        not_called: Why nothing is called, when nothing is.
        risk: Probability from which images are called, or None.
        no_risk: Why there is no such probability, when there is none.
        settings: Of the evaluation.
        resamples: Of all patients.
    """

    name: str
    targets: np.ndarray
    ranks: np.ndarray
    clusters: np.ndarray
    called: np.ndarray | None
    not_called: str
    risk: float | None
    no_risk: str
    settings: Settings
    resamples: Resamples

    @property
    def n(self) -> int:
        """How many images."""
        return len(self.targets)

    @cached_property
    def n_clusters(self) -> int:
        """How many patients they are of."""
        return len(np.unique(self.clusters))

    @property
    def num_positive(self) -> int:
        """How many of them have the finding."""
        return int(np.sum(self.targets == 1))

    @property
    def calls(self) -> np.ndarray:
        """Whether each image is called positive, of a label that has a threshold."""
        assert self.called is not None
        return self.called

    @cached_property
    def sums(self) -> PatientSums:
        """Margins of each patient's table of truth and call, ready to be resampled."""
        return call_sums(self.targets, self.calls, self.clusters, num_classes=2, resamples=self.resamples)


def known_rows(scored: Scored, column: int) -> np.ndarray:
    """Where the truth of a class is known, bool [images]."""
    return ~np.isnan(scored.targets[:, column])


def label_of(
    scored: Scored, column: int, *, settings: Settings, resamples: Resamples, most_likely: bool = False
) -> Label:
    """A column of the predictions, called at its threshold, or where it is the most likely class."""
    rows, point = known_rows(scored, column), scored.thresholds[column]
    if most_likely:
        called = scored.calls[rows] == column
    elif point["threshold"] is None:
        called = None
    else:
        called = scored.decided[rows, column] >= point["threshold"]
    risk, no_risk = _risk(scored, None if most_likely else point["threshold"])
    return Label(
        name=scored.classes[column],
        targets=scored.targets[rows, column],
        ranks=scored.ranks[rows, column],
        clusters=scored.clusters[rows],
        called=called,
        not_called=f"no threshold: {point.get('reason')}",
        risk=risk,
        no_risk=no_risk,
        settings=settings,
        resamples=resamples,
    )


def _risk(scored: Scored, threshold: float | None) -> tuple[float | None, str]:
    """A threshold as the probability from which one would act, and why it is none."""
    if scored.before is None:
        return None, scored.why_ranks
    if threshold is None or not 0 < threshold < 1:
        return None, "a net benefit needs a threshold above 0 and below 1"
    return threshold, ""
