"""What a table of true and called classes says in one number: correlation, kappa, F1, top-k accuracy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from medcli.errors import DataError
from medcli.metrics.bootstrap import PatientSums, Resamples
from medcli.metrics.intervals import proportion
from medcli.quantity import Quantity, beside


class Margins(NamedTuple):
    """All that these measures need of tables of true and called classes, without the tables.

    Attributes:
        true: Images of each class, [..., classes].
        called: Images called each class.
        right: Images of each class that are called so.
        distance: Sum over images of the squared distance from true to called class, [...].
    """

    true: np.ndarray
    called: np.ndarray
    right: np.ndarray
    distance: np.ndarray


def margins_of_tables(tables: np.ndarray) -> Margins:
    """Of tables of counts [..., true class, called class]."""
    tables = np.asarray(tables, dtype=float)
    steps = np.subtract.outer(np.arange(tables.shape[-1]), np.arange(tables.shape[-1])) ** 2
    right = np.diagonal(tables, axis1=-2, axis2=-1)
    return Margins(tables.sum(axis=-1), tables.sum(axis=-2), right, np.sum(tables * steps, axis=(-2, -1)))


def margins_of_sums(sums: np.ndarray) -> Margins:
    """Of rows of sums as `call_sums` lays them out, [..., 3 classes + 1]."""
    size = (sums.shape[-1] - 1) // 3
    return Margins(sums[..., :size], sums[..., size : 2 * size], sums[..., 2 * size : -1], sums[..., -1])


def call_sums(
    labels: np.ndarray, calls: np.ndarray, clusters: np.ndarray, *, num_classes: int, resamples: Resamples
) -> PatientSums:
    """Margins of each patient's own table, ready to be resampled.

    Args:
        labels: True class of each image, int [images] (1 or 0 of a label).
        calls: Called class, int [images].
        clusters: Patient code of each image, from 0.
        num_classes: Size of the table.
        resamples: Of the patients.
    """
    size, labels, calls = resamples.num_clusters, np.asarray(labels, int), np.asarray(calls, int)
    columns = 3 * num_classes + 1
    is_right = labels == calls
    sums = np.zeros((size, columns))
    for cells, who in (
        (labels, clusters),
        (num_classes + calls, clusters),
        (2 * num_classes + labels[is_right], clusters[is_right]),
    ):
        sums += np.bincount(who * columns + cells, minlength=size * columns).reshape(size, columns)
    sums[:, -1] = np.bincount(clusters, (labels - calls) ** 2, size)
    patients_of_class = np.count_nonzero(sums[:, :num_classes], axis=0)
    fewest = int(patients_of_class[patients_of_class > 0].min()) if len(labels) else 0
    used = len(np.unique(clusters))
    return PatientSums(sums, resamples, n=len(labels), n_clusters=used, fewest=fewest)


def matthews_correlation(margins: Margins) -> np.ndarray:
    """Correlation of truth and call; NaN when either is constant.

    Reference: Gorodkin, Computational Biology and Chemistry 2004; 28:367 (several classes).
    """
    true, called, total = margins.true, margins.called, margins.true.sum(axis=-1)
    covariance = margins.right.sum(axis=-1) * total - np.sum(true * called, axis=-1)
    spread = (total**2 - np.sum(true**2, axis=-1)) * (total**2 - np.sum(called**2, axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, covariance / np.sqrt(spread), np.nan)


def kappa(margins: Margins) -> np.ndarray:
    """Cohen's kappa of truth and call; NaN when both are always the same class."""
    total = margins.true.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        missed = total - np.sum(margins.true * margins.called, axis=-1) / total
        return np.where(missed > 1e-9, 1 - (total - margins.right.sum(axis=-1)) / missed, np.nan)


def quadratic_kappa(margins: Margins) -> np.ndarray:
    """Cohen's kappa of ordered classes, disagreement growing with the square of the distance."""
    size = margins.true.shape[-1]
    steps = np.subtract.outer(np.arange(size), np.arange(size)) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.einsum("...i,ij,...j->...", margins.true, steps, margins.called)
        expected = expected / margins.true.sum(axis=-1)
        return np.where(expected > 0, 1 - margins.distance / expected, np.nan)


def macro_f1(margins: Margins) -> np.ndarray:
    """Mean F1 over the classes that occur."""
    return _mean_over_classes(2 * margins.right, margins.true + margins.called, margins.true > 0)


def weighted_f1(margins: Margins) -> np.ndarray:
    """Mean F1 over the classes that occur, weighted by how often they do."""
    return _mean_over_classes(2 * margins.right, margins.true + margins.called, margins.true)


def positive_f1(margins: Margins) -> np.ndarray:
    """F1 of the class with number 1; 0 when no call is right, NaN when it neither occurs nor is called."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return 2 * margins.right[..., 1] / (margins.true[..., 1] + margins.called[..., 1])


def top_k_accuracy(
    labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, k: int, level: float, exact: bool = False
) -> Quantity:
    """How often the true class is among the k most likely ones, the first of equals before the others.

    Args:
        labels: True class of each image, int [images].
        scores: float [images, classes].
        clusters: Patient of each image.
        k: From 1 to the number of classes.
        exact: Clopper and Pearson's interval instead of Wilson's.
    """
    size, num_classes = scores.shape
    if not 1 <= k <= num_classes:
        raise DataError(f"top-{k} of {num_classes} classes is not defined")
    own = scores[np.arange(size), labels][:, None]
    before = (scores > own) | ((scores == own) & (np.arange(num_classes) < np.asarray(labels)[:, None]))
    is_found = before.sum(axis=1) < k
    value = proportion(is_found, clusters, level=level, none_reason="no known label", exact=exact)
    frequent = np.sort(np.bincount(labels, minlength=num_classes))[::-1][:k].sum()
    best = float(frequent / size) if size else None
    value["method"] = f"top-{k} accuracy, {value['method']}"
    return beside(value, rule=f"the {k} most frequent classes", estimate=best)


def _mean_over_classes(above: np.ndarray, below: np.ndarray, weights: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(weights > 0, above / below, 0.0)
        return np.sum(each * weights, axis=-1) / np.sum(weights, axis=-1)
