"""The same image twice: by its bytes, by its pixels, by its look; and where the two contradict each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medcli.cohorts.evidence.near import find_near

DISTANCE = 8
"""Bits of 64 in which the searching hashes of near-duplicates may differ.

With `CONFIRMING_DISTANCE` every copy of a real image that was recompressed at quality 50 to 90, halved,
enlarged or changed in brightness by a tenth was found, and no pair of independent noise images.
"""

CONFIRMING_DISTANCE = 24
"""Bits of 256 in which their confirming hashes may differ."""

MAX_LISTED = 500
MAX_IDS = 50
_COMPARED = ("patient", "group", "site", "part", "labels")

Record = Mapping[str, Any]


def exact_duplicates(records: Sequence[Record], *, by: str) -> dict[str, Any]:
    """Sets of records with one digest.

    Args:
        by: Which digest: `sha256` of the bytes or `pixels_sha256` of the decoded pixels.

    Returns:
        `sets` and `images` (how many), `conflicts` (in how many sets records differ in patient, group, site,
        part or labels), and `listed`: those with conflicts first, each with its `ids` (up to fifty), `count`
        and `differ`.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if digest := record.get(by):
            groups[digest].append(record)
    sets = [sorted(group, key=lambda record: record["id"]) for group in groups.values() if len(group) > 1]
    entries: list[dict[str, Any]] = [
        {
            "ids": [record["id"] for record in group[:MAX_IDS]],
            "count": len(group),
            "differ": differences(group),
        }
        for group in sets
    ]
    entries.sort(key=lambda entry: (_severity(entry["differ"]), entry["ids"]))
    return {
        "sets": len(entries),
        "images": sum(entry["count"] for entry in entries),
        "conflicts": _conflicts(entries),
        "listed": entries[:MAX_LISTED],
    }


def near_duplicates(records: Sequence[Record], facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Pairs of records that look alike without having the same pixels.

    Of records with the same pixels one stands for all. Constant images have no hash and match nothing.

    Args:
        facts: By record id, with `phash` (16 hex digits) and `dhash` (64 hex digits) where there are any.

    Returns:
        `distance` and `confirming_distance`, `count` of pairs, `is_complete`, `conflicts` as of exact
        duplicates, and `listed`: pairs with conflicts first, each with `ids`, `distance` and `differ`.
    """
    chosen = _one_of_each(records, facts)
    hashes = np.array([int(facts[record["id"]]["phash"], 16) for record in chosen], np.uint64)
    details = np.frombuffer(
        bytes.fromhex("".join(facts[record["id"]]["dhash"] for record in chosen)), np.uint64
    )
    near = find_near(
        hashes,
        distance=DISTANCE,
        details=details.reshape(len(chosen), -1) if chosen else None,
        detail_distance=CONFIRMING_DISTANCE,
    )
    entries: list[dict[str, Any]] = []
    for (first, second), distance in zip(near.pairs, near.distances, strict=True):
        pair = [chosen[first], chosen[second]]
        entries.append(
            {
                "ids": [record["id"] for record in pair],
                "distance": int(distance),
                "differ": differences(pair),
            }
        )
    entries.sort(key=lambda entry: (_severity(entry["differ"]), entry["distance"], entry["ids"]))
    return {
        "distance": DISTANCE,
        "confirming_distance": CONFIRMING_DISTANCE,
        "count": len(entries),
        "is_complete": near.is_complete,
        "conflicts": _conflicts(entries),
        "listed": entries[:MAX_LISTED],
    }


def differences(group: Sequence[Record]) -> list[str]:
    """In which of patient, group, site, part and labels records differ; unknown values do not count."""
    differing = []
    for name in _COMPARED:
        values = [record[name] for record in group if record.get(name) not in (None, {})]
        if any(value != values[0] for value in values[1:]):
            differing.append(name)
    return differing


def _severity(differing: list[str]) -> tuple[bool, bool, bool, bool]:
    """Order of what matters: labels that contradict, then parts, then patients, then the rest."""
    return ("labels" not in differing, "part" not in differing, "patient" not in differing, not differing)


def _conflicts(entries: list[dict[str, Any]]) -> dict[str, int]:
    counts = Counter(name for entry in entries for name in entry["differ"])
    return {name: counts[name] for name in _COMPARED if counts[name]}


def _one_of_each(records: Sequence[Record], facts: Mapping[str, Mapping[str, Any]]) -> list[Record]:
    """Records with hashes in the order of their ids, one of every set with the same pixels."""
    seen: set[str] = set()
    chosen = []
    for record in sorted(records, key=lambda record: record["id"]):
        digest = record.get("pixels_sha256") or record["id"]
        if facts.get(record["id"], {}).get("phash") and digest not in seen:
            seen.add(digest)
            chosen.append(record)
    return chosen
