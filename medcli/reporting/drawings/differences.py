"""Differences with their intervals, a row a label, beside zero and the margin."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.figures import BLUE, GREY, INK, LIGHT, Drawing, set_title
from medcli.reporting.words import printable, shorten, with_interval


def differences_figure(section: dict[str, Any], measure: str) -> Drawing:
    """One panel a pair of models."""
    panels = []
    for number, pair in enumerate(section["labels"][0]["pairs"]):
        rows = [(label["class"], label["pairs"][number]["measures"][measure]) for label in section["labels"]]
        margin = section["margin"] if section["measure"] == measure else None
        told = "; ".join(f"{printable(name)} {with_interval(value)}" for name, value in rows)
        panels.append(
            {
                "title": printable(pair["name"]),
                "rows": rows,
                "margin": margin,
                "measure": measure.replace("_", " ").replace("auc", "AUC"),
                "alt": f"Difference of {measure.replace('_', ' ')}, {printable(pair['name'])}: {told}.",
            }
        )
    height = 1.1 + 0.26 * len(section["labels"])
    return Drawing(draw_differences, panels, size=(4.3, height), margins=None)


def draw_differences(axes: Axes, panel: dict[str, Any]) -> None:
    """Points with intervals; the band is the margin."""
    if panel["margin"] is not None:
        axes.axvspan(-panel["margin"], panel["margin"], color=LIGHT, alpha=0.5, linewidth=0)
    axes.axvline(0, color=GREY, linewidth=1)
    count = len(panel["rows"])
    for row, (_, value) in enumerate(panel["rows"]):
        height = count - 1 - row
        if value["estimate"] is None:
            axes.text(0, height, " undefined", color=GREY, fontsize=8, va="center")
            continue
        if value["ci"] is not None:
            axes.plot(value["ci"], [height, height], color=BLUE, linewidth=1.6)
        axes.plot(value["estimate"], height, marker="s", markersize=5, color=INK)
    names = [shorten(name, width=22) for name, _ in panel["rows"]]
    axes.set_yticks(range(count), names[::-1])
    axes.set_ylim(-0.7, count - 0.3)
    axes.set_xlabel(f"difference of {panel['measure']}")
    axes.margins(x=0.08)
    axes.locator_params(axis="x", nbins=5)
    set_title(axes, panel["title"])
