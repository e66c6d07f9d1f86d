"""Everything that is said about one set of predictions: of each class, and of all together."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.metrics.classification import (
    balanced_accuracy,
    bootstrap_method,
    confusion_matrix,
    count_calls,
    f1_quantity,
    rates_at_threshold,
)
from medcli.metrics.discrimination import auc_quantity, macro_auc
from medcli.metrics.intervals import PatientBootstrap, proportion
from medcli.metrics.probability import (
    brier_quantity,
    ece_quantity,
    log_loss_quantity,
    reliability_bins,
)
from medcli.metrics.roc import roc_components
from medcli.metrics.scored import Scored
from medcli.quantity import Quantity, beside, quantity, undefined
from medcli.store.digests import derive_seed

NO_PROBABILITIES = "the scores are ranks, not probabilities"


def summarize(scored: Scored, *, level: float, num_bins: int, seed: int) -> dict[str, Any]:
    """Numbers of each class under `classes` and of all together under `overall`."""
    bootstrap = PatientBootstrap(scored.num_clusters, seed=derive_seed(seed, "bootstrap"))
    classes = [
        _one_class(scored, column, bootstrap=bootstrap, level=level, num_bins=num_bins, seed=seed)
        for column in range(len(scored.classes))
    ]
    overall = _macro(scored, bootstrap=bootstrap, level=level)
    if scored.exclusive:
        overall |= _of_calls(scored, bootstrap=bootstrap, level=level)
        overall |= _trust_of_all(scored, level=level, num_bins=num_bins, seed=seed)
        for column, entry in enumerate(classes):
            entry["called"] = _recall_and_precision(scored, column, bootstrap=bootstrap, level=level)
    return {"classes": classes, "overall": overall}


def _one_class(
    scored: Scored, column: int, *, bootstrap: PatientBootstrap, level: float, num_bins: int, seed: int
) -> dict[str, Any]:
    known = ~np.isnan(scored.targets[:, column])
    targets, clusters = scored.targets[known, column], scored.clusters[known]
    positives = int(np.sum(targets == 1))
    entry: dict[str, Any] = {
        "class": scored.classes[column],
        "n": len(targets),
        "n_missing": int(np.sum(~known)),
        "n_positive": positives,
        "n_negative": len(targets) - positives,
        "n_clusters": len(np.unique(clusters)),
        "operating_point": scored.thresholds[column],
        "prevalence": proportion(targets == 1, clusters, level=level, none_reason="no known label"),
        "auc": auc_quantity(targets, scored.ranks[known, column], clusters, level=level),
    }
    entry |= _at_threshold(scored, column, bootstrap=bootstrap, level=level)
    for name in ("before", "after"):
        values = getattr(scored, name)
        if values is None and name == "after":
            continue
        probabilities = None if values is None else values[known, column]
        trust = _trust(probabilities, targets, clusters, level=level, num_bins=num_bins, seed=seed)
        for measure, value in trust.items():
            entry.setdefault(measure, {"after": None})[name] = value
    return entry


def _at_threshold(
    scored: Scored, column: int, *, bootstrap: PatientBootstrap, level: float
) -> dict[str, Any]:
    known = ~np.isnan(scored.targets[:, column])
    targets, clusters = scored.targets[known, column], scored.clusters[known]
    point = scored.thresholds[column]
    if point["threshold"] is None:
        names = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")
        reason = f"no threshold: {point['reason']}"
        none = undefined(reason, method="at a threshold", n=len(targets), n_clusters=len(np.unique(clusters)))
        return {"counts": None, **dict.fromkeys(names, none)}
    is_called = scored.decided[known, column] >= point["threshold"]
    f1 = f1_quantity(
        targets, is_called, clusters, bootstrap=bootstrap, num_clusters=scored.num_clusters, level=level
    )
    return {
        "counts": count_calls(targets, is_called),
        **rates_at_threshold(targets, is_called, clusters, level=level),
        "f1": f1,
    }


def _trust(
    probabilities: np.ndarray | None,
    targets: np.ndarray,
    clusters: np.ndarray,
    *,
    level: float,
    num_bins: int,
    seed: int,
) -> dict[str, Any]:
    """Calibration of one label's probabilities."""
    if probabilities is None:
        none = undefined(NO_PROBABILITIES, method="", n=len(targets), n_clusters=len(np.unique(clusters)))
        return {"ece": none, "brier": none, "log_loss": none, "reliability": []}
    return {
        "ece": ece_quantity(
            probabilities,
            targets == 1,
            clusters,
            num_bins=num_bins,
            seed=derive_seed(seed, "perfect"),
            name="probability of the label",
        ),
        "brier": brier_quantity(probabilities, targets, clusters, level=level),
        "log_loss": log_loss_quantity(probabilities, targets, clusters, level=level),
        "reliability": reliability_bins(probabilities, targets == 1, num_bins=num_bins),
    }


