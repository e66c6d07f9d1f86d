"""Tables of measures: a row a class, a column a measure, only of what is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from medcli.reporting.measures import measure_label


def measure_table(
    rows: Iterable[tuple[str, dict[str, Any]]], keys: Sequence[str], *, caption: str
) -> dict[str, Any] | None:
    """Those of the measures that any row has; None when none has any.

    Args:
        rows: Names, as they are in files, and what holds their quantities; of `before` and `after` a
            calibration, the latter is shown.
        keys: Of the measures, in order.
        caption: Of the table.

    Returns:
        `caption`, `columns` (labels), and `rows`: names and quantities, None where a row has none.
    """
    found = [(name, {key: in_use(entry.get(key)) for key in keys}) for name, entry in rows]
    kept = [key for key in keys if any(values[key] for _, values in found)]
    if not kept:
        return None
    return {
        "caption": caption,
        "columns": [measure_label([key]) for key in kept],
        "rows": [(name, [values[key] for key in kept]) for name, values in found],
    }


def in_use(value: Any) -> dict[str, Any] | None:
    """A quantity; of `before` and `after` a calibration, the latter where there is one."""
    if isinstance(value, dict) and "before" in value:
        value = value["after"] or value["before"]
    return value if isinstance(value, dict) and "estimate" in value else None


def of_classes(section: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Names and entries of all classes."""
    return [(entry["class"], entry) for entry in section["classes"]]
