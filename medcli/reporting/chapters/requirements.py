"""Gates that were set before: which of them are met."""

from __future__ import annotations

from medcli.reporting.chapter import Chapter, Rows, Section


def _tables(section: Section) -> dict[str, Rows]:
    return {"requirements": section["requirements"]}


CHAPTER = Chapter("requirements", "Requirements", "requirements", tables=_tables)
