"""The same scores under every policy of labels."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Section


def _words(section: Section) -> dict[str, Any]:
    names = [entry["policy"] for entry in section["policies"]]
    classes = zip(*(entry["classes"] for entry in section["policies"]), strict=True)
    return {
        "names": names,
        "rows": [(found[0]["class"], [entry["auc"] for entry in found]) for found in classes],
    }


CHAPTER = Chapter("policies", "Other label policies", "policies", words=_words)
