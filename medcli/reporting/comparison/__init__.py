"""The report of `compare`: its chapters, in the order in which they are read."""

from __future__ import annotations

from typing import Any

from medcli.reporting import words
from medcli.reporting.chapter import Section
from medcli.reporting.chapters import numbers
from medcli.reporting.comparison import differences, groups, methods, shift, verdicts
from medcli.reporting.methods import methods_markdown
from medcli.reporting.report import render_page

CHAPTERS = (
    verdicts.CHAPTER,
    differences.CHAPTER,
    groups.CHAPTER,
    shift.CHAPTER,
    methods.CHAPTER,
    numbers.OF_LABELS,
)


def render_comparison(document: Section) -> dict[str, bytes]:
    """`report.html`, every figure and table, `comparison.json` aside, by file name."""
    names = [words.printable(model["name"]) for model in document["models"]]
    title = f"Comparison of {', '.join(names[:-1])} and {names[-1]}"
    files = render_page(CHAPTERS, document, title=title, lead=_lead(document))
    return {**files, "methods.md": methods_markdown(*methods.told(document)).encode()}


def _lead(document: dict[str, Any]) -> str:
    unit = document["unit"]
    of = "the same images" if document["pairing"] == "paired" else "different images"
    counts = ", ".join(f"{model['n']:,}" for model in document["models"])
    shown = f"{document['models'][0]['n']:,}" if document["pairing"] == "paired" else counts
    people = (
        "patients not known: each image counts as one"
        if unit == "image"
        else f"of {words.count(document['n_clusters'], unit)}"
    )
    return f"On {of} ({shown} images, {people}). Intervals are {words.percent(document['level'])} %."
