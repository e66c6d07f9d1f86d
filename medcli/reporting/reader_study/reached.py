"""What each reader and their mean reach against a truth, and how arms differ."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Rows, Section
from medcli.reporting.drawings.forest import forest_figure, forest_panel
from medcli.reporting.drawings.readers import reader_points_figure
from medcli.reporting.figures import Drawing
from medcli.reporting.measures import LABELS
from medcli.reporting.words import printable


def _words(section: Section) -> dict[str, Any]:
    truths = _truths(section)
    usable = [label for label in truths if label["against_truth"]["figures"]]
    figures = dict.fromkeys(name for label in usable for name in label["against_truth"]["figures"])
    return {
        "figure_names": {name: LABELS[name] for name in figures},
        "undefined": [label for label in truths if label["against_truth"]["reason"]],
        "left_out": [
            (printable(label["class"]), [printable(name) for name in label["against_truth"]["left_out"]])
            for label in usable
            if label["against_truth"]["left_out"]
        ],
        "truths": truths,
        "usable": usable,
        "has_arms": len(section["arms"]) > 1,
        "rates": [name for name in ("auc", "sensitivity", "specificity") if name in figures],
    }


def _truths(section: Section) -> Rows:
    return [label for label in section["labels"] if "against_truth" in label]


def _figures(section: Section) -> dict[str, Drawing]:
    truths = _truths(section)
    drawn = {
        "reader_points": reader_points_figure(truths),
        "reader_areas": forest_figure([panel for label in truths for panel in _areas(label)]),
        "arm_differences": _differences(truths),
    }
    return {name: drawing for name, drawing in drawn.items() if drawing.panels}


def _areas(label: dict[str, Any]) -> list[dict[str, Any]]:
    """Areas of readers who rate, arm by arm, and of their means."""
    found = label["against_truth"]
    if "auc" not in found["figures"]:
        return []
    rows = [(_name(item["reader"], item["arm"]), item["auc"]) for item in found["each"]]
    means = found["figures"]["auc"]["means"]
    rows += [(_name("mean reader", item["arm"]), item["mean"]) for item in means]
    return [forest_panel(label["class"], rows, across="AUC of each reader", reference=None)]


def _name(reader: str, arm: str) -> str:
    return f"{reader}, {arm}" if arm else reader


def _differences(truths: list[dict[str, Any]]) -> Drawing:
    """One panel for each two arms: the difference of the mean reader, label by label."""
    rows: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
    for label in truths:
        for name, figure in list(label["against_truth"]["figures"].items())[:1]:
            for item in figure.get("differences", ()):
                rows.setdefault((item["name"], name), []).append((label["class"], item["difference"]))
    panels = [
        forest_panel(pair, found, across=f"{LABELS[figure]}, difference", reference=0.0)
        for (pair, figure), found in rows.items()
    ]
    return forest_figure(panels)


CHAPTER = Chapter("reached", "What readers reach", "has_truth", words=_words, figures=_figures)
