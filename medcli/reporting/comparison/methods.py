"""The paragraph on methods of a comparison, its sources, and how it was made."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.comparison.verdicts import measure_words
from medcli.reporting.methods import methods_paragraph


def markdown(document: dict[str, Any]) -> str:
    """The paragraph to paste, and a numbered list of its sources."""
    paragraph, sources = methods_paragraph(document, _opening(document))
    numbered = [f"{number}. {source}" for number, source in enumerate(sources, 1)]
    return "\n".join(["# Statistical methods", "", paragraph, "", *numbered, ""])


def _opening(document: dict[str, Any]) -> list[str]:
    count, unit = len(document["models"]), document["unit"]
    of = "on the same images" if document["pairing"] == "paired" else "on different images"
    counted = (
        ""
        if unit == "image"
        else f" of {document['n_clusters']:,} {unit}s, who are the unit of every interval"
    )
    sentences = [
        f"{count} sets of predictions were compared {of}{counted}; "
        f"intervals are {100 * document['level']:g} %."
    ]
    if document["margin"] is not None:
        sentences.append(
            f"The {measure_words(document['measure'])} decided, with a margin of {document['margin']:g} "
            "given before; equivalence was tested by two one-sided tests."
        )
    sentences.append("P-values and claims were corrected over labels and pairs of models by Holm's method.")
    return sentences


def _words(section: Section) -> dict[str, Any]:
    paragraph, sources = methods_paragraph(section, _opening(section))
    return {"paragraph": paragraph, "sources": sources}


CHAPTER = Chapter("comparison_methods", "Methods", "labels", words=_words)
