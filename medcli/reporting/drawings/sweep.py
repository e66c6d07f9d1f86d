"""What every threshold would give: sensitivity, specificity and predictive value."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.figures import BLUE, GUIDE, INK, ORANGE, Drawing, log_odds, probability_scale, set_title
from medcli.reporting.words import number, printable

LINES = (
    ("sensitivities", "sensitivity", BLUE, "-"),
    ("specificities", "specificity", ORANGE, "--"),
    ("ppvs", "pos. pred. value", INK, ":"),
)


def sweep_figure(section: dict[str, Any]) -> Drawing:
    """One panel a class."""
    pairs = zip(section["classes"], section["curves"], strict=True)
    across = "score" if section["score"] == "rank" else "probability"
    return Drawing(
        draw_sweep,
        [_panel(*pair, across=across) for pair in pairs],
        size=(2.7, 2.8),
        margins=(0.55, 1.0, 0.12, 0.3),
    )


def _panel(entry: dict[str, Any], curves: dict[str, Any], *, across: str) -> dict[str, Any]:
    name, sweep = printable(entry["class"]), curves["sweep"]
    threshold = entry["operating_point"]["threshold"]
    if sweep is None:
        alt = f"No sweep of thresholds of {name}: {entry['auc']['reason']}."
    else:
        low, high = sweep["thresholds"][0], sweep["thresholds"][-1]
        alt = f"Sensitivity, specificity and predictive value of {name} at thresholds from {number(low)} to "
        alt += f"{number(high)}."
    if sweep and threshold is not None:
        rates = [f"{label} {number(entry[key]['estimate'])}" for key, label in _AT_THRESHOLD]
        alt += f" At {number(threshold)}: {', '.join(rates)}."
    return {
        "title": name,
        "alt": alt,
        "sweep": sweep,
        "threshold": threshold,
        "across": f"threshold ({across})",
        "is_share": across == "probability",
    }


_AT_THRESHOLD = (
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
    ("ppv", "positive predictive value"),
)


def draw_sweep(axes: Axes, panel: dict[str, Any]) -> None:
    """Three lines against the threshold, the one in use marked.

    `panel` holds `title`, `across`, `is_share` (thresholds are probabilities), and `threshold` and `sweep`,
    either of which may be None.
    """
    sweep, threshold = panel["sweep"], panel["threshold"]
    if sweep is None:
        axes.text(0.5, 0.5, "undefined", ha="center", va="center", transform=axes.transAxes)
    else:
        across = [log_odds(value) if panel["is_share"] else value for value in sweep["thresholds"]]
        for key, label, color, style in LINES:
            heights = [float("nan") if value is None else value for value in sweep[key]]
            axes.plot(across, heights, color=color, linestyle=style, linewidth=1.5, label=label)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.26), ncols=1, frameon=False, fontsize=8)
    if threshold is not None:
        place = log_odds(threshold) if panel["is_share"] else threshold
        axes.axvline(place, color=GUIDE, linewidth=1, zorder=0)
    if panel["is_share"]:
        probability_scale(axes)
    else:
        axes.locator_params(axis="x", nbins=4)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_xlabel(panel["across"])
    set_title(axes, panel["title"])
