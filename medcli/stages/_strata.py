"""The same comparison again: within each value of a field, and under each label policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from medcli.cohorts.policies import POLICIES
from medcli.config import CompareConfig
from medcli.errors import UsageError
from medcli.metrics.cochran import cochran_q
from medcli.metrics.noninferiority import judge
from medcli.stages._entrants import Entrant, field_words
from medcli.stages._lineup import Lineup, line_up
from medcli.stages._pairs import label_pairs, macro_pairs, setting_of


def within_field(config: CompareConfig, lineup: Lineup) -> dict[str, Any]:
    """Differences of the AUC within each value of a field, and whether they differ between its values."""
    field = str(config.by)
    values = [[field_words(record, field) for record in records] for records in lineup.records]
    groups = sorted({value for own in values for value in own if value is not None})
    if not groups:
        raise UsageError(f"no record has the field {field!r}", hint="--by takes a field such as site or sex")
    setting = setting_of(config, lineup)
    found = []
    for group in groups:
        rows = [np.array([value == group for value in own]) for own in values]
        labels = [
            label_pairs(lineup, column, setting, rows=rows, measures=("auc",))
            for column in range(len(lineup.classes))
        ]
        overall = {"pairs": macro_pairs(lineup, setting, rows=rows)}
        found.append(
            {"group": group, "n": [int(mask.sum()) for mask in rows], "labels": labels, "overall": overall}
        )
    unknown = sum(value is None for own in values for value in own)
    return {
        "field": field,
        "unknown": unknown,
        "groups": found,
        "heterogeneity": _spread(found, lineup, level=config.level),
    }


def _spread(groups: list[dict[str, Any]], lineup: Lineup, *, level: float) -> list[dict[str, Any]]:
    """Cochran's Q of the differences over the groups, of each label and pair."""
    result = []
    for column, name in enumerate(lineup.classes):
        for number, pair in enumerate(groups[0]["labels"][column]["pairs"]):
            values = [group["labels"][column]["pairs"][number]["measures"]["auc"] for group in groups]
            usable = [value for value in values if value["estimate"] is not None and value["se"]]
            found = cochran_q(
                [v["estimate"] for v in usable],
                [v["se"] for v in usable],
                level=level,
                n=sum(v["n"] for v in usable),
                n_clusters=sum(v["n_clusters"] for v in usable),
            )
            result.append(
                {"class": name, "name": pair["name"], "first": pair["first"], "second": pair["second"]}
                | {"groups": len(usable), **found}
            )
    return result


def under_policies(config: CompareConfig, entrants: list[Entrant]) -> list[dict[str, Any]]:
    """Differences of the AUC under every label policy."""
    swept = []
    for policy in POLICIES:
        lineup = line_up(entrants, pairing=config.pairing, policy=policy)
        setting = setting_of(config, lineup)
        labels = [
            label_pairs(lineup, column, setting, measures=("auc",)) for column in range(len(lineup.classes))
        ]
        swept.append({"policy": str(policy), "labels": labels})
    return swept


def flips(policies: list[dict[str, Any]], classes: list[str]) -> Iterator[str]:
    """A line for each label and pair whose order, or whose conclusion, depends on the policy."""
    for column, name in enumerate(classes):
        for number in range(len(policies[0]["labels"][column]["pairs"])):
            found = {
                item["policy"]: item["labels"][column]["pairs"][number]["measures"]["auc"]
                for item in policies
            }
            known = {key: value for key, value in found.items() if value["estimate"] is not None}
            signs = {np.sign(value["estimate"]) for value in known.values()} - {0}
            verdicts = {key: judge(value, margin=None)["verdict"] for key, value in known.items()}
            told = ", ".join(
                f"{value['estimate']:+.3f} ({key}, {verdicts[key]})" for key, value in known.items()
            )
            if len(signs) > 1:
                yield f"{name}: which model ranks better depends on what -1 and blank count as: {told}"
            elif len(set(verdicts.values())) > 1:
                yield f"{name}: the conclusion depends on what -1 and blank count as: {told}"
