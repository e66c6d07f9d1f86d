"""AUCs of several classes: every pair of classes (Hand and Till), and classes weighted by prevalence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from medcli.metrics.discrimination import macro_auc
from medcli.metrics.roc import RocComponents, roc_components
from medcli.quantity import Quantity


def hand_till_auc(labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, level: float) -> Quantity:
    """Mean over pairs of classes of how well each one's score tells the two apart.

    The prevalence of classes plays no part. The interval comes from the components of all pairs, summed by
    patient. Classes without a case are left out, and that is flagged.

    Args:
        labels: True class of each image, int [images].
        scores: Of each class, float [images, classes].
        clusters: Patient code of each image, from 0.

    Reference: Hand & Till, Machine Learning 2001; 45:171.
    """
    present, num_clusters = np.unique(labels), _length(clusters)
    value = macro_auc(
        _pairs(labels, scores, clusters, present=present, num_clusters=num_clusters),
        n=len(labels),
        n_clusters=len(np.unique(clusters)),
        level=level,
        name="Hand-Till mean over pairs of classes",
    )
    missing = scores.shape[1] - len(present)
    if value["estimate"] is None:
        value["reason"] = "fewer than two classes have a case"
    if missing:
        value["flags"] = [*value["flags"], f"{missing} of {scores.shape[1]} classes do not occur"]
    return value


def _pairs(
    labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, present: np.ndarray, num_clusters: int
) -> Iterator[RocComponents | None]:
    for first in present:
        for second in present:
            if first != second:
                rows = (labels == first) | (labels == second)
                yield roc_components(
                    labels[rows] == first, scores[rows, first], clusters[rows], num_clusters=num_clusters
                )


def weighted_auc(labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, level: float) -> Quantity:
    """Mean AUC of each class against all others, weighted by how often the class occurs.

    Args: as of `hand_till_auc`.
    """
    num_clusters, size = _length(clusters), scores.shape[1]
    components = (
        roc_components(labels == column, scores[:, column], clusters, num_clusters=num_clusters)
        for column in range(size)
    )
    return macro_auc(
        components,
        n=len(labels),
        n_clusters=len(np.unique(clusters)),
        level=level,
        weights=np.bincount(labels, minlength=size).tolist(),
        name="mean, weighted by prevalence,",
    )


def _length(clusters: np.ndarray) -> int:
    return int(clusters.max()) + 1 if len(clusters) else 0
