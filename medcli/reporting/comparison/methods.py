"""The paragraph on methods of a comparison, its sources, and how it was made."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapters.methods import methods_of
from medcli.reporting.measures import in_sentence
from medcli.reporting.methods import methods_paragraph


def told(document: dict[str, Any]) -> tuple[str, list[str]]:
    """The paragraph to paste, and its sources."""
    return methods_paragraph(document, _opening(document))


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
            f"The {in_sentence(document['measure'])} decided, with a margin of {document['margin']:g} "
            "given before; non-inferiority and equivalence were tested by one-sided tests at "
            f"{50 * (1 - document['level']):g} % each."
        )
    sentences.append("P-values and claims were corrected over labels and pairs of models by Holm's method.")
    return sentences


CHAPTER = methods_of(told)
