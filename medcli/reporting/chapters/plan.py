"""How large the study had to be, and how precise it became."""

from __future__ import annotations

import math
from typing import Any

from medcli.reporting.chapter import Chapter, Rows, Section
from medcli.reporting.measure_tables import in_use
from medcli.reporting.measures import LABELS
from medcli.reporting.words import count, number


def _words(section: Section) -> dict[str, Any]:
    plan, rows = section["plan"], _rows(section)
    reached = [row for row in rows if row["is_reached"]]
    others = [row for row in rows if not row["is_reached"]]
    open_goals = [row for row in others if row["half_width"] is None]
    return {
        "labels": LABELS,
        "sizes": [{**goal, "wanted": _shown(goal["measure"], goal["width"])} for goal in plan["needed"]],
        "verdict": f"{len(reached)} of {count(len(rows), 'interval')} are as narrow as planned"
        + (f"; {len(open_goals)} are undefined" if open_goals else ""),
        "classes": [
            {
                "class": entry["class"],
                "n": entry["n"],
                "n_positive": entry["n_positive"],
                "reached": [
                    {**row, "shown": _shown(row["measure"], row["half_width"])}
                    for row in rows
                    if row["class"] == entry["class"]
                ],
            }
            for entry in section["classes"]
        ],
    }


def _rows(section: Section) -> Rows:
    """A row for each class and goal: what was planned, and half of the interval that was found."""
    rows: Rows = []
    for entry in section["classes"]:
        for goal in section["plan"]["needed"]:
            value = in_use(entry.get(goal["measure"]))
            half = _half_width(goal["measure"], value)
            rows.append(
                {
                    "class": entry["class"],
                    "measure": goal["measure"],
                    "planned_width": goal["width"],
                    "half_width": half,
                    "is_reached": half is not None and half <= goal["width"],
                    "reason": None if half is not None else (value or {}).get("reason") or "not measured",
                }
            )
    return rows


def _half_width(measure: str, value: dict[str, Any] | None) -> float | None:
    """Half of the interval; of a ratio on the log scale."""
    if value is None or value["ci"] is None:
        return None
    low, high = value["ci"]
    if measure != "observed_to_expected":
        return (high - low) / 2
    return math.log(high / low) / 2 if low > 0 else None


def _shown(measure: str, half_width: float | None) -> str:
    """`± 0.050`, or of a ratio `a factor of 1.22`."""
    if half_width is None:
        return "–"
    if measure == "observed_to_expected":
        return f"a factor of {number(math.exp(half_width), digits=2)}"
    return f"± {number(half_width)}"


def _tables(section: Section) -> dict[str, Rows]:
    return {"plan": _rows(section)}


CHAPTER = Chapter("plan", "Planned and reached precision", "plan", words=_words, tables=_tables)
