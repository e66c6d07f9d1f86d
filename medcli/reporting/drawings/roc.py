"""ROC curves with the operating point."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.figures import BLUE, INK, LIGHT, ORANGE, Drawing, unit_square
from medcli.reporting.words import number, printable, with_interval


def roc_figure(section: dict[str, Any]) -> Drawing:
    """One panel a class."""
    return Drawing(draw_roc, _panels(section))


def _panels(section: dict[str, Any]) -> list[dict[str, Any]]:
    """One panel a class."""
    panels = []
    for entry, curves in zip(section["classes"], section["curves"], strict=True):
        curve = curves["roc"]
        sensitivity, specificity = entry["sensitivity"]["estimate"], entry["specificity"]["estimate"]
        has_point = curve is not None and sensitivity is not None and specificity is not None
        auc = entry["auc"]
        name = printable(entry["class"])
        if curve is None:
            note, alt = f"undefined:\n{auc['reason']}", f"No ROC curve of {name}: {auc['reason']}."
        else:
            note = f"AUC {number(auc['estimate'])}"
            note += f"\n({' to '.join(number(edge) for edge in auc['ci'])})" if auc["ci"] else ""
            alt = f"ROC curve of {name}, area {with_interval(auc)}."
        if has_point:
            alt += f" At the threshold: sensitivity {number(sensitivity)}, specificity {number(specificity)}."
        panels.append(
            {
                "title": name,
                "note": note,
                "alt": alt,
                "false_rates": curve and curve["false_rates"],
                "sensitivities": curve and curve["sensitivities"],
                "point": (1 - specificity, sensitivity) if has_point else None,
            }
        )
    return panels


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
    unit_square(axes, title=panel["title"], across="1 − specificity", up="sensitivity")
