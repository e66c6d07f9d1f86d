"""The images on which the model was most surely wrong."""

from __future__ import annotations

from medcli.reporting.chapter import Chapter, Rows, Section


def _tables(section: Section) -> dict[str, Rows]:
    return {"worst_errors": section["errors"]}


CHAPTER = Chapter("errors", "Worst errors", "errors", tables=_tables)
