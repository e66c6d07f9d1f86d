"""Sets of answers that promise to hold the truth, and whether they did here."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.words import field_words, group_words


def _words(section: Section) -> dict[str, Any]:
    """Groups with the words that the chapter on groups has for them."""
    fields = [
        {
            "title": field_words(field["field"]),
            "groups": [
                {**group, "name": group_words(field["field"], group["group"])} for group in field["groups"]
            ],
        }
        for field in section["prediction_sets"]["subgroups"]
    ]
    return {"groups": fields}


CHAPTER = Chapter("prediction_sets", "Prediction sets", "prediction_sets", words=_words)
