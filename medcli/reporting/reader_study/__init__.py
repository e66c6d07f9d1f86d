"""The report of `readers`: its chapters, in the order in which they are read."""

from __future__ import annotations

from medcli.reporting import words
from medcli.reporting.chapter import Section
from medcli.reporting.chapters import numbers
from medcli.reporting.methods import methods_markdown
from medcli.reporting.reader_study import adjudication, agreement, methods, reached, summary
from medcli.reporting.report import render_page

CHAPTERS = (
    summary.CHAPTER,
    reached.CHAPTER,
    agreement.CHAPTER,
    adjudication.CHAPTER,
    methods.CHAPTER,
    numbers.OF_LABELS,
)


def render_reader_study(document: Section) -> dict[str, bytes]:
    """`report.html`, every figure and table, and `methods.md`, by file name."""
    labels = document["labels"]
    found = {
        "has_agreement": any(label["agreement"] for label in labels),
        "has_truth": any("against_truth" in label for label in labels),
    }
    lead = f"{words.sample(document)}. Intervals are {words.percent(document['level'])} %."
    title = f"Readings of {words.count(len(document['readers']), 'reader')}"
    files = render_page(CHAPTERS, {**document, **found}, title=title, lead=lead)
    return {**files, "methods.md": methods_markdown(*methods.told(document)).encode()}
