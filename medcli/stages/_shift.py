"""How far the images of other sources, or the same images changed, are from those of the first."""

from __future__ import annotations

from typing import Any

from medcli.metrics.black_box_shift import Called, black_box_shift
from medcli.metrics.bootstrap import Resamples
from medcli.metrics.heterogeneity import gap
from medcli.metrics.intervals import mean_value, proportion
from medcli.metrics.multiplicity import holm
from medcli.metrics.shift import kolmogorov_smirnov, population_stability_index
from medcli.metrics.tallies import LabelScores
from medcli.quantity import TestResult
from medcli.stages._input_shift import input_shift
from medcli.stages._lineup import Lineup


def describe_shift(
    lineup: Lineup, *, each: str | None, resamples: Resamples, level: float
) -> list[dict[str, Any]]:
    """Every source against the first: images, patients, scores of each label, calls and prevalences.

    On the same images, what changed is pixels and scores; on others, patients and truth may have changed too.
    P-values of all scores are corrected together by Holm's method, and so are those of all inputs, which
    leave out `each`, the field that sources were told apart by.
    """
    found = [
        _against_first(lineup, number, each=each, resamples=resamples, level=level)
        for number in range(1, len(lineup.names))
    ]
    scores = [label["kolmogorov_smirnov"] for source in found for label in source["labels"]]
    inputs = [entry.get("test") or entry["change"]["test"] for source in found for entry in source["inputs"]]
    counts = {"scores": _correct(scores), "inputs": _correct(inputs)}
    return [{**source, "tests": counts} for source in found]


def _correct(tests: list[TestResult]) -> int:
    """Give each test its p-value after Holm's correction; how many there are."""
    p_values = [test["p"] for test in tests]
    for test, p in zip(tests, holm(p_values), strict=True):
        test["p_holm"] = p
    return sum(p is not None for p in p_values)


def _against_first(
    lineup: Lineup, number: int, *, each: str | None, resamples: Resamples, level: float
) -> dict[str, Any]:
    labels = []
    for column, name in enumerate(lineup.classes):
        first, other = lineup.label(0, column), lineup.label(number, column)
        labels.append(
            {"class": name, **_scores(first, other), **_of_images(first, other, lineup, level=level)}
        )
    name = f"{lineup.names[number]} against {lineup.names[0]}"
    found: dict[str, Any] = {"name": name, "first": 0, "second": number, "labels": labels}
    inputs = input_shift(lineup, number, level=level)
    found["inputs"] = [entry for entry in inputs if entry["name"] != each]
    if not lineup.is_paired:
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
