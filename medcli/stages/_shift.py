"""How far the images of other sources, or the same images changed, are from those of the first."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.metrics.black_box_shift import Called, black_box_shift
from medcli.metrics.bootstrap import Resamples
from medcli.metrics.heterogeneity import gap
from medcli.metrics.intervals import mean_value, proportion
from medcli.metrics.shift import (
    chi_square,
    kolmogorov_smirnov,
    population_stability_index,
)
from medcli.metrics.tallies import LabelScores
from medcli.quantity import TestResult
from medcli.stages._lineup import Lineup

CATEGORIES = ("sex", "view", "device", "site")


def describe_shift(lineup: Lineup, *, resamples: Resamples, level: float) -> list[dict[str, Any]]:
    """Every source against the first: scores of each label, calls, prevalences, and who the patients are.

    On the same images, what changed is the scores; on others, the images and the truth may have changed too.
    """
    return [
        _against_first(lineup, number, resamples=resamples, level=level)
        for number in range(1, len(lineup.names))
    ]


def _against_first(lineup: Lineup, number: int, *, resamples: Resamples, level: float) -> dict[str, Any]:
    labels = []
    for column, name in enumerate(lineup.classes):
        first, other = lineup.label(0, column), lineup.label(number, column)
        labels.append(
            {"class": name, **_scores(first, other), **_of_images(first, other, lineup, level=level)}
        )
    name = f"{lineup.names[number]} against {lineup.names[0]}"
    found: dict[str, Any] = {"name": name, "first": 0, "second": number, "labels": labels}
    if not lineup.is_paired:
        found["fields"] = _fields(lineup, number)
        found["prevalences"] = _prevalences(lineup, number, resamples=resamples, level=level)
    return found


def _scores(first: LabelScores, other: LabelScores) -> dict[str, Any]:
    owners: dict[str, Any] = {"first_clusters": first.clusters, "second_clusters": other.clusters}
    return {
        "kolmogorov_smirnov": kolmogorov_smirnov(first.ranks, other.ranks, **owners),
        "psi": population_stability_index(first.ranks, other.ranks, **owners),
    }


def _of_images(first: LabelScores, other: LabelScores, lineup: Lineup, *, level: float) -> dict[str, Any]:
    """Of the same images, the change of their scores and calls; of others, prevalence and share of calls."""
    called = first.called, other.called
    if lineup.is_paired:
        change = mean_value(
            other.ranks - first.ranks, first.clusters, level=level, what="mean change", floor=None
        )
        found: dict[str, Any] = {"score_change": change, "calls_changed": None}
        if called[0] is not None and called[1] is not None:
            found["calls_changed"] = proportion(called[0] != called[1], first.clusters, level=level)
        return found
    shares = [proportion(side.targets == 1, side.clusters, level=level) for side in (other, first)]
    found = {"prevalence_change": gap(*shares, level=level), "calls_change": None}
    if called[0] is not None and called[1] is not None:
        calls = [proportion(called[1], other.clusters, level=level)]
        calls.append(proportion(called[0], first.clusters, level=level))
        found["calls_change"] = gap(*calls, level=level)
    return found


def _fields(lineup: Lineup, number: int) -> dict[str, TestResult]:
    """Tests of who the patients are: one record a patient, so that patients count once."""
    sides = [_one_each(lineup, index) for index in (0, number)]
    tests = {}
    for field in CATEGORIES:
        values = [[str(r[field]) for r in records if r.get(field) is not None] for records in sides]
        names = sorted({*values[0], *values[1]})
        if all(values):
            counts = [np.array([own.count(name) for name in names]) for own in values]
            tests[field] = chi_square(counts[0], counts[1])
    ages = [np.array([float(r["age"]) for r in records if r.get("age") is not None]) for records in sides]
    if all(map(len, ages)):
        order = [np.arange(len(own)) for own in ages]
        tests["age"] = kolmogorov_smirnov(ages[0], ages[1], first_clusters=order[0], second_clusters=order[1])
    return tests


def _one_each(lineup: Lineup, number: int) -> list[dict[str, Any]]:
    _, rows = np.unique(lineup.scored[number].clusters, return_index=True)
    return [lineup.records[number][row] for row in sorted(rows)]


def _prevalences(lineup: Lineup, number: int, *, resamples: Resamples, level: float) -> list[dict[str, Any]]:
    """Prevalences from calls alone, if nothing else changed: of all classes together, or of each label."""
    first, other = lineup.scored[0], lineup.scored[number]
    if first.exclusive:
        sides = (Called(scored.calls, scored.clusters, scored.labels) for scored in (first, other))
        return [black_box_shift(*sides, names=first.classes, resamples=resamples, level=level)]
    found = []
    for column, name in enumerate(lineup.classes):
        labels = lineup.label(0, column), lineup.label(number, column)
        if any(label.called is None for label in labels):
            continue
        told = black_box_shift(
            *(_yes_or_no(label) for label in labels), names=("no", name), resamples=resamples, level=level
        )
        found.append({**told, "classes": told["classes"][1:]})
    return found


def _yes_or_no(label: LabelScores) -> Called:
    assert label.called is not None
    return Called(label.called.astype(int), label.clusters, (label.targets == 1).astype(int))
