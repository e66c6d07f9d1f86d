"""Every metric of models against each other, label by label: on the same images, or on different ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from medcli.metrics.bootstrap import Ranking, Resamples, ranking
from medcli.metrics.classification import mean_recall, rates_at_threshold
from medcli.metrics.delong_tests import (
    auc_difference,
    global_delong_test,
    macro_difference,
    unpaired_delong_test,
)
from medcli.metrics.discrimination import auc_quantity, one_class_reason
from medcli.metrics.influences import correlation, rate_influences
from medcli.metrics.mcnemar import paired_proportions
from medcli.metrics.paired_differences import between_models, resampled_difference
from medcli.metrics.roc import RocComponents, roc_components
from medcli.metrics.tallies import SUM_METRICS, LabelScores, tally
from medcli.quantity import Quantity, undefined

MEASURES = {
    "auc": ("AUC", True),
    "average_precision": ("Average precision", True),
    **{name: (metric.title, metric.higher_is_better) for name, metric in SUM_METRICS.items()},
}
"""Name, title and whether higher is better, in the order of the tables."""
_AMONG = {"sensitivity": (1,), "specificity": (0,), "accuracy": (0, 1)}
_RATES = (*_AMONG, "ppv", "npv", "balanced_accuracy")


@dataclass(frozen=True)
class Setting:
    """What holds for a whole comparison.

    Attributes:
        is_paired: All models were given the same images.
        resamples: Of the patients of all models, who share one numbering.
        level: Of the intervals.
        threads: How many blocks of resamples are worked on at once; no result depends on it.
        against_first: The others are compared with the first model alone.
    """

    is_paired: bool
    resamples: Resamples
    level: float
    threads: int = 1
    against_first: bool = False

    def pairs(self, count: int) -> list[tuple[int, int]]:
        """Which of so many models are compared: every two, or the first with each other one."""
        every = combinations(range(count), 2)
        return [pair for pair in every if pair[0] == 0 or not self.against_first]


@dataclass(frozen=True)
class _Resampled:
    """A model's label on all patients and on every resample: sums, and average precision."""

    own: np.ndarray
    sums: np.ndarray
    precision: tuple[float, np.ndarray]


def compare_label(
    models: list[LabelScores], setting: Setting, *, measures: Sequence[str] = tuple(MEASURES)
) -> dict[str, Any]:
    """AUCs of one label, their global test, and the differences of measures for each pair of models.

    Returns:
        `aucs` (one quantity a model), `global` (a test; of two models the pair says it) and `pairs`:
        `first`, `second` (numbers of the models) and `measures`, each a difference.
    """
    length = setting.resamples.num_clusters
    parts = [roc_components(m.targets, m.ranks, m.clusters, num_clusters=length) for m in models]
    others = [name for name in measures if name != "auc"]
    drawn = [_resample(model, setting) for model in models] if others else []
    aucs = [auc_quantity(m.targets, m.ranks, m.clusters, level=setting.level) for m in models]
    pairs = []
    for a, b in setting.pairs(len(models)):
        sides = models[a], models[b]
        differences = {"auc": _auc(sides, (parts[a], parts[b]), setting)}
        for name in others:
            differences[name] = _difference(name, sides, (drawn[a], drawn[b]), setting)
        pairs.append({"first": a, "second": b, "measures": differences})
    known = [part for part in parts if part is not None]
    is_tested = setting.is_paired and len(models) > 2 and len(known) == len(models)
    return {"aucs": aucs, "global": global_delong_test(known) if is_tested else None, "pairs": pairs}


def compare_macro(models: list[list[LabelScores]], setting: Setting) -> list[dict[str, Any]]:
    """Difference of the mean AUC over labels for each pair of models."""
    length = setting.resamples.num_clusters
    parts = [
        [roc_components(m.targets, m.ranks, m.clusters, num_clusters=length) for m in labels]
        for labels in models
    ]
    pairs = []
    for a, b in setting.pairs(len(models)):
        seen = [np.concatenate([m.clusters for m in models[k]]) for k in (a, b)]
        n = max(len(m.targets) for m in models[a])
        n += 0 if setting.is_paired else max(len(m.targets) for m in models[b])
        used = len(np.unique(np.concatenate(seen)))
        value = macro_difference(parts[a], parts[b], n=n, n_clusters=used, level=setting.level)
        pairs.append({"first": a, "second": b, "measures": {"macro_auc": value}})
    return pairs


