"""Forest plots of groups: one measure in every group, with intervals, beside that of all."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from medcli.reporting.figures import BLUE, GREY, INK, LIGHT, Drawing, set_title
from medcli.reporting.measures import measure_label
from medcli.reporting.words import field_words, group_words, printable, shorten, with_interval

_ROW, _FRAME = 0.19, 0.9


def subgroup_figure(section: dict[str, Any], measure: str) -> Drawing:
    """One panel for each class of which a group is compared, else that has the measure at all.

    Args:
        section: With `classes` and `subgroups`.
        measure: Key of the measure in each group: a share from 0 to 1, a net benefit, or
            `observed_to_expected`.
    """
    panels = [_panel(section, column, measure) for column in range(len(section["classes"]))]
    shown = [panel for panel in panels if _has(panel, is_tested=True)]
    panels = shown or [panel for panel in panels if _has(panel, is_tested=False)]
    num_rows = max((len(panel["rows"]) for panel in panels), default=0)
    return Drawing(draw_groups, panels, size=(3.7, _FRAME + _ROW * num_rows), margins=(1.6, 0.6, 0.15, 0.3))


def _has(panel: dict[str, Any], *, is_tested: bool) -> bool:
    groups = [row for row in panel["rows"] if "value" in row]
    return any(row["value"]["estimate"] is not None and row["tested"] >= is_tested for row in groups)


def _panel(section: dict[str, Any], column: int, measure: str) -> dict[str, Any]:
    entry = section["classes"][column]
    rows: list[dict[str, Any]] = []
    told = []
    for field in section["subgroups"]["fields"]:
        rows.append({"label": field_words(field["field"])})
        for group in field["classes"][column]["groups"]:
            label = group_words(field["field"], group["group"])
            value = group[measure]
            share = group["n"] / max(1, section["n"])
            rows.append({"label": label, "value": value, "share": share, "tested": group["tested"]})
            told.append(f"{label} {with_interval(value)}")
    is_ratio = measure == "observed_to_expected"
    whole = 1.0 if is_ratio else entry[measure]["estimate"]
    name, label = printable(entry["class"]), measure_label([measure])
    return {
        "title": name,
        "alt": f"{label} of {name} by group: {', '.join(told)}.",
        "measure": label,
        "rows": rows,
        "whole": whole,
        "is_ratio": is_ratio,
    }


def draw_groups(axes: Axes, panel: dict[str, Any]) -> None:
    """Estimates as squares, larger for more images, with intervals; groups that are not tested are hollow.

    `panel` holds `title`, `measure`, `rows` (`label`, and for a group `value`, `share` of all images and
    `tested`), `whole` (a line for all images, or None) and `is_ratio` (a logarithmic axis around 1).
    """
    rows, low, high = panel["rows"], *_limits(panel)
    if panel["whole"] is not None:
        axes.axvline(panel["whole"], color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    groups = [(place, row) for place, row in enumerate(rows) if "value" in row]
    axes.hlines([place for place, _ in groups], low, high, color=LIGHT, linewidth=0.4, zorder=0)
    for is_tested in (True, False):
        _draw_alike(axes, [item for item in groups if item[1]["tested"] == is_tested], limits=(low, high))
    axes.set_yticks(range(len(rows)), [shorten(row["label"], width=26) for row in rows], fontsize=7.5)
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(INK if "value" not in row else GREY)
        tick.set_fontweight("bold" if "value" not in row else "normal")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    if panel["is_ratio"]:
        axes.set_xscale("log")
        axes.set_xticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
        axes.set_xticks([], minor=True)
    axes.set_xlim(low, high)
    axes.set_xlabel(textwrap.fill(panel["measure"], width=28), fontsize=8)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    set_title(axes, panel["title"])


def _draw_alike(axes: Axes, groups: list[tuple[int, dict[str, Any]]], *, limits: tuple[float, float]) -> None:
    """Groups that are all tested, or all only listed, with their places from the top."""
    shown = [(place, row) for place, row in groups if row["value"]["estimate"] is not None]
    for place, row in groups:
        if row["value"]["estimate"] is None:
            axes.text(limits[0], place, " undefined", va="center", fontsize=7, color=GREY)
    if not shown:
        return
    is_tested = shown[0][1]["tested"]
    color = BLUE if is_tested else GREY
    edges = [(place, *np.clip(row["value"]["ci"], *limits)) for place, row in shown if row["value"]["ci"]]
    if edges:
        places, lows, highs = zip(*edges, strict=True)
        axes.hlines(places, lows, highs, color=color, linewidth=1.1, zorder=2)
    axes.scatter(
        np.clip([row["value"]["estimate"] for _, row in shown], *limits),
        [place for place, _ in shown],
        s=[8 + 28 * row["share"] for _, row in shown],
        marker="s",
        facecolor=color if is_tested else "white",
        edgecolor=color,
        linewidths=0.9,
        zorder=3,
        clip_on=False,
    )


def _limits(panel: dict[str, Any]) -> tuple[float, float]:
    """A quarter to four for ratios; for what is at most 1 from a tenth below the lowest interval."""
    if panel["is_ratio"]:
        return 0.25, 4.0
    edges = [row["value"]["ci"][0] for row in panel["rows"] if "value" in row and row["value"]["ci"]]
    return max(-1.0, np.floor(10 * min(edges, default=0)) / 10), 1.0
