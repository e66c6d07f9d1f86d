"""Results as plain text for a terminal, at most as wide as it is."""

from __future__ import annotations

import textwrap
from typing import Any

from medcli.reporting.words import number, printable, sample, shorten, with_interval

Row = list[str]


def text_table(header: Row, rows: list[Row], *, width: int, flexible: int = 0) -> str:
    """Columns with two spaces between, numbers to the right; the flexible column gives way.

    Args:
        header: Column names; a name that starts with a space is right-aligned.
        rows: Cells, already formatted.
        width: Characters a line.
        flexible: Column that is cut when the table is too wide.
    """
    columns = list(zip(*[[name.strip() for name in header], *rows], strict=True))
    widths = [max(map(len, column)) for column in columns]
    excess = sum(widths) + 2 * (len(widths) - 1) - width
    if excess > 0:
        widths[flexible] = max(6, widths[flexible] - excess)

    def line(cells: Row) -> str:
        shown = [
            f"{shorten(cell, width=size):{'>' if name.startswith(' ') else '<'}{size}}"
            for name, cell, size in zip(header, cells, widths, strict=True)
        ]
        return "  ".join(shown).rstrip()

    return "\n".join([line([name.strip() for name in header]), *(line(row) for row in rows)])


def evaluation_table(evaluation: dict[str, Any], width: int = 80) -> str:
    """An evaluation as two tables and the words that belong to them."""
    classes = evaluation["classes"]
    blocks = [_title(evaluation), _discrimination(classes, width=width)]
    if evaluation["overall"].get("accuracy"):
        blocks.append(_calls(evaluation, width=width))
    blocks.append(_trust(evaluation, width=width))
    blocks.append("\n".join(_remarks(evaluation, width=width)))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _title(evaluation: dict[str, Any]) -> str:
    level = f"{100 * evaluation['level']:g} % intervals"
    lines = [f"{evaluation['part']}: {sample(evaluation)}; {level}"]
    macro = evaluation["overall"]["macro_auc"]
    if macro["estimate"] is not None:
        used, total = len(macro["classes"]), len(classes_of(evaluation))
        lines.append(f"macro AUC {with_interval(macro)} over {used} of {total} classes; chance 0.5")
    return "\n".join(lines)


def classes_of(evaluation: dict[str, Any]) -> list[str]:
    """Names of all classes, defined or not."""
    return evaluation["task"]["classes"]


def _discrimination(classes: list[dict[str, Any]], *, width: int) -> str:
    header = ["class", " pos/all", " AUC", " sensitivity", " specificity"]
    rows: list[Row] = []
    for entry in classes:
        cells = [_short(entry[name]) for name in ("auc", "sensitivity", "specificity")]
        rows.append([entry["class"], f"{entry['n_positive']}/{entry['n']}", *cells])
        rates = [_baseline(entry[name]) for name in ("auc", "sensitivity", "specificity")]
        rows.append(["  by chance", "", *rates])
    return text_table(header, rows, width=width)


def _calls(evaluation: dict[str, Any], *, width: int) -> str:
    overall = evaluation["overall"]
    rows = [
        [name.replace("_", " "), _short(overall[name]), _rule(overall[name])]
        for name in ("accuracy", "balanced_accuracy", "macro_f1")
    ]
    return text_table(
        ["most likely class called", " value", "without a model"], rows, width=width, flexible=2
    )


def _trust(evaluation: dict[str, Any], *, width: int) -> str:
    header = ["class", " threshold", " F1", " all-yes", " ECE", " after", " ideal"]
    rows = []
    for entry in evaluation["classes"]:
        ece = entry["ece"]
        best = ece["after"] or ece["before"]
        rows.append(
            [
                entry["class"],
                number(entry["operating_point"]["threshold"]),
                _short(entry["f1"]),
                _baseline(entry["f1"]),
                number(ece["before"]["estimate"]),
                number(ece["after"]["estimate"]) if ece["after"] else "–",
                _baseline(best, digits=3),
            ]
        )
    overall = evaluation["overall"].get("ece")
    if overall:
        after = number(overall["after"]["estimate"]) if overall["after"] else "–"
        best = overall["after"] or overall["before"]
        rows.append(
            [
                "(called class)",
                "",
                "",
                "",
                number(overall["before"]["estimate"]),
                after,
                _baseline(best, digits=3),
            ]
        )
    legend = "all-yes: F1 of calling every image; ECE: as given, calibrated, ideal at this n"
    return text_table(header, rows, width=width) + "\n" + shorten(legend, width=width)


def _remarks(evaluation: dict[str, Any], *, width: int) -> list[str]:
    """What a reader must know, one paragraph a class."""
    paragraphs = list(evaluation["flags"])
    macro = evaluation["overall"]["macro_auc"]
    if macro["reason"]:
        state = "undefined" if macro["estimate"] is None else "without interval"
        paragraphs.append(f"macro AUC {state}: {macro['reason']}")
    for entry in evaluation["classes"]:
        auc = entry["auc"]
        remarks = [f"AUC undefined: {auc['reason']}"] if auc["estimate"] is None else auc["flags"]
        if remarks:
            paragraphs.append(f"{entry['class']}: {'; '.join(remarks)}")
    lines: list[str] = []
    for paragraph in paragraphs:
        lines += textwrap.wrap(f"note: {printable(paragraph)}", width=width, subsequent_indent="      ")
    return lines


def _short(quantity: dict[str, Any]) -> str:
    if quantity["estimate"] is None:
        return "–"
    shown = number(quantity["estimate"], digits=2)
    if quantity["ci"] is None:
        return shown
    return f"{shown} ({'–'.join(number(edge, digits=2) for edge in quantity['ci'])})"


def _baseline(quantity: dict[str, Any], *, digits: int = 2) -> str:
    return number((quantity.get("baseline") or {}).get("estimate"), digits=digits)


def _rule(quantity: dict[str, Any]) -> str:
    baseline = quantity.get("baseline")
    if not baseline or baseline["estimate"] is None:
        return ""
    return f"{number(baseline['estimate'], digits=2)} ({printable(baseline['rule'])})"


def plan_table(plan: dict[str, Any], width: int = 80) -> str:
    """What a study needs, goal by goal, and what a study of that size would show."""
    assumed = ", ".join(f"{name} {value:.3g}" for name, value in plan["assumed"].items())
    header = ["for", " images", " positive", " patients", "by"]
    rows = [
        [goal["goal"], *(f"{goal[name]:,}" for name in ("images", "positives", "patients")), goal["method"]]
        for goal in (*plan["needed"], *plan["comparisons"])
    ]
    expected = plan["expected"]
    told = [
        f"{name} {number(low, digits=2)} to {number(high, digits=2)}"
        for name, (low, high) in ((key, expected[key]) for key in ("auc", "sensitivity", "specificity"))
    ]
    return "\n".join(
        [
            *textwrap.wrap(f"expected: {assumed}; {100 * plan['level']:g} % intervals", width=width),
            "",
            text_table(header, rows, width=width),
            "",
            *textwrap.wrap(f"with {expected['images']:,} images: {', '.join(told)}", width=width),
        ]
    )
