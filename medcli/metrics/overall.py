"""The measures of all classes together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from medcli.metrics import confusion_statistics as tables
from medcli.metrics.averages import AVERAGES, averages
from medcli.metrics.bootstrap import Resamples
from medcli.metrics.classification import confusion_matrix, mean_recall
from medcli.metrics.discrimination import macro_auc
from medcli.metrics.ece import classwise_ece, top_label_ece
from medcli.metrics.hand_till import hand_till_auc, weighted_auc
from medcli.metrics.intervals import proportion
from medcli.metrics.label import known_rows
from medcli.metrics.probability import brier_quantity, log_loss_quantity
from medcli.metrics.roc import RocComponents, roc_components
from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings
from medcli.quantity import Quantity, beside, undefined
from medcli.store.digests import derive_seed

TOP = (2, 3, 5)
AT_RANDOM = "calls that know nothing"
OF_ALL = ("macro_auc", *AVERAGES)


def over_labels(scored: Scored, settings: Settings, resamples: Resamples) -> dict[str, Any]:
    """Means over labels; each says in `classes` which labels it is over."""
    return {
        "macro_auc": _macro_auc(scored, settings),
        **averages(scored, settings, resamples),
    }


def of_calls(scored: Scored, settings: Settings, resamples: Resamples) -> dict[str, Any]:
    """What is to be said of the most likely class, when classes exclude each other."""
    size = len(scored.classes)
    sums = tables.call_sums(
        scored.labels, scored.calls, scored.clusters, num_classes=size, resamples=resamples
    )
    present = len(np.unique(scored.labels))
    found: dict[str, Any] = {"accuracy": _accuracy(scored, settings)}
    flags = [f"{size - present} of {size} classes do not occur"] if 0 < present < size else []
    recall = mean_recall(scored.labels, scored.calls, scored.clusters, level=settings.level)
    found["balanced_accuracy"] = {**recall, "flags": flags}
    for name, (statistic, words, chance) in OF_TABLES.items():
        if name == "quadratic_kappa" and not scored.ordered:
            continue
        value = sums.quantity(
            lambda rows, statistic=statistic: statistic(tables.margins_of_sums(rows)),  # type: ignore[misc]
            name=words,
            settings=settings,
            none_reason="truth or calls are all alike" if sums.n else "no known label",
            flags=flags,
        )
        found[name] = beside(value, rule=AT_RANDOM, estimate=chance)
    share = float(np.bincount(scored.labels).max() / len(scored.labels)) if len(scored.labels) else 0.0
    for name, chance in (("balanced_accuracy", 1 / max(1, present)), ("weighted_f1", share * _always(share))):
        found[name] = beside(found[name], rule="the most frequent class for every image", estimate=chance)
    for name, measure in RANKED_CLASSES.items():
        found[name] = measure(scored.labels, scored.ranks, scored.clusters, level=settings.level)
    found["top_k"] = {
        str(k): tables.top_k_accuracy(
            scored.labels, scored.ranks, scored.clusters, k=k, level=settings.level, exact=settings.exact
        )
        for k in TOP
        if k < size
    }
    found["confusion"] = confusion_matrix(scored.labels, scored.calls, num_classes=size).tolist()
    return found


def trusted_classes(
    scored: Scored, probabilities: np.ndarray | None, settings: Settings, *, reason: str
) -> dict[str, Quantity]:
    """What is to be said of the probabilities of exclusive classes, taken together."""
    if probabilities is None:
        return {
            name: undefined(reason, method=name, n=len(scored.targets), n_clusters=scored.num_clusters)
            for name in TRUSTED_CLASSES
        }
    return {name: measure(scored, probabilities, settings) for name, measure in TRUSTED_CLASSES.items()}


def _macro_auc(scored: Scored, settings: Settings) -> dict[str, Any]:
    names: list[str] = []

    def components() -> Iterator[RocComponents | None]:
        for column, name in enumerate(scored.classes):
            rows = known_rows(scored, column)
            item = roc_components(
                scored.targets[rows, column],
                scored.ranks[rows, column],
                scored.clusters[rows],
                num_clusters=scored.num_clusters,
            )
            names.extend([name] if item is not None else [])
            yield item

    rows = ~np.isnan(scored.targets).all(axis=1)
    clusters = len(np.unique(scored.clusters[rows]))
    value = macro_auc(components(), n=int(rows.sum()), n_clusters=clusters, level=settings.level)
    return {**value, "classes": names}


def _always(share: float) -> float:
    """F1 of calling every image, of a class with this share of them."""
    return 2 * share / (1 + share)


def _accuracy(scored: Scored, settings: Settings) -> Quantity:
    is_right = scored.calls == scored.labels
    counts = np.bincount(scored.labels, minlength=len(scored.classes))
    majority = int(counts.argmax())
    value = proportion(
        is_right, scored.clusters, level=settings.level, none_reason="no known label", exact=settings.exact
    )
    share = counts[majority] / len(is_right) if len(is_right) else None
    return beside(value, rule=f"always {scored.classes[majority]}", estimate=share)


def _binned(measure: Callable[..., Quantity], **options: Any) -> Callable[..., Quantity]:
    return lambda scored, probabilities, settings: measure(
        probabilities,
        scored.labels,
        scored.clusters,
        num_bins=settings.num_bins,
        level=settings.level,
        seed=derive_seed(settings.seed, "perfect"),
        **options,
    )


def _scored_rule(measure: Callable[..., Quantity]) -> Callable[..., Quantity]:
    return lambda scored, probabilities, settings: measure(
        probabilities, scored.targets, scored.clusters, level=settings.level
    )


OF_TABLES: dict[str, tuple[Callable[[tables.Margins], np.ndarray], str, float]] = {
    "mcc": (tables.matthews_correlation, "Matthews correlation", 0.0),
    "kappa": (tables.kappa, "kappa of truth and call", 0.0),
    "quadratic_kappa": (tables.quadratic_kappa, "kappa of truth and call, quadratic weights", 0.0),
    "weighted_f1": (tables.weighted_f1, "mean F1, weighted by prevalence", 0.0),
}
RANKED_CLASSES = {"hand_till": hand_till_auc, "weighted_auc": weighted_auc}
TRUSTED_CLASSES: dict[str, Callable[..., Quantity]] = {
    "ece": _binned(top_label_ece),
    "ece_mass": _binned(top_label_ece, scheme="mass"),
    "ece_classwise": _binned(classwise_ece),
    "brier": _scored_rule(brier_quantity),
    "log_loss": _scored_rule(log_loss_quantity),
}
