"""Reliability diagrams before and after calibration, above a histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.special import bdtrik

from medcli.reporting.figures import BLUE, GREY, GUIDE, PALE_BLUE, Drawing, draw_diagonal, unit_square
from medcli.reporting.words import number, printable


def reliability_figure(section: dict[str, Any]) -> Drawing:
    """One panel of the called class when classes exclude each other, else one a label."""
    return Drawing(draw_reliability, _panels(section), size=(2.7, 3.35), margins=(0.55, 0.85, 0.16, 0.3))


def _panels(section: dict[str, Any]) -> list[dict[str, Any]]:
    """One panel of the called class when classes exclude each other, else one a label."""
    if section["exclusive"]:
        sources = [("called class", section["overall"])]
    else:
        sources = [(printable(entry["class"]), entry) for entry in section["classes"]]
    panels = []
    for name, entry in sources:
        before, after = entry["ece"]["before"], entry["ece"]["after"]
        errors = {"as given": number(before["estimate"])}
        if before["estimate"] is None:
            alt = f"No reliability diagram of {name}: {before['reason']}."
        elif after is None:
            alt = f"Reliability of {name}, not calibrated: calibration error {errors['as given']}."
        else:
            errors["calibrated"] = number(after["estimate"])
            alt = (
                f"Reliability of {name}: calibration error {errors['as given']} before "
                f"and {errors['calibrated']} after calibration."
            )
        bins = entry["reliability"]
        panels.append(
            {"title": name, "errors": errors, "alt": alt, "before": bins["before"], "after": bins["after"]}
        )
    return panels


def draw_reliability(axes: Axes, panel: dict[str, Any]) -> None:
    """Observed frequency against predicted probability, before and after, above a histogram.

    `panel` holds `title`, `errors`, and `before` and `after`: bins, or None. Larger marks are fuller bins.
    Boxes about the diagonal hold 95 of 100 frequencies that perfect probabilities would show in the bin.

    Reference: Broecker & Smith, Weather and Forecasting 2007; 22:651 (consistency bars).
    """
    draw_diagonal(axes)
    shown = panel["after"] or panel["before"] or []
    _draw_histogram(axes, shown)
    _draw_consistency(axes, shown)
    for bins, label, color, marker in (
        (panel["before"], "as given", GREY if panel["after"] else BLUE, "o"),
        (panel["after"], "calibrated", BLUE, "s"),
    ):
        if bins:
            _draw_bins(axes, bins, color=color, marker=marker, label=f"{label}, ECE {panel['errors'][label]}")
    if panel["before"]:
        legend = axes.legend(loc="upper left", bbox_to_anchor=(-0.05, -0.2), frameon=False, fontsize=8)
        for handle in legend.legend_handles:
            handle.set_sizes([16])  # type: ignore[union-attr]
    else:
        axes.text(0.5, 0.5, "undefined", ha="center")
    unit_square(axes, title=panel["title"], across="predicted probability", up="observed frequency")
    axes.set_ylim(-0.2, 1)
    axes.spines["left"].set_bounds(0, 1)


def _draw_consistency(axes: Axes, bins: list[dict[str, Any]]) -> None:
    for item in bins:
        size, share = item["n"], min(max(item["mean_probability"], 1e-12), 1.0)
        low, high = (float(np.ceil(bdtrik(tail, size, share))) / size for tail in (0.025, 0.975))
        axes.fill_between(
            [item["low"], item["high"]], [low] * 2, [high] * 2, color=PALE_BLUE, linewidth=0, zorder=0.5
        )


def _draw_histogram(axes: Axes, bins: list[dict[str, Any]]) -> None:
    """How many images are in each bin, in a strip below the diagram."""
    fullest = max((item["n"] for item in bins), default=1)
    axes.bar(
        [item["low"] for item in bins],
        [0.17 * item["n"] / fullest for item in bins],
        width=[item["high"] - item["low"] for item in bins],
        bottom=-0.2,
        align="edge",
        color=GUIDE,
        edgecolor="white",
        linewidth=0.5,
    )


def _draw_bins(axes: Axes, bins: list[dict[str, Any]], *, color: str, marker: str, label: str) -> None:
    across = [item["mean_probability"] for item in bins]
    up = [item["frequency"] for item in bins]
    fullest = max(item["n"] for item in bins)
    sizes = [5 + 35 * item["n"] / fullest for item in bins]
    axes.plot(across, up, color=color, linewidth=0.8, alpha=0.8)
    axes.scatter(
        across, up, s=sizes, color=color, marker=marker, linewidths=0, clip_on=False, zorder=4, label=label
    )
