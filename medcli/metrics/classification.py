"""What happens at a threshold: counts, sensitivity, specificity, F1, accuracy and their kin."""

from __future__ import annotations

import numpy as np

from medcli.metrics.intervals import PatientBootstrap, proportion
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
    targets: np.ndarray, is_called: np.ndarray, clusters: np.ndarray, *, level: float
) -> dict[str, Quantity]:
    """Sensitivity, specificity, predictive values and accuracy, each beside its trivial baseline.

    Sensitivity and specificity stand beside those of calling the same share of images at random, predictive
    values beside the prevalence, accuracy beside the more frequent answer for every image.
    """
    is_positive = np.asarray(targets) == 1
    share_called = float(np.mean(is_called)) if len(targets) else None
    prevalence = float(np.mean(is_positive)) if len(targets) else None

    def share(successes: np.ndarray, among: np.ndarray, none_reason: str) -> Quantity:
        return proportion(successes[among], clusters[among], level=level, none_reason=none_reason)

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


def f1_quantity(
    targets: np.ndarray,
    is_called: np.ndarray,
    clusters: np.ndarray,
    *,
    bootstrap: PatientBootstrap,
    num_clusters: int,
    level: float,
) -> Quantity:
    """F1 with a percentile interval from resampled patients, beside that of always yes."""
    is_positive = np.asarray(targets) == 1
    used = len(np.unique(clusters))
    counts = np.stack(
        [
            np.bincount(clusters[is_positive & is_called], minlength=num_clusters),
            np.bincount(clusters[is_positive != is_called], minlength=num_clusters),
        ],
        axis=1,
    )
    hits, errors = (int(total) for total in counts.sum(axis=0))
    prevalence = float(np.mean(is_positive)) if len(targets) else 0.0
    always_yes = 2 * prevalence / (1 + prevalence) if prevalence else None
    if hits + errors == 0:
        reason = "no positive case and none called" if len(targets) else "no known label"
        value = undefined(reason, method="F1", n=len(targets), n_clusters=used)
        return beside(value, rule="always yes", estimate=always_yes)
    interval, se, num_defined = bootstrap.interval(
        counts, lambda sums: 2 * sums[:, 0] / (2 * sums[:, 0] + sums[:, 1]), level=level
    )
    value = quantity(
        2 * hits / (2 * hits + errors),
        ci=interval,
        level=level,
        se=se,
        method=bootstrap_method(bootstrap, num_defined),
        n=len(targets),
        n_clusters=used,
        flags=[] if prevalence else ["no positive case"],
        reason=None if interval else "resamples of patients do not vary",
    )
    return beside(value, rule="always yes", estimate=always_yes)


def confusion_matrix(labels: np.ndarray, calls: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Counts [true class, called class]."""
    flat = np.bincount(labels * num_classes + calls, minlength=num_classes**2)
    return flat.reshape(num_classes, num_classes)


def balanced_accuracy(
    labels: np.ndarray,
    calls: np.ndarray,
    clusters: np.ndarray,
    *,
    num_classes: int,
    bootstrap: PatientBootstrap,
    num_clusters: int,
    level: float,
) -> Quantity:
    """Mean recall over the classes that occur, with an interval from resampled patients."""
    columns = []
    present = np.unique(labels)
    for label in present:
        columns.append(np.bincount(clusters[(labels == label) & (calls == label)], minlength=num_clusters))
        columns.append(np.bincount(clusters[labels == label], minlength=num_clusters))
    if not columns:
        return undefined("no known label", method="mean recall", n=0, n_clusters=0)

    def mean_recall(sums: np.ndarray) -> np.ndarray:
        return np.mean(sums[:, 0::2] / sums[:, 1::2], axis=1)

    counts = np.stack(columns, axis=1)
    interval, se, num_defined = bootstrap.interval(counts, mean_recall, level=level)
    missing = num_classes - len(present)
    value = quantity(
        float(mean_recall(counts.sum(axis=0, keepdims=True))[0]),
        ci=interval,
        level=level,
        se=se,
        method=f"mean recall, {bootstrap_method(bootstrap, num_defined)}",
        n=len(labels),
        n_clusters=len(np.unique(clusters)),
        flags=[f"{missing} of {num_classes} classes do not occur"] if missing else [],
        reason=None if interval else "resamples of patients do not vary or miss a class",
    )
    return beside(value, rule="one class for every image", estimate=1 / len(present))


def bootstrap_method(bootstrap: PatientBootstrap, num_defined: int) -> str:
    """How a bootstrap interval was made, with the number of resamples that were defined."""
    defined = "" if num_defined == bootstrap.resamples else f", {num_defined} defined"
    return f"bootstrap over patients, percentile, {bootstrap.resamples} resamples{defined}"


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share
