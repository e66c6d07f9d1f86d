"""How scores became probabilities: which method won for each class, why, and what was fitted."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Rows, Section
from medcli.reporting.sources.making import CALIBRATORS
from medcli.reporting.words import number, printable, with_interval

NAMES = {"none": "as given", **{name: label for name, (label, _) in CALIBRATORS.items()}}
_FACTS = {"class", "method", "flags", "reason", "intervals"}


def _words(section: Section) -> dict[str, Any]:
    calibration = section["calibration"]
    comparison = calibration["comparison"] or []
    methods = dict.fromkeys(name for entry in comparison for name in entry["candidates"])
    return {
        "methods": {name: NAMES[name] for name in methods},
        "fitted": [
            {
                "class": entry["class"],
                "method": NAMES[entry["method"]],
                "values": _values(entry),
                "remarks": [
                    *([f"not fitted: {entry['reason']}"] if entry["reason"] else []),
                    *entry["flags"],
                ],
            }
            for entry in calibration["parameters"]
        ],
    }


def _values(entry: dict[str, Any]) -> str:
    """Parameters as text: `slope 0.612, intercept −1.204`; of a step curve how many corners it has."""
    values = {name: value for name, value in entry.items() if name not in _FACTS and value is not None}
    if "scores" in values:
        return f"{len(values['scores'])} corners"
    intervals = entry.get("intervals", {})
    return ", ".join(
        f"{printable(name)} {with_interval(intervals[name]) if name in intervals else number(value)}"
        for name, value in values.items()
    )


def _tables(section: Section) -> dict[str, Rows]:
    rows = [
        {
            "class": entry["class"] or "all",
            "method": name,
            "wins": int(name == entry["winner"]),
            "log_loss": candidate["log_loss"]["estimate"],
            "difference": candidate["difference"]["estimate"],
            "ci_low": candidate["difference"]["ci"][0],
            "ci_high": candidate["difference"]["ci"][1],
        }
        for entry in section["calibration"]["comparison"] or []
        for name, candidate in entry["candidates"].items()
    ]
    return {"calibrators": rows} if rows else {}


CHAPTER = Chapter("calibration", "How probabilities were made", "calibration", words=_words, tables=_tables)
