"""Confusion matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from medcli.reporting.figures import GREY, INK, Drawing
from medcli.reporting.words import printable, shorten


def confusion_figure(section: dict[str, Any]) -> Drawing:
    """The matrix of the most likely class, sized by its classes, or one of two by two for each label."""
    panels = _panels(section)
    if not section["exclusive"]:
        return Drawing(draw_confusion, panels, size=(2.4, 2.3))
    side = 2.2 + 0.55 * len(section["task"]["classes"])
    return Drawing(draw_confusion, panels, size=(side + 0.6, side), margins=None)


def _panels(section: dict[str, Any]) -> list[dict[str, Any]]:
    """The matrix of the most likely class, or one of two by two for each label."""
    if section["exclusive"]:
        return [
            {
                "title": "most likely class",
                "counts": section["overall"]["confusion"],
                "names": section["task"]["classes"],
                "alt": "Confusion matrix: rows are true classes, columns called ones; "
                "the table below gives recall.",
            }
        ]
    panels = []
    for entry in section["classes"]:
        counts = entry["counts"]
        table = counts and [
            [counts["true_negatives"], counts["false_positives"]],
            [counts["false_negatives"], counts["true_positives"]],
        ]
        name = printable(entry["class"])
        panels.append({"title": name, "counts": table, "names": ["no", "yes"], "alt": _alt(name, counts)})
    return panels


def _alt(name: str, counts: dict[str, int] | None) -> str:
    if counts is None:
        return f"No counts of {name}: it has no threshold."
    return (
        f"{name}: {counts['true_positives']} found, {counts['false_negatives']} missed, "
        f"{counts['false_positives']} false alarms, {counts['true_negatives']} rightly passed."
    )


def draw_confusion(axes: Axes, panel: dict[str, Any]) -> None:
    """Counts of true against called class, shaded by the share of the true class.

    `panel` holds `title`, `counts` [true, called] (None when undefined) and `names`.
    """
    names = [shorten(name, width=18) for name in panel["names"]]
    axes.set_title(shorten(panel["title"], width=24), loc="left")
    if panel["counts"] is None:
        axes.text(0.5, 0.5, "no threshold", ha="center", va="center", color=GREY)
        axes.set_axis_off()
        return
    counts = np.asarray(panel["counts"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # As colours: an image of numbers is coloured pixel by pixel, which takes seconds.
    axes.imshow(colormaps["Blues"](shares, bytes=True), aspect="equal", interpolation="nearest")
    for (row, column), value in np.ndenumerate(counts):
        ink = "white" if shares[row, column] > 0.65 else INK
        axes.text(column, row, f"{value:,}", ha="center", va="center", color=ink, fontsize=9)
    ticks = range(len(names))
    is_long = max(map(len, names)) * len(names) > 30
    axes.set_xticks(ticks, names, rotation=40 if is_long else 0, ha="right" if is_long else "center")
    axes.set_yticks(ticks, names)
    axes.tick_params(length=0)
    axes.set_xlabel("called")
    axes.set_ylabel("true")
    for spine in axes.spines.values():
        spine.set_visible(False)
