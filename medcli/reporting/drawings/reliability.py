"""Reliability diagrams before and after calibration, above a histogram."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.figures import BLUE, GREY, LIGHT, Drawing, unit_square
from medcli.reporting.words import number, printable


def reliability_figure(section: dict[str, Any]) -> Drawing:
    """One panel of the called class when classes exclude each other, else one a label."""
    return Drawing(draw_reliability, _panels(section))


def _panels(section: dict[str, Any]) -> list[dict[str, Any]]:
    """One panel of the called class when classes exclude each other, else one a label."""
    if section["exclusive"]:
        sources = [("called class", section["overall"])]
    else:
        sources = [(printable(entry["class"]), entry) for entry in section["classes"]]
    panels = []
    for name, entry in sources:
        before, after = entry["ece"]["before"], entry["ece"]["after"]
        if before["estimate"] is None:
            note, alt = "undefined", f"No reliability diagram of {name}: {before['reason']}."
        elif after is None:
            note = f"ECE {number(before['estimate'])}"
            alt = f"Reliability of {name}, not calibrated: calibration error {number(before['estimate'])}."
        else:
            note = f"ECE {number(before['estimate'])} → {number(after['estimate'])}"
            alt = (
                f"Reliability of {name}: calibration error {number(before['estimate'])} before "
                f"and {number(after['estimate'])} after calibration."
            )
        bins = entry["reliability"]
        panels.append(
            {"title": name, "note": note, "alt": alt, "before": bins["before"], "after": bins["after"]}
        )
    return panels


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
    unit_square(axes, title=panel["title"], across="predicted probability", up="observed frequency")
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
