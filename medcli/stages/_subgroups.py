"""The section `subgroups` of an evaluation: every measure by fields of the records, and how groups differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from medcli.cohorts.subgroups import assign_groups, parse_subgroups
from medcli.metrics.group_differences import FAMILY, adjust_for_all, num_permutations
from medcli.metrics.heterogeneity import FEWEST
from medcli.metrics.monte_carlo import advice, is_p_unsettled
from medcli.metrics.patients import patient_codes
from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings
from medcli.metrics.subgroups import compare_groups
from medcli.stages._scoring import scored_records
from medcli.store.digests import derive_seed
from medcli.store.predictions import Predictions


def subgroup_section(
    scored: Scored,
    predictions: Predictions,
    asked: Sequence[str],
    *,
    settings: Settings,
) -> dict[str, Any] | None:
    """What `--subgroup` asks for, as plain JSON values; None when it asks for nothing.

    Args:
        scored: Of the images.
        predictions: What they were made of: its records hold the fields.
        asked: Words of the option.
        settings: Of the evaluation.

    Raises:
        UsageError: If a word does not follow the grammar.
        DataError: If no record has a field, or its values make no groups.
    """
    if not asked:
        return None
    scored, records = _in_order(scored, predictions)
    fields = []
    settings = replace(settings, seed=derive_seed(settings.seed, "subgroups"))
    for subgroups in parse_subgroups(asked):
        grouping = assign_groups(records, subgroups)
        found = compare_groups(
            scored, grouping.codes, grouping.names, listed=grouping.listed, settings=settings
        )
        fields.append({"field": subgroups.text, **found})
    adjust_for_all(fields)
    return {
        "family": FAMILY,
        "fewest": FEWEST,
        "permutations": num_permutations(settings),
        "fields": fields,
    }


def group_flags(section: dict[str, Any], *, level: float) -> list[str]:
    """One line for each measure that differs between groups by more than chance, after Holm."""
    lines = []
    for field in section["fields"]:
        for entry in field["classes"]:
            groups = {group["group"]: group for group in entry["groups"]}
            for measure, found in entry["worst"].items():
                if measure in entry["gaps"] and _is_beyond_chance(found["test"], level=level):
                    ends = [_said(groups[found[end]][measure], found[end]) for end in ("lowest", "highest")]
                    lines.append(_line(entry["class"], measure, field["field"], ends))
        calls = field["calls"] or {"groups": [], "gaps": {}}
        values = {group["group"]: group["accuracy"] for group in calls["groups"]}
        for item in calls["gaps"].get("accuracy", ()):
            if _is_beyond_chance(item["gap"]["test"], level=level):
                pair = (item["group"], calls["reference"])
                ends = [
                    _said(values[name], name) for name in sorted(pair, key=lambda n: values[n]["estimate"])
                ]
                lines.append(_line("most likely class", "accuracy", field["field"], ends))
    return lines + _unsettled(section, level=level)


def _unsettled(section: dict[str, Any], *, level: float) -> list[str]:
    """A line that names the largest gaps whose p-values more permutations may put on the other side."""
    unsure = [
        f"{entry['class']}, {name.replace('_', ' ')} by {field['field']}"
        for field in section["fields"]
        for entry in field["classes"]
        for name, found in entry["worst"].items()
        if is_p_unsettled(found["test"], section["permutations"], level=level, sides=1)
    ]
    if not unsure:
        return []
    more = advice(section["permutations"], of="permutations")
    return [f"whether largest gaps are beyond chance is {more} ({'; '.join(unsure)})"]


def _is_beyond_chance(test: dict[str, Any], *, level: float) -> bool:
    return test["p"] is not None and test["p_holm"] < 1 - level


def _said(value: dict[str, Any], group: str) -> str:
    return f"{value['estimate']:.3f} ({group})"


def _line(name: str, measure: str, field: str, ends: list[str]) -> str:
    return f"{name}: {measure} differs by {field} more than chance makes it: {' to '.join(ends)}"


def _in_order(scored: Scored, predictions: Predictions) -> tuple[Scored, list[dict[str, Any]]]:
    """Images and records by id: what is drawn then does not depend on the order of the rows."""
    counted = scored_records(predictions)
    order = sorted(range(len(counted)), key=lambda row: counted[row]["id"])
    records = [counted[row] for row in order]
    ordered = scored.subset(np.array(order, dtype=np.int64))
    return replace(ordered, clusters=patient_codes(records)[1]), records
