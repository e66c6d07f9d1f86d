"""What each patient adds to the counts and sums that metrics at a threshold and of probabilities are made of.

Metrics of resampled patients are functions of resampled sums, so that all of them, of all labels and
models, take one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from medcli.metrics.bins import bin_codes
from medcli.metrics.probability import log_losses

BINS = 15
TP, FP, FN, TN, SIZE, SQUARES, LOSSES = range(7)
_BINNED = 7
COLUMNS = _BINNED + BINS


@dataclass(frozen=True)
class LabelScores:
    """Scores of one label by one model, of images whose truth is known.

    Attributes:
        targets: 1 or 0, [images].
        ranks: What the ROC curve is drawn from, [images].
        called: Whether each image is called positive, bool [images], or None without a threshold.
        probabilities: [images], or None of bare ranks.
        clusters: Patient of each image, in a numbering that all models share.
    """

    targets: np.ndarray
    ranks: np.ndarray
    called: np.ndarray | None
    probabilities: np.ndarray | None
    clusters: np.ndarray


@dataclass(frozen=True)
class SumMetric:
    """A metric as a function of sums: its words, its direction, what it needs."""

    title: str
    value: Callable[[np.ndarray], np.ndarray]
    higher_is_better: bool = True
    needs: str = "called"


def tally(label: LabelScores, *, num_clusters: int) -> np.ndarray:
    """Sums of each patient, float [patients, COLUMNS]; NaN in the columns that the scores cannot give."""
    sums = np.zeros((num_clusters, COLUMNS))
    is_positive = label.targets == 1

    def add(column: int, values: np.ndarray) -> None:
        sums[:, column] = np.bincount(label.clusters, values, num_clusters)

    add(SIZE, np.ones(len(is_positive)))
    if label.called is None:
        sums[:, TP : TN + 1] = np.nan
    else:
        add(TP, is_positive & label.called)
        add(FP, ~is_positive & label.called)
        add(FN, is_positive & ~label.called)
        add(TN, ~is_positive & ~label.called)
    if label.probabilities is None:
        sums[:, SQUARES:] = np.nan
        return sums
    add(SQUARES, (label.probabilities - label.targets) ** 2)
    add(LOSSES, log_losses(label.probabilities, label.targets))
    codes = bin_codes(label.probabilities, num_bins=BINS)
    gaps = label.probabilities - label.targets
    cells = label.clusters * BINS + codes
    sums[:, _BINNED:] = np.bincount(cells, gaps, num_clusters * BINS).reshape(-1, BINS)
    return sums


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return part / whole


def _f1(s: np.ndarray) -> np.ndarray:
    return _share(2 * s[..., TP], 2 * s[..., TP] + s[..., FP] + s[..., FN])


def _mcc(s: np.ndarray) -> np.ndarray:
    tp, fp, fn, tn = (s[..., column] for column in (TP, FP, FN, TN))
    return _share(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def _balanced(s: np.ndarray) -> np.ndarray:
    return (_share(s[..., TP], s[..., TP] + s[..., FN]) + _share(s[..., TN], s[..., TN] + s[..., FP])) / 2


def _ece(s: np.ndarray) -> np.ndarray:
    return _share(np.abs(s[..., _BINNED:]).sum(axis=-1), s[..., SIZE])


SUM_METRICS: dict[str, SumMetric] = {
    "sensitivity": SumMetric("Sensitivity", lambda s: _share(s[..., TP], s[..., TP] + s[..., FN])),
    "specificity": SumMetric("Specificity", lambda s: _share(s[..., TN], s[..., TN] + s[..., FP])),
    "ppv": SumMetric("Positive predictive value", lambda s: _share(s[..., TP], s[..., TP] + s[..., FP])),
    "npv": SumMetric("Negative predictive value", lambda s: _share(s[..., TN], s[..., TN] + s[..., FN])),
    "accuracy": SumMetric("Accuracy", lambda s: _share(s[..., TP] + s[..., TN], s[..., SIZE])),
    "balanced_accuracy": SumMetric("Balanced accuracy", _balanced),
    "f1": SumMetric("F1", _f1),
    "mcc": SumMetric("Matthews correlation", _mcc),
    "brier": SumMetric(
        "Brier score",
        lambda s: _share(s[..., SQUARES], s[..., SIZE]),
        higher_is_better=False,
        needs="probabilities",
    ),
    "log_loss": SumMetric(
        "Log loss",
        lambda s: _share(s[..., LOSSES], s[..., SIZE]),
        higher_is_better=False,
        needs="probabilities",
    ),
    "ece": SumMetric("ECE", _ece, higher_is_better=False, needs="probabilities"),
}
