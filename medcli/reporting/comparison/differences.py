"""Differences of every measure, label by label, with ROC curves of all models."""

from __future__ import annotations

from typing import Any

from medcli.reporting import words
from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.drawings.differences import differences_figure
from medcli.reporting.drawings.roc_overlay import roc_overlay_figure
from medcli.reporting.figures import Drawing
from medcli.reporting.measures import LABELS, spaced


def _words(section: Section) -> dict[str, Any]:
    measures = list(section["labels"][0]["pairs"][0]["measures"])
    pairs = []
    for number, pair in enumerate(section["labels"][0]["pairs"]):
        rows = []
        for label in section["labels"]:
            for name in measures:
                value = label["pairs"][number]["measures"][name]
                rows.append(
                    {"class": label["class"], "measure": LABELS.get(name, spaced(name)), "quantity": value}
                )
        for name, value in section["overall"]["pairs"][number]["measures"].items():
            rows.append(
                {"class": "all classes", "measure": LABELS.get(name, spaced(name)), "quantity": value}
            )
        pairs.append({"title": words.printable(pair["name"]), "rows": rows})
    return {"pairs": pairs, "has_global": any(label["global"] for label in section["labels"])}


def _figures(section: Section) -> dict[str, Drawing]:
    found = {"roc": roc_overlay_figure(section), "differences_auc": differences_figure(section, "auc")}
    if section["measure"] != "auc":
        name = section["measure"]
        found[f"differences_{name}"] = differences_figure(section, name)
    return found


CHAPTER = Chapter("differences", "Differences", "labels", words=_words, figures=_figures)
