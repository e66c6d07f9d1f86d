"""The paragraph for a paper, its sources, and what reporting guidelines ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.checklists import answered_parts, checklist
from medcli.reporting.methods import methods_used


def _words(section: Section) -> dict[str, Any]:
    paragraph, sources = methods_used(section)
    return {"paragraph": paragraph, "sources": sources, "topics": checklist(answered_parts(section))}


CHAPTER = Chapter("methods", "Methods, and what to report", "classes", words=_words)


def methods_of(told: Callable[[Section], tuple[str, list[str]]]) -> Chapter:
    """The chapter of a document with labels: the paragraph and its sources as they are told of it."""

    def say(section: Section) -> dict[str, Any]:
        paragraph, sources = told(section)
        return {"paragraph": paragraph, "sources": sources, "topics": []}

    return Chapter("methods", "Methods", "labels", words=say)
