"""Figures as bytes: ROC curves, reliability diagrams, confusion matrices.

The same numbers give the same bytes: bundled fonts, no date, no software name, fixed identifiers.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from medcli.reporting.words import shorten

INK, GREY, LIGHT = "#1c2733", "#5f6b7a", "#d5dbe3"
BLUE, ORANGE = "#1f5fa8", "#b8500f"
_PANEL = (2.7, 2.9)
_STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "svg.hashsalt": "medcli",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}

Draw = Callable[[Axes, dict[str, Any]], None]


def panel_svg(draw: Draw, panel: dict[str, Any]) -> bytes:
    """One panel as SVG."""
    with _style():
        figure = Figure(figsize=_PANEL, layout="constrained")
        draw(figure.add_subplot(), panel)
        return _rendered(figure, kind="svg")


def sheet_png(draw: Draw, panels: Sequence[dict[str, Any]], *, columns: int = 4) -> bytes:
    """All panels on one sheet as PNG."""
    columns = min(columns, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    with _style():
        figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows), layout="constrained")
        for index, panel in enumerate(panels):
            draw(figure.add_subplot(rows, columns, index + 1), panel)
        return _rendered(figure, kind="png")


def draw_roc(axes: Axes, panel: dict[str, Any]) -> None:
    """An ROC curve with its operating point.

    `panel` holds `title`, `note`, `false_rates` and `sensitivities` (None when undefined), and `point`: false
    positive rate and sensitivity at the threshold, or None.
    """
    axes.plot([0, 1], [0, 1], color=LIGHT, linewidth=1, zorder=1)
    if panel["false_rates"] is not None:
        axes.plot(panel["false_rates"], panel["sensitivities"], color=BLUE, linewidth=1.6, clip_on=False)
    if panel["point"] is not None:
        axes.plot(
            *panel["point"],
            marker="o",
            markersize=7,
            color=ORANGE,
            markeredgecolor="white",
            clip_on=False,
            zorder=5,
        )
    axes.text(0.98, 0.05, panel["note"], ha="right", va="bottom", color=INK, fontsize=8.5)
    _unit_square(axes, title=panel["title"], across="1 − specificity", up="sensitivity")


def draw_reliability(axes: Axes, panel: dict[str, Any]) -> None:
    """Observed frequency against predicted probability, before and after, above a histogram.

    `panel` holds `title`, `note`, and `before` and `after`: bins, or None. Larger marks are fuller bins.
    """
    axes.plot([0, 1], [0, 1], color=LIGHT, linewidth=1, zorder=1)
    _draw_histogram(axes, panel["after"] or panel["before"] or [])
    is_calibrated = panel["after"] is not None
    if panel["before"]:
        _draw_bins(axes, panel["before"], color=GREY if is_calibrated else BLUE, marker="o", label="as given")
    if panel["after"]:
        _draw_bins(axes, panel["after"], color=BLUE, marker="s", label="calibrated")
    if panel["before"]:
        legend = axes.legend(loc="upper left", frameon=False, fontsize=8, handlelength=1, borderaxespad=0.1)
        for handle in legend.legend_handles:
            handle.set_sizes([16])  # type: ignore[union-attr]
    _unit_square(axes, title=panel["title"], across="predicted probability", up="observed frequency")
    axes.set_title(panel["note"], loc="right", fontsize=8, fontweight="normal", color=GREY, y=-0.36)
    axes.set_ylim(-0.2, 1)
    axes.spines["left"].set_bounds(0, 1)


def _draw_histogram(axes: Axes, bins: list[dict[str, Any]]) -> None:
    """How many images are in each bin, in a strip below the diagram."""
    fullest = max((item["n"] for item in bins), default=1)
    axes.bar(
        [item["low"] for item in bins],
        [0.17 * item["n"] / fullest for item in bins],
        width=[item["high"] - item["low"] for item in bins],
        bottom=-0.2,
        align="edge",
        color="#b9c3cf",
        edgecolor="white",
        linewidth=0.5,
    )


def _draw_bins(axes: Axes, bins: list[dict[str, Any]], *, color: str, marker: str, label: str) -> None:
    across = [item["mean_probability"] for item in bins]
    up = [item["frequency"] for item in bins]
    fullest = max(item["n"] for item in bins)
    sizes = [5 + 35 * item["n"] / fullest for item in bins]
    axes.plot(across, up, color=color, linewidth=0.8, alpha=0.5)
    axes.scatter(
        across, up, s=sizes, color=color, marker=marker, linewidths=0, clip_on=False, zorder=4, label=label
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
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.25, aspect="equal")
    for (row, column), value in np.ndenumerate(counts):
        ink = "white" if shares[row, column] > 0.78 else INK
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


def confusion_figure(panel: dict[str, Any], *, kind: str) -> bytes:
    """One large confusion matrix, sized by its classes, as `png` or `svg`."""
    side = 2.2 + 0.55 * len(panel["names"])
    with _style():
        figure = Figure(figsize=(side + 0.6, side), layout="constrained")
        draw_confusion(figure.add_subplot(), panel)
        return _rendered(figure, kind=kind)


def _unit_square(axes: Axes, *, title: str, across: str, up: str) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=across, ylabel=up, aspect="equal")
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_title(shorten(title, width=24), loc="left")


@contextmanager
def _style() -> Iterator[None]:
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # Class names may use any script; the bundled font shows a box for what it lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _rendered(figure: Figure, *, kind: str) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()
