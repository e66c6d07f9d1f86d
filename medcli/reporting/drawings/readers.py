"""Readers on the ROC curve of the model, and how far it is from each of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.drawings.forest import draw_forest, forest_figure, forest_panel
from medcli.reporting.drawings.roc import draw_roc, roc_figure
from medcli.reporting.figures import BLUE, GREY, INK, ORANGE, Drawing, draw_diagonal, unit_square
from medcli.reporting.words import number, printable, shorten

MEAN = "mean reader"
RATES = ("sensitivity", "specificity")
_ARMS = (("^", INK), ("o", ORANGE), ("s", BLUE), ("D", GREY))


def readers_roc_figure(section: dict[str, Any]) -> Drawing:
    """One panel for each class that readers called: the curve, its threshold, each reader and their mean."""
    drawing = roc_figure(section)
    curves = dict(zip((entry["class"] for entry in section["classes"]), drawing.panels, strict=True))
    panels = []
    for entry in section["readers"]["classes"]:
        called = [reader for reader in entry["readers"] if _has_point(reader)]
        if not called:
            continue
        told = "; ".join(f"{printable(reader['reader'])} {_rates_told(reader)}" for reader in called)
        panel, mean = curves[entry["class"]], entry["mean_reader"]
        panels.append(
            {
                **panel,
                "alt": f"{panel['alt']} Readers: {told}.",
                "readers": [_point(reader) for reader in called],
                "mean": _point(mean) if _has_point(mean) else None,
            }
        )
    return replace(drawing, draw=draw_readers_roc, panels=panels)


def draw_readers_roc(axes: Axes, panel: dict[str, Any]) -> None:
    """What `draw_roc` draws, with the `mean` of the readers as a full triangle."""
    draw_roc(axes, panel)
    if panel["mean"] is not None:
        axes.plot(*panel["mean"], marker="^", markersize=7, color=INK, clip_on=False, zorder=7)


def reader_points_figure(truths: list[dict[str, Any]]) -> Drawing:
    """Without a model: one panel for each label of calls, with every reader and the mean reader of each arm.

    Args:
        truths: Entries of labels of `medcli readers`, with `against_truth`.
    """
    panels = []
    for label in truths:
        found = label["against_truth"]
        if "sensitivity" not in found["figures"]:
            continue
        arms = []
        for place, arm in enumerate(found["arms"]):
            mean = {name: found["figures"][name]["means"][place]["mean"] for name in RATES}
            readers = [item for item in found["each"] if item["arm"] == arm]
            points = [_point(item) if _has_point(item) else None for item in readers]
            arms.append(
                {"name": printable(arm), "points": points, "mean": _point(mean) if _has_point(mean) else None}
            )
        told = "; ".join(
            " ".join(filter(None, (item["reader"], item["arm"], _rates_told(item)))) for item in found["each"]
        )
        name = printable(label["class"])
        panels.append({"title": name, "arms": arms, "alt": f"Readers of {name}: {printable(told)}."})
    return Drawing(draw_reader_points, panels)


def draw_reader_points(axes: Axes, panel: dict[str, Any]) -> None:
    """Hollow marks for readers, a full one for their mean; each arm has a shape and colour of its own."""
    draw_diagonal(axes)
    arms = panel["arms"]
    for pair in zip(*(arm["points"] for arm in arms), strict=True):
        if len(pair) > 1 and None not in pair:
            axes.plot(*zip(*pair, strict=True), color=GREY, linewidth=0.7, zorder=2)
    for arm, (marker, colour) in zip(arms, cycle(_ARMS)):
        style: dict[str, Any] = {"marker": marker, "linestyle": "none", "color": colour, "clip_on": False}
        for point in filter(None, arm["points"]):
            axes.plot(*point, markersize=5.5, markerfacecolor="white", zorder=4, **style)
        if arm["mean"] is not None:
            axes.plot(*arm["mean"], markersize=7, zorder=5, label=shorten(arm["name"], width=18), **style)
    if len(arms) > 1:
        axes.legend(loc="lower right", frameon=False, fontsize=8, handlelength=1)
    unit_square(axes, title=panel["title"], across="1 − specificity", up="sensitivity")


def readers_forest_figure(section: dict[str, Any]) -> Drawing:
    """One panel a class: the model less each reader and less the mean reader, by the main figure."""
    panels = []
    for entry in section["readers"]["classes"]:
        figure = entry["main"]
        if figure is None:
            continue
        rows = [
            (reader["reader"], reader["differences"][figure])
            for reader in entry["readers"]
            if figure in reader["differences"]
        ]
        rows.append((MEAN, entry["against_mean"][figure]))
        panel = forest_panel(entry["class"], rows, across="model less reader", reference=0.0)
        panels.append({**panel, "margin": section["readers"]["margin"]})
    return replace(forest_figure(panels), draw=draw_readers_forest)


def draw_readers_forest(axes: Axes, panel: dict[str, Any]) -> None:
    """What `draw_forest` draws, with the `margin` as two dashed lines."""
    draw_forest(axes, panel)
    for side in () if panel["margin"] is None else (-1, 1):
        axes.axvline(side * panel["margin"], color=GREY, linewidth=0.8, linestyle=(0, (3, 3)), zorder=0)


def _rates_told(rates: dict[str, Any]) -> str:
    return ", ".join(f"{name} {number(rates[name]['estimate'])}" for name in RATES)


def _has_point(rates: dict[str, Any]) -> bool:
    return all(rates.get(name, {}).get("estimate") is not None for name in RATES)


def _point(rates: dict[str, Any]) -> tuple[float, float]:
    """False positive rate and sensitivity."""
    return 1 - rates["specificity"]["estimate"], rates["sensitivity"]["estimate"]
