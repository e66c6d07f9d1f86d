"""How every number was made, and all numbers of each class."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from medcli.reporting.chapter import Chapter, Rows, Section
from medcli.reporting.csv_tables import quantities

ELSEWHERE = ("subgroups", "readers", "decision_curves", "policies", "calibration")
"""Parts of the section with tables of their own; here they would be thousands of rows."""


def _words(section: Section) -> dict[str, Any]:
    rest = {name: value for name, value in section.items() if name not in ELSEWHERE}
    methods: dict[str, set[str]] = {}
    groups: dict[str, Rows] = {}
    for of, label, value in quantities(rest):
        methods.setdefault(label, set()).add(_way(value["method"]))
        first, _, rest_of = of.partition(" / ")
        whose = f"{rest_of}: {label}" if rest_of else label
        groups.setdefault(first, []).append({"label": whose, "quantity": value})
    told = [(label, "; ".join(sorted(filter(None, found)))) for label, found in methods.items()]
    return {"methods": told, "groups": groups}


def _way(method: str) -> str:
    """A method without what differs from class to class: effective sizes, resamples that were defined."""
    return re.sub(r", [\d,]+ defined", "", method.partition(" (effective n")[0])


CHAPTER = Chapter("numbers", "Every number, with its method", "classes", words=_words)
OF_LABELS = replace(CHAPTER, key="labels")
"""The same of documents that have labels, not classes: comparisons, studies of readers."""
