"""Every number with its method."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.csv_tables import quantities


def _words(section: Section) -> dict[str, Any]:
    # Groups have tables of their own; here they would be thousands of rows.
    rest = {name: value for name, value in section.items() if name != "subgroups"}
    rows = [{"of": of, "label": label, "quantity": value} for of, label, value in quantities(rest)]
    return {"numbers": rows}


CHAPTER = Chapter("numbers", "Every number, with its method", "classes", words=_words)
