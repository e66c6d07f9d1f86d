"""Readers: each and their mean against the model, and how they agree."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Rows, Section
from medcli.reporting.drawings.readers import readers_forest_figure, readers_roc_figure
from medcli.reporting.figures import Drawing
from medcli.reporting.measures import LABELS, in_sentence
from medcli.reporting.words import count, listed, number, printable

COEFFICIENTS = {
    "fleiss": "Fleiss' kappa",
    "gwet_ac1": "Gwet's AC1",
    "gwet_ac2": "Gwet's AC2",
    "krippendorff": "Krippendorff's alpha",
    "icc": "ICC(2,1)",
}
_CLAIMS = {
    "superior": "better than the mean reader",
    "inferior": "worse than the mean reader",
    "equivalent": "equivalent to the mean reader",
    "non-inferior": "not inferior to the mean reader",
}


def _words(section: Section) -> dict[str, Any]:
    readers = section["readers"]
    agreed = [
        agreement_row(entry["class"], entry["agreement"])
        for entry in readers["classes"]
        if "agreement" in entry
    ]
    return {
        "claims": claims(readers),
        "figure_names": LABELS,
        "coefficients": coefficients(agreed),
        "has_others": any(len(entry["against_mean"]) > 1 for entry in readers["classes"]),
        "has_calls": any("sensitivity" in r for entry in readers["classes"] for r in entry["readers"]),
        "agreed": agreed,
    }


def agreement_row(name: str, agreement: dict[str, Any]) -> dict[str, Any]:
    """A row of the table of agreement: its name, the agreement, and between which shares readers call."""
    return {"name": printable(name), "agreement": agreement, "shares": _shares(agreement)}


def coefficients(agreed: Rows) -> dict[str, str]:
    """Those coefficients that any row has, with their names."""
    return {key: name for key, name in COEFFICIENTS.items() if any(key in row["agreement"] for row in agreed)}


def claims(readers: dict[str, Any]) -> list[str]:
    """What may be said of the model and the mean reader, over all labels, and that no more may be said."""
    held: dict[str, list[str]] = {}
    main = [entry for entry in readers["classes"] if entry["main"]]
    for entry in main:
        held.setdefault(entry["against_mean"][entry["main"]]["holm"]["verdict"], []).append(
            printable(entry["class"])
        )
    figures = dict.fromkeys(in_sentence(entry["main"]) for entry in main)
    sentences = [f"Compared by {' or '.join(figures)}."] if figures else []
    sentences += [
        f"In {listed(held[verdict])} the model is {words}."
        for verdict, words in _CLAIMS.items()
        if verdict in held
    ]
    open_labels = [name for verdict, names in held.items() if verdict not in _CLAIMS for name in names]
    if open_labels:
        tried = "no difference is shown"
        tried += "" if readers["margin"] is None else ", nor non-inferiority"
        sentences.append(f"In {listed(open_labels)} {tried}: that is no proof of equality.")
    if not main:
        sentences.append("No reader has cases enough to be compared.")
    margin = readers["margin"]
    asked = (
        "No margin was set, so equivalence was not tested"
        if margin is None
        else f"The margin is {number(margin)}"
    )
    sentences.append(f"{asked}; verdicts are after Holm's adjustment over {count(len(main), 'label')}.")
    return sentences


def _shares(agreement: dict[str, Any]) -> str:
    """From the most sparing to the most generous reader."""
    shares = [item["share"]["estimate"] for item in agreement.get("shares", ())]
    known = [share for share in shares if share is not None]
    return f"{number(min(known), digits=2)} to {number(max(known), digits=2)}" if known else "–"


def _figures(section: Section) -> dict[str, Drawing]:
    drawings = {"readers_roc": readers_roc_figure(section), "readers_forest": readers_forest_figure(section)}
    return {name: drawing for name, drawing in drawings.items() if drawing.panels}


def _tables(section: Section) -> dict[str, Rows]:
    rows = [
        {
            "class": entry["class"],
            "figure": figure,
            "model": value.get("values", [None, None])[0],
            "mean_reader": value.get("values", [None, None])[1],
            "difference": value["estimate"],
            "ci_low": (value["ci"] or [None, None])[0],
            "ci_high": (value["ci"] or [None, None])[1],
            "df": value.get("df"),
            "verdict": value["judged"]["verdict"],
            "verdict_after_holm": value["holm"]["verdict"],
        }
        for entry in section["readers"]["classes"]
        for figure, value in entry["against_mean"].items()
    ]
    return {"readers": rows} if rows else {}


CHAPTER = Chapter(
    "readers", "The model and its readers", "readers", words=_words, figures=_figures, tables=_tables
)
