"""Tables as CSV for other programs: every number on a row of its own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from medcli.reporting.measures import measure_label

NAMES = ("field", "class", "group", "arm", "reader", "model", "policy", "name")
"""Keys that say whose the numbers beside them are."""
COLUMNS = (
    *("of", "measure", "estimate", "ci_low", "ci_high", "level", "se", "method"),
    *("n", "n_clusters", "reason", "baseline", "flags"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def quantities(section: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every quantity anywhere below: whose it is, what it measures, and itself."""
    for key, value in section.items():
        yield from _walk(value, (), (key,))


def _walk(
    value: Any, of: tuple[str, ...], path: tuple[str, ...]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, of, path)
        return
    if not isinstance(value, dict):
        return
    if "estimate" in value and "method" in value:
        yield " / ".join(of) or "all", measure_label(path), value
    named = (value[name] for name in NAMES if value.get(name) and isinstance(value[name], str))
    of += tuple(name for name in named if name not in of)
    for key, item in value.items():
        if isinstance(item, dict | list):
            yield from _walk(item, of, (*path, key))


def quantity_rows(section: dict[str, Any]) -> list[dict[str, Any]]:
    """A row a quantity, with the columns of `COLUMNS`."""
    rows = []
    for of, measure, value in quantities(section):
        low, high = value["ci"] or (None, None)
        rows.append(
            {
                **{name: value.get(name) for name in COLUMNS if name in value},
                "of": of,
                "measure": measure,
                "ci_low": low,
                "ci_high": high,
                "baseline": (value.get("baseline") or {}).get("estimate"),
                "flags": "; ".join(value["flags"]),
            }
        )
    return [{name: row.get(name) for name in COLUMNS} for row in rows]


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """Rows with the columns of the first one; numbers as they are, nothing for what is undefined.

    A text that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, CSV injection).
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if rows:
        writer.writerow(rows[0])
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
