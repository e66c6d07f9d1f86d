"""What happens at a threshold: counts, sensitivity, specificity, predictive values, accuracy."""

from __future__ import annotations

import math

import numpy as np

from medcli.metrics.intervals import proportion
from medcli.quantity import Quantity, beside, quantity, undefined


def count_calls(targets: np.ndarray, is_called: np.ndarray) -> dict[str, int]:
    """True and false positives and negatives of one label."""
    is_positive = np.asarray(targets) == 1
    return {
        "true_positives": int(np.sum(is_positive & is_called)),
        "false_positives": int(np.sum(~is_positive & is_called)),
        "false_negatives": int(np.sum(is_positive & ~is_called)),
        "true_negatives": int(np.sum(~is_positive & ~is_called)),
    }


def rates_at_threshold(
    targets: np.ndarray, is_called: np.ndarray, clusters: np.ndarray, *, level: float, exact: bool = False
) -> dict[str, Quantity]:
    """Sensitivity, specificity, predictive values and accuracy, each beside its trivial baseline.

    Sensitivity and specificity stand beside those of calling the same share of images at random, predictive
    values beside the prevalence, accuracy beside the more frequent answer for every image.
    """
    is_positive = np.asarray(targets) == 1
    share_called = float(np.mean(is_called)) if len(targets) else None
    prevalence = float(np.mean(is_positive)) if len(targets) else None

    def share(successes: np.ndarray, among: np.ndarray, none_reason: str) -> Quantity:
        return proportion(
            successes[among], clusters[among], level=level, none_reason=none_reason, exact=exact
        )

    everyone = np.ones(len(targets), dtype=bool)
    at_random = "the same share called at random"
    return {
        "sensitivity": beside(
            share(is_called, is_positive, "no positive case"), rule=at_random, estimate=share_called
        ),
        "specificity": beside(
            share(~is_called, ~is_positive, "no negative case"), rule=at_random, estimate=_rest(share_called)
        ),
        "ppv": beside(
            share(is_positive, is_called, "no image is called positive"),
            rule="prevalence",
            estimate=prevalence,
        ),
        "npv": beside(
            share(~is_positive, ~is_called, "no image is called negative"),
            rule="1 - prevalence",
            estimate=_rest(prevalence),
        ),
        "accuracy": beside(
            share(is_called == is_positive, everyone, "no known label"),
            rule="always no" if (prevalence or 0) <= 0.5 else "always yes",
            estimate=None if prevalence is None else max(prevalence, 1 - prevalence),
        ),
    }


def confusion_matrix(labels: np.ndarray, calls: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Counts [true class, called class]."""
    flat = np.bincount(labels * num_classes + calls, minlength=num_classes**2)
    return flat.reshape(num_classes, num_classes)


def mean_recall(labels: np.ndarray, calls: np.ndarray, clusters: np.ndarray, *, level: float) -> Quantity:
    """Balanced accuracy: mean over the classes that occur of the share of their images that is called so.

    The interval squares and adds those of the classes, which are taken as independent.

    Args:
        labels: True class of each image, int [images].
        calls: Called class, int [images].
        clusters: Patient of each image.

    Reference: Zou & Donner, Statistics in Medicine 2008; 27:1693.
    """
    method, used = "mean recall, Wilson, square and add (Zou & Donner 2008)", len(np.unique(clusters))
    shares, below, above = [], 0.0, 0.0
    for label in np.unique(labels):
        rows = labels == label
        share = proportion(calls[rows] == label, clusters[rows], level=level)
        low, high = share["ci"]
        shares.append(share["estimate"])
        below, above = below + (share["estimate"] - low) ** 2, above + (high - share["estimate"]) ** 2
    if not shares:
        return undefined("no known label", method=method, n=0, n_clusters=0)
    mean, count = float(np.mean(shares)), len(shares)
    return quantity(
        mean,
        ci=(max(0.0, mean - math.sqrt(below) / count), min(1.0, mean + math.sqrt(above) / count)),
        level=level,
        method=method + (", clustered" if used < len(labels) else ""),
        n=len(labels),
        n_clusters=used,
    )


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share
