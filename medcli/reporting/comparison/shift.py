"""How far images, patients and scores of the other sources are from those of the first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medcli.reporting.chapter import Chapter, Rows, Section

_ABOUT = (
    "Brightness is the mean and contrast the standard deviation of an image, from 0 (black) to 1 (white), "
    "and noise a standard deviation on that scale; sharpness is how fast edges turn, per pixel; saturation "
    "that of colours."
)


def _words(section: Section) -> dict[str, Any]:
    has_pixels = any(entry["of"] == "image" for source in section["shift"] for entry in source["inputs"])
    return {"about": _ABOUT if has_pixels else ""}


def _tables(section: Section) -> dict[str, Rows]:
    rows = [row for source in section["shift"] for row in _rows(source)]
    return {"shift": rows} if rows else {}


def _rows(source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for label in source["labels"]:
        entry = {
            "name": label["class"],
            "test": label["kolmogorov_smirnov"],
            "change": label.get("score_change"),
            "psi": label["psi"],
        }
        yield _row(source, entry, what="score")
    for entry in source["inputs"]:
        yield _row(source, entry, what=entry["of"])


def _row(source: dict[str, Any], entry: dict[str, Any], *, what: str) -> dict[str, Any]:
    """One score or input of one source: a cell is empty where it does not apply."""
    nothing: dict[str, Any] = {}
    change, psi = entry.get("change") or nothing, entry.get("psi") or nothing
    test = entry.get("test") or change.get("test") or nothing
    low, high = change.get("ci") or (None, None)
    return {
        "sources": source["name"],
        "of": what,
        "name": entry["name"],
        "mean_first": (entry.get("mean_first") or nothing).get("estimate"),
        "mean_second": (entry.get("mean_second") or nothing).get("estimate"),
        "change": change.get("estimate"),
        "ci_low": low,
        "ci_high": high,
        "deviations": entry.get("deviations"),
        "test": test.get("test"),
        "statistic": test.get("statistic"),
        "cramers_v": test.get("cramers_v"),
        "p": test.get("p"),
        "p_holm": test.get("p_holm"),
        "psi": psi.get("estimate"),
        "psi_by_chance": (psi.get("baseline") or nothing).get("estimate"),
        "verdict": psi.get("verdict"),
        "reason": test.get("reason"),
    }


CHAPTER = Chapter("shift", "Shift", "shift", words=_words, tables=_tables)
