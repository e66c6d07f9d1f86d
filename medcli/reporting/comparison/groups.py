"""Differences within sites, devices or other groups, and whether they differ between them."""

from __future__ import annotations

from typing import Any

from medcli.reporting import words
from medcli.reporting.chapter import Chapter, Section


def _words(section: Section) -> dict[str, Any]:
    found = section["by"]
    pairs = []
    for number, pair in enumerate(section["labels"][0]["pairs"]):
        rows = []
        for column, label in enumerate(section["labels"]):
            spread = next(
                item
                for item in found["heterogeneity"]
                if item["class"] == label["class"] and item["name"] == pair["name"]
            )
            for group in found["groups"]:
                own = group["labels"][column]["pairs"][number]["measures"]["auc"]
                rows.append({"class": label["class"], "group": group["group"], "auc": own, "spread": spread})
        pairs.append({"title": words.printable(pair["name"]), "rows": rows})
    return {"pairs": pairs}


CHAPTER = Chapter("groups", "Within groups", "by", words=_words)
