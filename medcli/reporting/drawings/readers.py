"""Readers on the ROC curve of the model, and how far it is from each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.drawings.forest import draw_forest, forest_figure, forest_panel
from medcli.reporting.drawings.roc import draw_roc, roc_figure
from medcli.reporting.figures import GREY, INK, Drawing
from medcli.reporting.words import number, printable

MEAN = "mean reader"


def readers_roc_figure(section: dict[str, Any]) -> Drawing:
    """One panel for each class that readers called: the curve, its threshold, each reader and their mean."""
    drawing = roc_figure(section)
    curves = dict(zip((entry["class"] for entry in section["classes"]), drawing.panels, strict=True))
    panels = []
    for entry in section["readers"]["classes"]:
        called = [reader for reader in entry["readers"] if _has_point(reader)]
        if not called:
            continue
        told = "; ".join(
            f"{printable(reader['reader'])} sensitivity {number(reader['sensitivity']['estimate'])}, "
            f"specificity {number(reader['specificity']['estimate'])}"
            for reader in called
        )
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


def _has_point(rates: dict[str, Any]) -> bool:
    return all(rates.get(name, {}).get("estimate") is not None for name in ("sensitivity", "specificity"))


def _point(rates: dict[str, Any]) -> tuple[float, float]:
    """False positive rate and sensitivity."""
    return 1 - rates["specificity"]["estimate"], rates["sensitivity"]["estimate"]
