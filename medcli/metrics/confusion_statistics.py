"""What a table of true and called classes says in one number: correlation, kappa, F1, top-k accuracy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from medcli.errors import DataError
from medcli.metrics.classification import bootstrap_method
from medcli.metrics.intervals import PatientBootstrap, proportion
from medcli.quantity import Quantity, beside, quantity, undefined

Statistic = Callable[[np.ndarray], np.ndarray]


def matthews_correlation(tables: np.ndarray) -> np.ndarray:
    """Correlation of truth and call of each table [..., classes, classes]; NaN when either is constant.

    Reference: Gorodkin, Computational Biology and Chemistry 2004; 28:367 (several classes).
    """
    tables = np.asarray(tables, dtype=float)
    total, right = tables.sum(axis=(-2, -1)), np.trace(tables, axis1=-2, axis2=-1)
    true, called = tables.sum(axis=-1), tables.sum(axis=-2)
    covariance = right * total - np.sum(true * called, axis=-1)
    spread = (total**2 - np.sum(true**2, axis=-1)) * (total**2 - np.sum(called**2, axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, covariance / np.sqrt(spread), np.nan)


def kappa_of_tables(tables: np.ndarray, *, weights: str = "none") -> np.ndarray:
    """Cohen's kappa of truth and call of each table; `quadratic` weights for ordered classes."""
    tables = np.asarray(tables, dtype=float)
    size = tables.shape[-1]
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(float)
    if weights not in {"none", "linear", "quadratic"}:
        raise DataError(f"weights of kappa are none, linear, quadratic, not {weights!r}")
    penalty = {"none": (distance > 0) * 1.0, "linear": distance, "quadratic": distance**2}[weights]
    total = tables.sum(axis=(-2, -1))
    expected = np.einsum("...i,ij,...j->...", tables.sum(axis=-1), penalty, tables.sum(axis=-2)) / total
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - np.sum(tables * penalty, axis=(-2, -1)) / expected, np.nan)


def f1_of_tables(tables: np.ndarray, *, average: str = "macro") -> np.ndarray:
    """F1 of each table over the classes that occur or are called: `macro`, `weighted` or `micro`."""
    tables = np.asarray(tables, dtype=float)
    right = np.diagonal(tables, axis1=-2, axis2=-1)
    true, called = tables.sum(axis=-1), tables.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = 2 * right / (true + called)
        if average == "micro":
            return right.sum(axis=-1) / true.sum(axis=-1)
        weight = true if average == "weighted" else (true > 0) * 1.0
        kept = np.where(weight > 0, each, 0.0)
        return np.sum(kept * weight, axis=-1) / weight.sum(axis=-1)


def table_quantity(
    labels: np.ndarray,
    calls: np.ndarray,
    clusters: np.ndarray,
    *,
    num_classes: int,
    statistic: Statistic,
    name: str,
    level: float,
    seed: int,
    chance: float | None = 0.0,
    resamples: int = 2000,
) -> Quantity:
    """Any statistic of the table of true and called classes, with a percentile interval over patients.

    Args:
        labels: True class of each image, int [images] (1 or 0 of a label).
        calls: Called class, int [images].
        clusters: Patient code of each image, from 0.
        num_classes: Size of the table.
        statistic: From tables [tables, classes, classes] to values [tables], NaN where undefined.
        name: What it is called.
        seed: Of the bootstrap.
        chance: What calls that know nothing get.
    """
    used = len(np.unique(clusters))
    if len(labels) == 0:
        return undefined("no known label", method=name, n=0, n_clusters=0)
    cells = np.asarray(labels, dtype=np.int64) * num_classes + np.asarray(calls, dtype=np.int64)
    num_clusters = int(clusters.max()) + 1
    flat = np.asarray(clusters, dtype=np.int64) * num_classes**2 + cells
    counts = np.bincount(flat, minlength=num_clusters * num_classes**2).reshape(num_clusters, -1)

    def of_sums(sums: np.ndarray) -> np.ndarray:
        return statistic(sums.reshape(-1, num_classes, num_classes))

    estimate = float(of_sums(counts.sum(axis=0, keepdims=True))[0])
    if not np.isfinite(estimate):
        reason = "truth or calls are all alike"
        return undefined(reason, method=name, n=len(labels), n_clusters=used)
    bootstrap = PatientBootstrap(num_clusters, seed=seed, resamples=resamples)
    interval, se, num_defined = bootstrap.interval(counts, of_sums, level=level)
    value = quantity(
        estimate,
        ci=interval,
        level=level,
        se=se,
        method=f"{name}, {bootstrap_method(bootstrap, num_defined)}",
        n=len(labels),
        n_clusters=used,
        reason=None if interval else "resamples of patients do not vary",
    )
    return beside(value, rule="calls that know nothing", estimate=chance)


def top_k_accuracy(
    labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, k: int, level: float
) -> Quantity:
    """How often the true class is among the k most likely ones, the first of equals before the others.

    Args:
        labels: True class of each image, int [images].
        scores: float [images, classes].
        clusters: Patient of each image.
        k: From 1 to the number of classes.
    """
    size, num_classes = scores.shape
    if not 1 <= k <= num_classes:
        raise DataError(f"top-{k} of {num_classes} classes is not defined")
    own = scores[np.arange(size), labels][:, None]
    before = (scores > own) | ((scores == own) & (np.arange(num_classes) < np.asarray(labels)[:, None]))
    value = proportion(before.sum(axis=1) < k, clusters, level=level, none_reason="no known label")
    frequent = np.sort(np.bincount(labels, minlength=num_classes))[::-1][:k].sum()
    best = float(frequent / size) if size else None
    value["method"] = f"top-{k} accuracy, {value['method']}"
    return beside(value, rule=f"the {k} most frequent classes", estimate=best)
