"""Estimates with their intervals below one another: subgroups, models, readers."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.figures import BLUE, GREY, GUIDE, INK, Drawing, set_title
from medcli.reporting.words import number, printable, shorten, with_interval


def forest_panel(
    title: str, rows: list[tuple[str, dict[str, Any]]], *, across: str, reference: float | None = None
) -> dict[str, Any]:
    """A panel for `forest_figure`.

    Args:
        title: Of the panel.
        rows: Names (as they are in the files) and quantities, from top to bottom.
        across: What the quantities measure.
        reference: Value of all together, or of no difference.
    """
    told = "; ".join(f"{printable(name)} {with_interval(value)}" for name, value in rows)
    beside = "" if reference is None else f" The line is at {number(reference)}."
    alt = f"{printable(title)}, {across}: {told}.{beside}"
    return {"title": title, "rows": rows, "across": across, "reference": reference, "alt": alt}


def forest_figure(panels: list[dict[str, Any]]) -> Drawing:
    """All panels at the height that the longest needs."""
    longest = max((len(panel["rows"]) for panel in panels), default=1)
    return Drawing(draw_forest, panels, size=(4.2, 1.0 + 0.27 * longest), margins=None)


def draw_forest(axes: Axes, panel: dict[str, Any]) -> None:
    """A square for each estimate, a line for its interval, the numbers to the right."""
    if panel["reference"] is not None:
        axes.axvline(panel["reference"], color=GUIDE, linewidth=1, zorder=0)
    for place, (_, value) in enumerate(panel["rows"]):
        if value["estimate"] is None:
            continue
        if value["ci"] is not None:
            axes.plot(value["ci"], [place, place], color=BLUE, linewidth=1.3, solid_capstyle="butt")
        axes.plot(value["estimate"], place, marker="s", markersize=5, color=BLUE)
    for place, (_, value) in enumerate(panel["rows"]):
        shown = "–" if value["estimate"] is None else with_interval(value, digits=2)
        axes.annotate(
            shown,
            (1.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            color=GREY if value["estimate"] is None else INK,
            fontsize=8,
        )
    names = [shorten(name, width=20) for name, _ in panel["rows"]]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xlabel(panel["across"])
    set_title(axes, panel["title"])
