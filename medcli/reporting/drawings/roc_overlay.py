"""ROC curves of several models in one panel a label."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.figures import BLUE, GREY, INK, ORANGE, Drawing, draw_diagonal, unit_square
from medcli.reporting.words import number, printable, shorten, with_interval

# Told apart by dashes as well as by colour, so that print in black and white can be read.
LINES = ((BLUE, "-"), (ORANGE, "--"), (INK, ":"), (GREY, "-."))


def roc_overlay_figure(document: dict[str, Any]) -> Drawing:
    """One panel a label."""
    panels = []
    for label in document["labels"]:
        told = ", ".join(
            f"{printable(m['name'])} {'undefined' if m['roc'] is None else with_interval(m['auc'])}"
            for m in label["models"]
        )
        name = printable(label["class"])
        panels.append(
            {"title": name, "models": label["models"], "alt": f"ROC curves of {name}; areas: {told}."}
        )
    return Drawing(draw_roc_overlay, panels, size=(2.9, 3.1))


def draw_roc_overlay(axes: Axes, panel: dict[str, Any]) -> None:
    """A curve a model; the area stands beside its name."""
    draw_diagonal(axes)
    for index, model in enumerate(panel["models"]):
        if model["roc"] is None:
            continue
        colour, dashes = LINES[index % len(LINES)]
        label = f"{shorten(model['name'], width=14)} {number(model['auc']['estimate'])}"
        axes.plot(
            model["roc"]["false_rates"],
            model["roc"]["sensitivities"],
            color=colour,
            linestyle=dashes,
            linewidth=1.5,
            label=label,
            clip_on=False,
        )
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", frameon=False, fontsize=7.5, handlelength=1.8, borderaxespad=0.2)
    unit_square(axes, title=panel["title"], across="1 − specificity", up="sensitivity")
