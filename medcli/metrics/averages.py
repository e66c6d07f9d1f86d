"""Averages over classes: macro (classes alike), micro (decisions alike), weighted (by positive cases)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.metrics.average_precision import (
    average_precision,
    precision_quantity,
    precision_reach,
    resampled_precision,
)
from medcli.metrics.bootstrap import PatientSums, Resamples, describe, standard_error
from medcli.metrics.discrimination import FEW, auc_quantity
from medcli.metrics.label import known_rows
from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings
from medcli.quantity import Quantity, beside, undefined

ALWAYS_YES, MOST_FREQUENT = "always yes", "the most frequent class for every image"
OF_CALLS = tuple(
    f"{kind}_{measure}"
    for kind in ("macro", "micro", "weighted")
    for measure in ("precision", "recall", "f1")
)
AVERAGES = (*OF_CALLS, "macro_average_precision", "micro_average_precision", "micro_auc")
# Of exclusive classes these are the accuracy, or told as mean recall, weighted F1 and accuracy elsewhere.
_OF_LABELS_ONLY = {"macro_recall", "weighted_recall", "weighted_f1"}


def averages(scored: Scored, settings: Settings, resamples: Resamples) -> dict[str, Any]:
    """Precision, recall, F1 and average precision over classes; each says in `classes` over which.

    Exclusive classes are called where they are the most likely one, labels at their thresholds. Micro
    averages are told of labels only: of exclusive classes they are the accuracy.
    """
    table = _Table.of(scored)
    names = [
        name
        for name in OF_CALLS
        if not (scored.exclusive and (name.startswith("micro") or name in _OF_LABELS_ONLY))
    ]
    found = {name: _of_calls(name, scored, table, settings, resamples) for name in names}
    found["macro_average_precision"] = _macro_precision_of_ranks(scored, settings, resamples)
    return found if scored.exclusive else found | _micro_of_ranks(scored, settings, resamples)


@dataclass(frozen=True)
class _Table:
    """Hits, misses and false calls of each class that is called, by patient: [patients, classes, 3]."""

    names: list[str]
    counts: np.ndarray
    known: np.ndarray
    fewest: list[int]

    @classmethod
    def of(cls, scored: Scored) -> _Table:
        names, tallies, known_counts, fewest = [], [], [], []
        for column, name in enumerate(scored.classes):
            threshold = scored.thresholds[column]["threshold"]
            known, is_positive = known_rows(scored, column), scored.targets[:, column] == 1
            if not known.any() or (threshold is None and not scored.exclusive):
                continue
            is_called = scored.calls == column if scored.exclusive else scored.decided[:, column] >= threshold
            kinds = (is_positive & is_called, is_positive & ~is_called, ~is_positive & is_called)
            names.append(name)
            tallies.append(np.stack([scored.per_patient(known & kind) for kind in kinds], axis=1))
            known_counts.append(int(known.sum()))
            fewest.append(len(np.unique(scored.clusters[is_positive])))
        counts = np.stack(tallies, axis=1) if tallies else np.zeros((scored.num_clusters, 0, 3))
        return cls(names, counts, np.array(known_counts), fewest)


def _of_calls(
    name: str, scored: Scored, table: _Table, settings: Settings, resamples: Resamples
) -> dict[str, Any]:
    kind, _, measure = name.partition("_")
    whole = table.counts.sum(axis=0)
    is_told = whole[:, :2].sum(axis=1) > 0
    if kind == "micro":
        is_told = np.ones(len(whole), dtype=bool)
    elif measure == "precision":
        is_told &= whole[:, 0] + whole[:, 2] > 0
    used = [table.names[place] for place in np.flatnonzero(is_told)]
    n = int((~np.isnan(scored.targets)).any(axis=1).sum())
    words = {"macro": f"mean {_WORDS[measure]} of {len(used)} classes"}
    words["micro"] = f"{_WORDS[measure]} of the decisions on {len(used)} labels together"
    words["weighted"] = f"mean {_WORDS[measure]} of {len(used)} classes, weighted by positive cases"
    if not used or not whole[:, :2].any():
        reason = "no class with a positive case and a threshold"
        none = undefined(reason, method=words[kind], n=n, n_clusters=scored.num_clusters)
        return {**none, "classes": []}
    counts = table.counts[:, is_told]
    fewest = min(few for few, told in zip(table.fewest, is_told, strict=True) if told and few)
    sums = PatientSums(
        counts.reshape(len(counts), -1),
        resamples,
        n=n,
        n_clusters=scored.num_clusters,
        fewest=fewest,
    )
    value = sums.quantity(
        lambda rows: _mean(rows.reshape(len(rows), -1, 3), kind=kind, measure=_MEASURES[measure]),
        name=words[kind],
        settings=settings,
        none_reason="nothing is called",
        flags=[
            *(_left_out(table, whole) if measure == "precision" and kind != "micro" else []),
            *([f"a class has fewer than {FEW} positive patients"] if fewest < FEW else []),
        ],
    )
    rule, chance = _chance(name, whole[is_told], table.known[is_told], exclusive=scored.exclusive)
    return {**beside(value, rule=rule, estimate=chance), "classes": used}


def _left_out(table: _Table, whole: np.ndarray) -> list[str]:
    never = [
        name
        for name, (hits, misses, false) in zip(table.names, whole, strict=True)
        if hits + misses and not hits + false
    ]
    return [f"never called, and left out (others count 0): {', '.join(never)}"] if never else []


def _mean(sums: np.ndarray, *, kind: str, measure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """An average [sets] of a measure of tallies [sets, classes, 3]; classes without it are left out."""
    if kind == "micro":
        return measure(sums.sum(axis=1))
    each = measure(sums)
    weights = sums[:, :, :2].sum(axis=2) if kind == "weighted" else np.ones_like(each)
    is_known = np.isfinite(each)
    return np.where(is_known, each * weights, 0).sum(axis=1) / np.where(is_known, weights, 0).sum(axis=1)


def _chance(name: str, whole: np.ndarray, known: np.ndarray, *, exclusive: bool) -> tuple[str, float]:
    """What the same answer for every image gets."""
    kind, _, measure = name.partition("_")
    positives = whole[:, :2].sum(axis=1)
    shares = positives / known
    if exclusive:
        most = float(shares.max())
        return MOST_FREQUENT, 2 * most / (1 + most) / len(shares) if measure == "f1" else most
    all_yes = np.stack([positives, np.zeros_like(positives), known - positives], axis=1)
    return ALWAYS_YES, float(_mean(all_yes[None], kind=kind, measure=_MEASURES[measure])[0])


def _precision(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / (sums[..., 0] + sums[..., 2])


def _recall(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / (sums[..., 0] + sums[..., 1])


def _f1(sums: np.ndarray) -> np.ndarray:
    return 2 * sums[..., 0] / (2 * sums[..., 0] + sums[..., 1] + sums[..., 2])


_MEASURES = {"precision": _precision, "recall": _recall, "f1": _f1}
_WORDS = {"precision": "precision", "recall": "recall", "f1": "F1"}


def _macro_precision_of_ranks(scored: Scored, settings: Settings, resamples: Resamples) -> dict[str, Any]:
    """Mean average precision over the labels with a positive case, with the error of resampled patients."""
    used, estimates, shares, reach = [], [], [], 0.0
    total, drawn_of = np.zeros(resamples.count), np.zeros(resamples.count)
    for column, name in enumerate(scored.classes):
        rows = known_rows(scored, column)
        label = scored.targets[rows, column], scored.ranks[rows, column], scored.clusters[rows]
        estimate = average_precision(*label[:2])
        if estimate is None:
            continue
        values = resampled_precision(*label, resamples)
        is_known = np.isfinite(values)
        total, drawn_of = total + np.where(is_known, values, 0), drawn_of + is_known
        used.append(name)
        estimates.append(estimate)
        shares.append(float(np.mean(label[0] == 1)))
        reach = max(reach, precision_reach(label[0], label[2], level=settings.level))
    n = int((~np.isnan(scored.targets)).any(axis=1).sum())
    facts: dict[str, Any] = {"n": n, "n_clusters": scored.num_clusters}
    if not used:
        return {**undefined("no positive case", method="mean average precision", **facts), "classes": []}
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = total / drawn_of
    name = f"mean of {len(used)} values of average precision"
    value = _by_resamples(float(np.mean(estimates)), drawn, reach, name=name, level=settings.level, **facts)
    return {**beside(value, rule="mean prevalence", estimate=float(np.mean(shares))), "classes": used}


def _by_resamples(
    estimate: float, drawn: np.ndarray, reach: float, *, name: str, level: float, **facts: Any
) -> Quantity:
    se, told = standard_error(drawn), describe(drawn, kind="logit scale")
    facts["method"] = f"{name}, {told['method']}"
    value = precision_quantity(estimate, se, reach, level=level, **facts)
    return {**value, "resamples": told["resamples"], "defined": told["defined"]}


def _micro_of_ranks(scored: Scored, settings: Settings, resamples: Resamples) -> dict[str, Any]:
    """AUC and average precision of all images and labels in one ranking, each patient with all of them."""
    columns, rows = np.nonzero(~np.isnan(scored.targets.T))
    targets, clusters = scored.targets[rows, columns], scored.clusters[rows]
    ranks, used = scored.decided[rows, columns], np.unique(columns).tolist()
    facts: dict[str, Any] = {"n": len(np.unique(rows)), "n_clusters": len(np.unique(clusters))}
    about = {"classes": [scored.classes[column] for column in used]}
    if scored.before is None and scored.after is None:
        none = undefined("ranks of different labels share no scale", method="one ranking", **facts)
        return {name: {**none, **about} for name in ("micro_auc", "micro_average_precision")}
    area = auc_quantity(targets, ranks, clusters, level=settings.level)
    found = {"micro_auc": {**area, "n": facts["n"], "method": f"{area['method']}, all labels in one ranking"}}
    name, estimate = "average precision, all labels in one ranking", average_precision(targets, ranks)
    if estimate is None:
        value = undefined("no positive case", method=name, **facts)
    else:
        drawn = resampled_precision(targets, ranks, clusters, resamples)
        reach = precision_reach(targets, clusters, level=settings.level)
        value = _by_resamples(estimate, drawn, reach, name=name, level=settings.level, **facts)
        value = beside(value, rule="prevalence", estimate=math.fsum(targets) / len(targets))
    return {key: {**one, **about} for key, one in {**found, "micro_average_precision": value}.items()}