def _resample(model: LabelScores, setting: Setting) -> _Resampled:
    from medcli.metrics.resampling_kernels import average_precisions

    resamples = setting.resamples
    table = tally(model, num_clusters=resamples.num_clusters)
    order: Ranking = ranking(model.targets, model.ranks, model.clusters).reversed()

    def work(counts: np.ndarray) -> np.ndarray:
        precision = average_precisions(order.owners, order.positive, order.is_last, counts)
        return np.hstack([counts.astype(float) @ table, precision[:, None]])

    everyone = np.ones((1, resamples.num_clusters), dtype=np.uint8)
    own, values = work(everyone)[0], resamples.evaluate(work, threads=setting.threads)
    return _Resampled(own[:-1], values[:, :-1], (float(own[-1]), values[:, -1]))


def _auc(
    sides: tuple[LabelScores, LabelScores],
    parts: tuple[RocComponents | None, RocComponents | None],
    setting: Setting,
) -> Quantity:
    n, n_clusters = _sizes(sides, setting)
    first, second = parts
    if setting.is_paired or first is None or second is None:
        return auc_difference(first, second, n=n, n_clusters=n_clusters, level=setting.level)
    sizes = len(sides[0].targets), len(sides[1].targets)
    return unpaired_delong_test(first, second, n=sizes, n_clusters=n_clusters, level=setting.level)


def _difference(
    name: str,
    sides: tuple[LabelScores, LabelScores],
    drawn: tuple[_Resampled, _Resampled],
    setting: Setting,
) -> Quantity:
    n, n_clusters = _sizes(sides, setting)
    title = MEASURES[name][0]
    metric = SUM_METRICS.get(name)
    if metric and any(getattr(side, metric.needs) is None for side in sides):
        missing = "threshold" if metric.needs == "called" else "probabilities"
        reason = f"the scores of a model are ranks, without {missing}"
        return undefined(reason, method=f"difference of {title}", n=n, n_clusters=n_clusters)
    if name in _AMONG and setting.is_paired:
        return _pairs(name, sides, level=setting.level)
    if name in _RATES:
        return {**_rates(name, sides, setting), "n": n, "n_clusters": n_clusters}
    if metric is None:
        own = drawn[0].precision[0], drawn[1].precision[0]
        values = drawn[0].precision[1] - drawn[1].precision[1]
    else:
        own = float(metric.value(drawn[0].own)), float(metric.value(drawn[1].own))
        values = metric.value(drawn[0].sums) - metric.value(drawn[1].sums)
    fewest = min(len(np.unique(side.clusters[side.targets == kind])) for side in sides for kind in (0, 1))
    sizes = {"n": n, "n_clusters": n_clusters, "fewest": fewest}
    value = resampled_difference(own, values, name=title, level=setting.level, **sizes)
    if name == "ece" and value["estimate"] is not None:
        value["flags"] = ["binned errors are biased upwards, and resampling adds more; see the Brier score"]
    return value


def _pairs(name: str, sides: tuple[LabelScores, LabelScores], *, level: float) -> Quantity:
    """Difference of two shares of the same images, with McNemar's test."""
    among = np.isin(sides[0].targets, _AMONG[name])
    right = [(side.called == (side.targets == 1))[among] for side in sides]
    return paired_proportions(right[0], right[1], sides[0].clusters[among], level=level)


def _rates(name: str, sides: tuple[LabelScores, LabelScores], setting: Setting) -> Quantity:
    """Difference of two rates, with the intervals of both and the correlation of what patients add."""
    rates, parts = [], []
    for side in sides:
        assert side.called is not None
        rates.append(_rate(name, side, level=setting.level))
        length = setting.resamples.num_clusters
        found = rate_influences(side.targets, side.called, side.clusters, num_clusters=length)
        parts.append(found.get(name, np.zeros(length)))
    together = correlation(parts[0], parts[1])
    return between_models(rates[0], rates[1], MEASURES[name][0], together, level=setting.level)


def _rate(name: str, side: LabelScores, *, level: float) -> Quantity:
    if name == "balanced_accuracy":
        truth = side.targets.astype(int)
        if len(np.unique(truth)) < 2:
            return undefined(one_class_reason(truth), method=name, n=side.targets.size, n_clusters=0)
        return mean_recall(truth, np.asarray(side.called, dtype=int), side.clusters, level=level)
    return rates_at_threshold(side.targets, np.asarray(side.called), side.clusters, level=level)[name]


def _sizes(sides: tuple[LabelScores, LabelScores], setting: Setting) -> tuple[int, int]:
    first, second = sides
    n = len(first.targets) + (0 if setting.is_paired else len(second.targets))
    return n, len(np.union1d(first.clusters, second.clusters))
