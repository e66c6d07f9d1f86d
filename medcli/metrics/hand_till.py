"""AUCs of several classes: every pair of classes (Hand and Till), and each class against the rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.metrics.discrimination import auc_quantity, macro_auc
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
    components: list[RocComponents | None] = []
    for first in present:
        for second in present:
            if first == second:
                continue
            rows = (labels == first) | (labels == second)
            components.append(
                roc_components(
                    labels[rows] == first, scores[rows, first], clusters[rows], num_clusters=num_clusters
                )
            )
    value = macro_auc(components, n=len(labels), n_clusters=len(np.unique(clusters)), level=level)
    missing = scores.shape[1] - len(present)
    value["method"] = (
        f"Hand-Till, {len(components)} pairs of classes, DeLong components by patient, logit scale"
    )
    if value["estimate"] is None:
        value["reason"] = "fewer than two classes have a case"
    if missing:
        value["flags"] = [*value["flags"], f"{missing} of {scores.shape[1]} classes do not occur"]
    return value


def one_versus_rest(
    labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, level: float
) -> dict[str, Any]:
    """AUC of each class against all others, their mean, and their mean weighted by prevalence.

    Args: as of `hand_till_auc`.

    Returns:
        `classes`: a quantity each; `macro`: a quantity; `weighted`: a number, or None without a class.
    """
    classes, components = [], []
    for column in range(scores.shape[1]):
        is_class = (labels == column).astype(float)
        classes.append(auc_quantity(is_class, scores[:, column], clusters, level=level))
        components.append(
            roc_components(is_class, scores[:, column], clusters, num_clusters=_length(clusters))
        )
    macro = macro_auc(components, n=len(labels), n_clusters=len(np.unique(clusters)), level=level)
    pairs = [(np.sum(labels == k), c.auc) for k, c in enumerate(components) if c is not None]
    total = sum(size for size, _ in pairs)
    weighted = float(sum(size * area for size, area in pairs) / total) if total else None
    return {"classes": classes, "macro": macro, "weighted": weighted}


def _length(clusters: np.ndarray) -> int:
    return int(clusters.max()) + 1 if len(clusters) else 0
