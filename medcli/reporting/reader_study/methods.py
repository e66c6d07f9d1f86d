"""The paragraph on methods of a study of readers, its sources, and how it was made."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapters.methods import methods_of
from medcli.reporting.methods import methods_paragraph
from medcli.reporting.reader_study.adjudication import RULES
from medcli.reporting.words import count, percent, sample


def told(document: dict[str, Any]) -> tuple[str, list[str]]:
    """The paragraph to paste, and its sources."""
    return methods_paragraph(document, _opening(document))


def _opening(document: dict[str, Any]) -> list[str]:
    readers = count(len(document["readers"]), "reader")
    arms = f", in {len(document['arms'])} arms" if len(document["arms"]) > 1 else ""
    sentences = [f"{readers} read {sample(document)}{arms}; intervals are {percent(document['level'])} %."]
    if "adjudicated" in document:
        sentences.append(f"One truth was made by rule: {RULES[document['adjudicated']['rule']]}.")
    if len(document["arms"]) > 1:
        sentences.append("P-values are of each label alone, without correction over labels.")
    return sentences


CHAPTER = methods_of(told)
