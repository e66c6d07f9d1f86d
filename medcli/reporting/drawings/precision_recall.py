"""Precision against recall, above the line of the prevalence."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.figures import BLUE, GREY, ORANGE, Drawing, draw_point, unit_square
from medcli.reporting.words import number, printable, with_interval

MARGINS = (0.55, 0.65, 0.16, 0.3)


def precision_recall_figure(section: dict[str, Any]) -> Drawing:
    """One panel a class."""
    pairs = zip(section["classes"], section["curves"], strict=True)
    return Drawing(
        draw_precision_recall, [_panel(*pair) for pair in pairs], size=(2.7, 3.05), margins=MARGINS
    )


def _panel(entry: dict[str, Any], curves: dict[str, Any]) -> dict[str, Any]:
    name, curve = printable(entry["class"]), curves["precision_recall"]
    if curve is None:
        alt = f"No precision-recall curve of {name}: {entry['auc']['reason']}."
        return {"title": name, "note": "undefined", "alt": alt, "curve": None, "share": None, "point": None}
    share, area = entry["prevalence"]["estimate"], entry.get("average_precision")
    recall, precision = entry["sensitivity"]["estimate"], entry["ppv"]["estimate"]
    note = f"prevalence {number(share)}"
    alt = f"Precision against recall of {name}; a coin would stay at {number(share)}."
    if area and area["estimate"] is not None:
        note = f"AP {number(area['estimate'])}, {note}"
        alt += f" Average precision {with_interval(area)}."
    has_point = recall is not None and precision is not None
    if has_point:
        alt += f" At the threshold: recall {number(recall)}, precision {number(precision)}."
    return {
        "title": name,
        "note": note,
        "alt": alt,
        "curve": curve,
        "share": share,
        "point": (recall, precision) if has_point else None,
    }


def draw_precision_recall(axes: Axes, panel: dict[str, Any]) -> None:
    """A curve, the prevalence, and the operating point.

    `panel` holds `title`, `note`, `curve` (`recalls`, `precisions`; or None), `share` and `point`.
    """
    if panel["curve"] is not None:
        axes.axhline(panel["share"], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot(
            panel["curve"]["recalls"], panel["curve"]["precisions"], color=BLUE, linewidth=1.6, clip_on=False
        )
    if panel["point"] is not None:
        draw_point(axes, panel["point"], color=ORANGE)
    axes.annotate(
        panel["note"],
        (1, 0),
        xytext=(0, -34),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=8.5,
    )
    unit_square(axes, title=panel["title"], across="recall (sensitivity)", up="precision")
