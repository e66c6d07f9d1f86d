"""Readers as plain text for a terminal."""

from __future__ import annotations

import textwrap
from typing import Any

from medcli.reporting.measures import in_sentence
from medcli.reporting.tables import Row, text_table
from medcli.reporting.words import count, number, p_value, printable

_COEFFICIENTS = {
    "fleiss": "Fleiss",
    "gwet_ac1": "AC1",
    "gwet_ac2": "AC2",
    "krippendorff": "alpha",
    "icc": "ICC",
}


def readers_text(document: dict[str, Any], width: int = 80) -> str:
    """The document of `medcli readers`: agreement, arms, and what became of the truth."""
    readers = [printable(name) for name in document["readers"]]
    title = f"{count(len(readers), 'reader')}, {count(document['n'], 'image')}; "
    title += f"{100 * document['level']:g} % intervals"
    blocks = [title]
    for arm in document["arms"]:
        blocks.append(_agreement(document, arm, width=width))
    blocks.append(_against_truth(document, width=width))
    blocks.append(_adjudicated(document, width=width))
    notes = [*document["flags"], *(f for f in _flags(document))]
    blocks.append("\n".join(line for note in notes for line in _note(note, width=width)))
    return "\n\n".join(block for block in blocks if block) + "\n"


def verdict_lines(evaluation: dict[str, Any], width: int = 80) -> list[str]:
    """The model less the mean reader, label by label; nothing of an evaluation without readers."""
    section = evaluation.get("readers")
    if not section:
        return []
    measures = {entry["main"]: None for entry in section["classes"] if entry["main"]}
    title = ", ".join(["model less mean reader", *map(in_sentence, measures)])
    header = ["class", " model", " readers", " difference", "after Holm"]
    rows = []
    for entry in section["classes"]:
        if entry["main"] is None:
            rows.append([entry["class"], "–", "–", "–", entry["reason"]])
            continue
        value = entry["against_mean"][entry["main"]]
        model, readers = (number(item, digits=2) for item in value.get("values", (None, None)))
        rows.append([entry["class"], model, readers, _short(value), value["holm"]["verdict"]])
    return ["", *textwrap.wrap(title, width), *text_table(header, rows, width=width).splitlines(), ""]


def _agreement(document: dict[str, Any], arm: str, *, width: int) -> str:
    found = [
        (label, item)
        for label in document["labels"]
        for item in label["agreement"]
        if item.get("arm", "") == arm
    ]
    shown = {
        key: name
        for key, name in _COEFFICIENTS.items()
        # Of grades the ICC, which squared weights come close to, says what Fleiss' kappa would.
        if any(key in item and not (key == "fleiss" and "icc" in item) for _, item in found)
    }
    has_shares = any("shares" in item for _, item in found)
    header = [
        f"agreement{f', {printable(arm)}' if arm else ''}",
        *([" called"] if has_shares else []),
        *(f" {n}" for n in shown.values()),
    ]
    rows: list[Row] = []
    for label, item in found:
        told = [share["share"]["estimate"] for share in item.get("shares", ())]
        known = [share for share in told if share is not None]
        called = f"{number(min(known), digits=2)}–{number(max(known), digits=2)}" if known else "–"
        shares = [called] if has_shares else []
        rows.append([label["class"], *shares, *(_short(item.get(key)) for key in shown)])
    return text_table(header, rows, width=width) if rows else ""


def _against_truth(document: dict[str, Any], *, width: int) -> str:
    rows: list[Row] = []
    for label in document["labels"]:
        for figure, found in label.get("against_truth", {}).get("figures", {}).items():
            name = in_sentence(figure)
            for item in found["means"]:
                arm = f", {item['arm']}" if item["arm"] else ""
                rows.append([label["class"], f"{name}{arm}", _short(item["mean"]), ""])
            for item in found.get("differences", ()):
                p = item["difference"]["test"]["p"]
                rows.append(
                    [label["class"], f"{name}, {item['name']}", _short(item["difference"]), p_value(p)]
                )
    if not rows:
        return ""
    header = ["mean reader", "figure", " estimate", " p"]
    if not any(row[3] for row in rows):
        header, rows = header[:3], [row[:3] for row in rows]
    return text_table(header, rows, width=width, flexible=1)


def _adjudicated(document: dict[str, Any], *, width: int) -> str:
    found = document.get("adjudicated")
    if not found:
        return ""
    header = [f"truth by {found['rule']}", " known", " positive", " left open"]
    rows = [
        [
            item["class"],
            str(item["n_known"]),
            "–" if item["n_positive"] is None else str(item["n_positive"]),
            str(item["n_open"]),
        ]
        for item in found["labels"]
    ]
    return text_table(header, rows, width=width)


def _flags(document: dict[str, Any]) -> list[str]:
    items = (document.get("adjudicated") or {}).get("labels", ())
    return list(dict.fromkeys(flag for item in items for flag in item.get("flags", ())))


def _note(note: str, *, width: int) -> list[str]:
    return textwrap.wrap(f"note: {printable(note)}", width=width, subsequent_indent="      ")


def _short(value: dict[str, Any] | None) -> str:
    if value is None or value["estimate"] is None:
        return "–"
    shown = number(value["estimate"], digits=2)
    ends = [number(edge, digits=2) for edge in value["ci"] or ()]
    return f"{shown} ({'–'.join(ends)})" if ends else shown
