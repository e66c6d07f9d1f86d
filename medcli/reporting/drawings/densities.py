"""Where the scores of images with and without a finding lie, and the threshold between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from medcli.reporting.figures import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE_BLUE,
    Drawing,
    log_odds,
    probability_scale,
    set_title,
)
from medcli.reporting.words import count, number, printable


def densities_figure(section: dict[str, Any]) -> Drawing:
    """One panel a class."""
    pairs = zip(section["classes"], section["curves"], strict=True)
    across = "score" if section["score"] == "rank" else "probability"
    return Drawing(draw_densities, [_panel(*pair, across=across) for pair in pairs], size=(2.7, 2.3))


def _panel(entry: dict[str, Any], curves: dict[str, Any], *, across: str) -> dict[str, Any]:
    name, threshold = printable(entry["class"]), entry["operating_point"]["threshold"]
    found = curves["densities"]
    alt = f"Scores of {name}: {count(entry['n_positive'], 'image')} with it, {entry['n_negative']:,} without."
    for kind in ("with", "without"):
        if found and sum(found[kind]):
            alt += (
                f" {kind.capitalize()} it the middle score is about {number(_middle(found, kind), digits=2)}."
            )
    if threshold is not None:
        alt += f" The threshold is {number(threshold)}."
    return {"title": name, "alt": alt, "densities": found, "threshold": threshold, "across": across}


def _middle(found: dict[str, Any], kind: str) -> float:
    """Middle of the bin in which half of the images are reached."""
    reached = np.cumsum(found[kind])
    place = int(np.searchsorted(reached, reached[-1] / 2))
    return (found["edges"][place] + found["edges"][place + 1]) / 2


def draw_densities(axes: Axes, panel: dict[str, Any]) -> None:
    """Two histograms, each as shares of its own images.

    `panel` holds `title`, `across`, `threshold` (or None), and `densities`: `scale`, `edges`, `with`,
    `without`; or None.
    """
    found, threshold = panel["densities"], panel["threshold"]
    if found:
        is_share = found["scale"] == "log odds"
        edges = np.asarray([log_odds(edge) if is_share else edge for edge in found["edges"]])
        for kind, line, style in (("without", GREY, "--"), ("with", BLUE, "-")):
            counts = np.asarray(found[kind], dtype=float)
            if counts.sum() == 0:
                continue
            shares = counts / counts.sum()
            if kind == "with":
                axes.stairs(shares, edges, color=PALE_BLUE, fill=True, zorder=1)
            axes.stairs(shares, edges, color=line, linestyle=style, linewidth=1.3, label=kind, zorder=2)
        if is_share:
            probability_scale(axes)
            threshold = None if threshold is None else log_odds(threshold)
        else:
            axes.set_xlim(edges[0], edges[-1])
            axes.locator_params(axis="x", nbins=4)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(loc="best", frameon=False, fontsize=8, handlelength=1.4)
    if threshold is not None:
        axes.axvline(threshold, color=ORANGE, linewidth=1.4, zorder=3)
    axes.set_xlabel(panel["across"])
    axes.set_ylabel("share of images")
    axes.locator_params(axis="y", nbins=4)
    axes.tick_params(labelcolor=INK)
    set_title(axes, panel["title"])
