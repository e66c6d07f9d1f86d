"""What the numbers mean for patients, in plain words, and what a reader must be warned of."""

from __future__ import annotations

from typing import Any

from medcli.reporting import words
from medcli.reporting.chapter import Chapter, Section


def _words(section: Section) -> dict[str, Any]:
    per_class = [
        {
            "class": words.printable(entry["class"]),
            "text": words.class_sentence(entry, noun=words.case(section)),
        }
        for entry in section["classes"]
    ]
    return {
        "headline": words.headline(section),
        "accuracy": words.accuracy_sentence(section),
        "origin": words.threshold_origin(section),
        "classes": per_class,
        "trust": words.trust_sentence(section),
    }


CHAPTER = Chapter("summary", "In plain words", "classes", words=_words)
