"""What each figure of an evaluation shows: titles, curves and notes, and the words for who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medcli.reporting.figures import (
    confusion_figure,
    draw_confusion,
    draw_reliability,
    draw_roc,
    sheet_png,
)
from medcli.reporting.words import number, printable, with_interval

Curve = tuple[np.ndarray, np.ndarray] | None


def roc_png(evaluation: dict[str, Any], curves: Sequence[Curve]) -> bytes:
    """ROC curves of all classes on one sheet."""
    return sheet_png(draw_roc, roc_panels(evaluation, curves))


def reliability_png(evaluation: dict[str, Any]) -> bytes:
    """Reliability diagrams of all classes on one sheet."""
    return sheet_png(draw_reliability, reliability_panels(evaluation))


def confusion_png(evaluation: dict[str, Any]) -> bytes:
    """The confusion matrix, or one of two by two for each label."""
    panels = confusion_panels(evaluation)
    if evaluation["exclusive"]:
        return confusion_figure(panels[0], kind="png")
    return sheet_png(draw_confusion, panels)


def roc_panels(evaluation: dict[str, Any], curves: Sequence[Curve]) -> list[dict[str, Any]]:
    """One panel a class."""
    panels = []
    for entry, curve in zip(evaluation["classes"], curves, strict=True):
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
                "false_rates": None if curve is None else curve[0],
                "sensitivities": None if curve is None else curve[1],
                "point": (1 - specificity, sensitivity) if has_point else None,
            }
        )
    return panels


def reliability_panels(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """One panel of the called class when classes exclude each other, else one a label."""
    if evaluation["exclusive"]:
        sources = [("called class", evaluation["overall"])]
    else:
        sources = [(printable(entry["class"]), entry) for entry in evaluation["classes"]]
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


def confusion_panels(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """The matrix of the most likely class, or one of two by two for each label."""
    if evaluation["exclusive"]:
        return [
            {
                "title": "most likely class",
                "counts": evaluation["overall"]["confusion"],
                "names": evaluation["task"]["classes"],
            }
        ]
    panels = []
    for entry in evaluation["classes"]:
        counts = entry["counts"]
        table = counts and [
            [counts["true_negatives"], counts["false_positives"]],
            [counts["false_negatives"], counts["true_positives"]],
        ]
        panels.append({"title": printable(entry["class"]), "counts": table, "names": ["no", "yes"]})
    return panels