def _macro(scored: Scored, *, bootstrap: PatientBootstrap, level: float) -> dict[str, Any]:
    known = ~np.isnan(scored.targets)
    components = []
    for column in range(len(scored.classes)):
        rows = known[:, column]
        components.append(
            roc_components(
                scored.targets[rows, column],
                scored.ranks[rows, column],
                scored.clusters[rows],
                num_clusters=scored.num_clusters,
            )
        )
    rows = known.any(axis=1)
    value = macro_auc(
        components, n=int(rows.sum()), n_clusters=len(np.unique(scored.clusters[rows])), level=level
    )
    value["classes"] = [
        name for name, item in zip(scored.classes, components, strict=True) if item is not None
    ]
    return {"macro_auc": value, "macro_f1": _macro_f1(scored, bootstrap=bootstrap, level=level)}


def _macro_f1(scored: Scored, *, bootstrap: PatientBootstrap, level: float) -> Quantity:
    """Mean F1 over the classes that occur: of the most likely class, or at each label's threshold."""
    columns, used = [], []
    for column, name in enumerate(scored.classes):
        known = ~np.isnan(scored.targets[:, column])
        is_positive = scored.targets[:, column] == 1
        threshold = scored.thresholds[column]["threshold"]
        if not is_positive.any() or (threshold is None and not scored.exclusive):
            continue
        is_called = scored.calls == column if scored.exclusive else scored.decided[:, column] >= threshold
        used.append(name)
        columns.append(scored.per_patient(known & is_positive & is_called))
        columns.append(scored.per_patient(known & (is_positive != is_called)))
    n = int((~np.isnan(scored.targets)).any(axis=1).sum())
    if not columns:
        reason = "no class with a positive case and a threshold"
        return undefined(reason, method="mean F1", n=n, n_clusters=scored.num_clusters)

    def mean_f1(sums: np.ndarray) -> np.ndarray:
        return np.mean(2 * sums[:, 0::2] / (2 * sums[:, 0::2] + sums[:, 1::2]), axis=1)

    counts = np.stack(columns, axis=1)
    interval, se, num_defined = bootstrap.interval(counts, mean_f1, level=level)
    value = quantity(
        float(mean_f1(counts.sum(axis=0, keepdims=True))[0]),
        ci=interval,
        level=level,
        se=se,
        method=f"mean F1 of {len(used)} classes, {bootstrap_method(bootstrap, num_defined)}",
        n=n,
        n_clusters=scored.num_clusters,
        reason=None if interval else "resamples of patients do not vary",
    )
    return {**value, "classes": used}


def _of_calls(scored: Scored, *, bootstrap: PatientBootstrap, level: float) -> dict[str, Any]:
    """Accuracy and confusion when the most likely class is called."""
    num_classes = len(scored.classes)
    is_right = scored.calls == scored.labels
    counts = np.bincount(scored.labels, minlength=num_classes)
    majority = int(counts.argmax())
    accuracy = beside(
        proportion(is_right, scored.clusters, level=level, none_reason="no known label"),
        rule=f"always {scored.classes[majority]}",
        estimate=counts[majority] / len(is_right) if len(is_right) else None,
    )
    return {
        "accuracy": accuracy,
        "balanced_accuracy": balanced_accuracy(
            scored.labels,
            scored.calls,
            scored.clusters,
            num_classes=num_classes,
            bootstrap=bootstrap,
            num_clusters=scored.num_clusters,
            level=level,
        ),
        "confusion": confusion_matrix(scored.labels, scored.calls, num_classes=num_classes).tolist(),
    }


def _recall_and_precision(
    scored: Scored, column: int, *, bootstrap: PatientBootstrap, level: float
) -> dict[str, Quantity]:
    """Of one class, when the most likely class is called."""
    targets = scored.targets[:, column]
    is_called = scored.calls == column
    rates = rates_at_threshold(targets, is_called, scored.clusters, level=level)
    return {
        "recall": rates["sensitivity"],
        "precision": rates["ppv"],
        "f1": f1_quantity(
            targets,
            is_called,
            scored.clusters,
            bootstrap=bootstrap,
            num_clusters=scored.num_clusters,
            level=level,
        ),
    }


def _trust_of_all(scored: Scored, *, level: float, num_bins: int, seed: int) -> dict[str, Any]:
    """Calibration of the called class (ECE, reliability) and of all classes (Brier, log loss)."""
    result: dict[str, Any] = {}
    for name, values in (("before", scored.before), ("after", scored.after)):
        if values is None and name == "after":
            continue
        if values is None:
            none = undefined(
                NO_PROBABILITIES, method="", n=len(scored.targets), n_clusters=scored.num_clusters
            )
            found: dict[str, Any] = {"ece": none, "brier": none, "log_loss": none, "reliability": []}
        else:
            confidence, is_right = values.max(axis=1), values.argmax(axis=1) == scored.labels
            found = _trust(
                confidence,
                is_right.astype(float),
                scored.clusters,
                level=level,
                num_bins=num_bins,
                seed=seed,
            )
            found["ece"]["method"] = f"probability of the called class, {num_bins} equal-width bins"
            found["brier"] = brier_quantity(values, scored.targets, scored.clusters, level=level)
            found["log_loss"] = log_loss_quantity(values, scored.targets, scored.clusters, level=level)
        for measure, value in found.items():
            result.setdefault(measure, {"after": None})[name] = value
    return result
