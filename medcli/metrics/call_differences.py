"""Calls of models against each other, where an image is of exactly one class: accuracy, recall, F1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from medcli.metrics.classification import mean_recall
from medcli.metrics.heterogeneity import gap
from medcli.metrics.influences import correlation
from medcli.metrics.intervals import proportion
from medcli.metrics.mcnemar import paired_proportions
from medcli.metrics.model_differences import Setting
from medcli.metrics.paired_differences import between_models, resampled_difference
from medcli.quantity import Quantity


@dataclass(frozen=True)
class Calls:
    """The class that a model calls, beside the true one.

    Attributes:
        labels: True class, int [images].
        called: Called class, int [images].
        clusters: Patient of each image, in a numbering that all models share.
    """

    labels: np.ndarray
    called: np.ndarray
    clusters: np.ndarray

    @property
    def is_right(self) -> np.ndarray:
        """Whether the call is the truth, bool [images]."""
        return self.labels == self.called


def compare_calls(models: list[Calls], setting: Setting, *, num_classes: int) -> list[dict[str, Any]]:
    """Differences of accuracy, balanced accuracy and macro F1 for each pair of models.

    Balanced accuracy and macro F1 are means over the classes that occur in the truth of a model's images.
    """
    tables = [_sums(model, num_classes=num_classes, setting=setting) for model in models]
    drawn = [
        setting.resamples.evaluate(partial(_weighted, table), threads=setting.threads) for table in tables
    ]
    pairs = []
    for a, b in setting.pairs(len(models)):
        sides = models[a], models[b]
        n = len(sides[0].labels) + (0 if setting.is_paired else len(sides[1].labels))
        sizes = {"n": n, "n_clusters": len(np.union1d(sides[0].clusters, sides[1].clusters))}
        measures = {"accuracy": _accuracy(sides, setting)}
        own = tuple(float(_f1(tables[k].sum(axis=0, keepdims=True))[0]) for k in (a, b))
        fewest = min(_fewest(side) for side in sides)
        measures["balanced_accuracy"] = {**_balanced_accuracy(sides, setting), **sizes}
        measures["macro_f1"] = resampled_difference(
            (own[0], own[1]),
            _f1(drawn[a]) - _f1(drawn[b]),
            name="macro F1",
            fewest=fewest,
            level=setting.level,
            **sizes,
        )
        pairs.append({"first": a, "second": b, "measures": measures})
    return pairs


def _weighted(table: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return counts.astype(float) @ table


def _accuracy(sides: tuple[Calls, Calls], setting: Setting) -> Quantity:
    first, second = sides
    if setting.is_paired:
        return paired_proportions(first.is_right, second.is_right, first.clusters, level=setting.level)
    shares = [proportion(side.is_right, side.clusters, level=setting.level) for side in sides]
    return gap(shares[0], shares[1], level=setting.level)


def _balanced_accuracy(sides: tuple[Calls, Calls], setting: Setting) -> Quantity:
    recalls = [mean_recall(side.labels, side.called, side.clusters, level=setting.level) for side in sides]
    parts = [_recall_parts(side, num_clusters=setting.resamples.num_clusters) for side in sides]
    together = correlation(parts[0], parts[1])
    return between_models(recalls[0], recalls[1], "balanced accuracy", together, level=setting.level)


def _recall_parts(side: Calls, *, num_clusters: int) -> np.ndarray:
    """What each patient adds to the mean recall, [num_clusters], up to a factor."""
    parts = np.zeros(num_clusters)
    for label in np.unique(side.labels):
        rows = side.labels == label
        excess = side.is_right[rows] - side.is_right[rows].mean()
        parts += np.bincount(side.clusters[rows], excess, num_clusters) / rows.sum()
    return parts


def _fewest(side: Calls) -> int:
    """Patients of the rarest class that occurs."""
    sizes = [len(np.unique(side.clusters[side.labels == label])) for label in np.unique(side.labels)]
    return min(sizes, default=0)


def _sums(model: Calls, *, num_classes: int, setting: Setting) -> np.ndarray:
    """Of each patient, how often each class is hit, true and called: float [patients, 3 x classes]."""
    length = setting.resamples.num_clusters
    hits = np.where(model.is_right, model.labels, -1)
    columns = []
    for kind in (hits, model.labels, model.called):
        cells = (model.clusters * num_classes + kind)[kind >= 0]
        columns.append(np.bincount(cells, minlength=length * num_classes).reshape(length, num_classes))
    return np.hstack(columns).astype(float)


def _f1(sums: np.ndarray) -> np.ndarray:
    hits, true, called = np.split(sums, 3, axis=1)
    return _mean_over_true(2 * hits, true + called, true)


def _mean_over_true(part: np.ndarray, whole: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Mean of part / whole over the classes with a true case; NaN without any."""
    occurs = true > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(occurs, part / np.where(occurs, whole, 1), 0).sum(axis=1) / occurs.sum(axis=1)
