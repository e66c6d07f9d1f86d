"""One truth of many readers: by which rule, of how many images, and what it leaves open."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Rows, Section
from medcli.reporting.words import printable

RULES = {
    "majority": "what most readers say; ties stay open",
    "any": "yes when any reader says so",
    "all": "yes when all readers say so",
    "adjudicator": "what readers agree on; else what the adjudicator says",
    "dawid-skene": "the most likely answer, readers weighed by how they err (Dawid and Skene)",
}


def _words(section: Section) -> dict[str, Any]:
    found = section["adjudicated"]
    reliable = [item for item in found["labels"] if len(item.get("prevalence", ())) == 2]
    return {
        "rule": RULES[found["rule"]],
        "has_unanimous": all("n_unanimous" in item for item in found["labels"]),
        "weighed": [_weighed(section, item) for item in reliable],
    }


def _weighed(section: Section, item: dict[str, Any]) -> dict[str, Any]:
    """How reliable Dawid and Skene's model takes each reader of yes and no to be."""
    rates = [(confusion[1][1], confusion[0][0]) for confusion in item["confusion"]]
    names = [printable(name) for name in section["readers"]]
    return {"class": item["class"], "readers": list(zip(names, rates, strict=True))}


def _tables(section: Section) -> dict[str, Rows]:
    columns = ("class", "n_known", "n_positive", "n_open", "n_unanimous")
    return {
        "adjudicated": [
            {name: item.get(name) for name in columns} for item in section["adjudicated"]["labels"]
        ]
    }


CHAPTER = Chapter("adjudication", "One truth of many readers", "adjudicated", words=_words, tables=_tables)
