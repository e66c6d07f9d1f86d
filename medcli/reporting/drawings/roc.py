"""ROC curves with their band, the operating point and readers."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.figures import (
    BLUE,
    INK,
    ORANGE,
    PALE_BLUE,
    Drawing,
    draw_diagonal,
    draw_point,
    unit_square,
)
from medcli.reporting.words import number, printable, with_interval


def roc_figure(section: dict[str, Any]) -> Drawing:
    """One panel a class."""
    return Drawing(
        draw_roc, [_panel(*pair) for pair in zip(section["classes"], section["curves"], strict=True)]
    )


def _panel(entry: dict[str, Any], curves: dict[str, Any]) -> dict[str, Any]:
    name, auc, curve = printable(entry["class"]), entry["auc"], curves["roc"]
    sensitivity, specificity = entry["sensitivity"]["estimate"], entry["specificity"]["estimate"]
    has_point = curve is not None and sensitivity is not None and specificity is not None
    if curve is None:
        note, alt = f"undefined:\n{auc['reason']}", f"No ROC curve of {name}: {auc['reason']}."
    else:
        note = f"AUC {number(auc['estimate'])}"
        note += f"\n({' to '.join(number(edge) for edge in auc['ci'])})" if auc["ci"] else ""
        alt = f"ROC curve of {name}, area {with_interval(auc)}."
    if has_point:
        alt += f" At the threshold: sensitivity {number(sensitivity)}, specificity {number(specificity)}."
    return {
        "title": name,
        "note": note,
        "alt": alt,
        "curve": curve,
        "point": (1 - specificity, sensitivity) if has_point else None,
    }


def draw_roc(axes: Axes, panel: dict[str, Any]) -> None:
    """An ROC curve with its band and operating point.

    `panel` holds `title`, `note`, `curve` (`false_rates`, `sensitivities`, `band`; or None), `point`: false
    positive rate and sensitivity at the threshold, or None; and may hold `readers`: a list of such pairs.
    """
    draw_diagonal(axes)
    curve = panel["curve"]
    if curve is not None:
        if band := curve["band"]:
            axes.fill_between(
                band["false_rates"], band["low"], band["high"], color=PALE_BLUE, linewidth=0, zorder=0.5
            )
        axes.plot(curve["false_rates"], curve["sensitivities"], color=BLUE, linewidth=1.6, clip_on=False)
    for reader in panel.get("readers", ()):
        axes.plot(*reader, marker="^", markersize=5.5, color="white", markeredgecolor=INK, clip_on=False)
    if panel["point"] is not None:
        draw_point(axes, panel["point"], color=ORANGE)
    axes.text(0.98, 0.05, panel["note"], ha="right", va="bottom", color=INK, fontsize=8.5)
    unit_square(axes, title=panel["title"], across="1 − specificity", up="sensitivity")
