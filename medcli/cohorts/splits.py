"""Splits that keep patients whole and every class near its share, and the evidence for both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from medcli.cohorts.stratification import assign_units
from medcli.errors import DataError, GateError, UsageError
from medcli.store.digests import derive_seed

PARTS = ("train", "val", "test")
IDENTITIES = {
    "patient": "patients",
    "group": "groups",
    "sha256": "identical files",
    "pixels_sha256": "identical images",
}


def split_records(
    records: list[dict[str, Any]],
    classes: list[str],
    *,
    shares: Sequence[float],
    seed: int,
    lone_images: bool = False,
) -> dict[str, list[str]]:
    """Ids of every part, such that no patient, group, source file or image is in two of them.

    What may not be torn apart (a unit) is a connected component of records that share a patient, a group, or
    the digest of their source or of their decoded pixels. Units are spread so that images, units and the
    positive and the uncertain labels of every class come near `shares`. The result depends on the set of
    records and the seed, not on the order of records.

    Args:
        records: Of the manifest.
        classes: To stratify by; may be empty.
        shares: Of training, validation and test, in any unit.
        seed: Decides between equally good splits.
        lone_images: Whether an image with neither patient nor group counts as a patient of its own.

    Raises:
        DataError: If an image has neither patient nor group, or there are fewer units than parts.
    """
    wanted = check_shares(shares)
    ordered = sorted(records, key=lambda record: record["id"])
    if not lone_images:
        _refuse_lone_images(ordered)
    units = group_units(ordered)
    num_units = int(units.max()) + 1 if len(units) else 0
    num_parts = int((wanted > 0).sum())
    if num_units < num_parts:
        raise DataError(f"{num_units} patients cannot fill {num_parts} parts")
    first = np.unique(units, return_index=True)[1]
    shuffled = np.argsort([derive_seed(seed, "split", ordered[i]["id"]) for i in first], kind="stable")
    contents = _unit_contents(ordered, units, classes=classes)
    parts_of_units = np.empty(num_units, dtype=np.int64)
    parts_of_units[shuffled] = assign_units(contents[shuffled], wanted, num_labels=contents.shape[1] - 2)
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    for record, unit in zip(ordered, units, strict=True):
        parts[PARTS[parts_of_units[unit]]].append(record["id"])
    return parts


def check_shares(shares: Sequence[float]) -> np.ndarray:
    """Shares of train, val and test as fractions, float64 [3]; 80, 10, 10 and 0.8, 0.1, 0.1 are the same."""
    values = np.asarray(shares, dtype=np.float64)
    if values.shape != (len(PARTS),) or not np.isfinite(values).all() or (values < 0).any() or values[0] <= 0:
        raise UsageError(
            f"shares are {', '.join(f'{s:g}' for s in shares)}; three numbers, train above 0, are needed",
            hint="for example --shares 80,10,10",
        )
    return values / values.sum()


def _refuse_lone_images(records: list[dict[str, Any]]) -> None:
    lone = [r["id"] for r in records if not (r.get("patient") or r.get("group"))]
    if lone:
        raise DataError(
            f"{len(lone)} of {len(records)} images have neither patient nor group, "
            f"the first is record {lone[0]}",
            hint="declare --patient or --group at ingest, or --by image if each image is a patient",
        )


def group_units(records: list[dict[str, Any]]) -> np.ndarray:
    """Which connected component of shared patients, groups, files and images each record is in."""
    parent = list(range(len(records)))

    def find(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    seen: dict[tuple[str, str], int] = {}
    for i, record in enumerate(records):
        for identity in _identities(record):
            other = find(seen.setdefault(identity, i))
            mine = find(i)
            parent[max(mine, other)] = min(mine, other)
    roots = np.array([find(i) for i in range(len(records))], dtype=np.int64)
    return np.unique(roots, return_inverse=True)[1]


def _identities(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a record may not share with another part: kind and value."""
    for key in IDENTITIES:
        # All blank images have the same pixels: they give nothing away and tie no patients together.
        is_blank = key == "pixels_sha256" and "constant" in record.get("quality", ())
        if record.get(key) and not is_blank:
            yield key, record[key]


def _unit_contents(records: list[dict[str, Any]], units: np.ndarray, *, classes: list[str]) -> np.ndarray:
    """Contents of each unit, int [units, columns]: positive, uncertain labels that occur, images, units."""
    num_classes = len(classes)
    column = {name: i for i, name in enumerate(classes)}
    images = np.zeros((len(records), 2 * num_classes + 1), dtype=np.int64)
    images[:, -1] = 1
    for row, record in enumerate(records):
        for name, value in record["labels"].items():
            if value and name in column:
                images[row, column[name] + (num_classes if value == -1 else 0)] = 1
    images = images[:, images.any(axis=0)]
    contents = np.zeros((int(units.max()) + 1, images.shape[1] + 1), dtype=np.int64)
    np.add.at(contents[:, :-1], units, images)
    contents[:, -1] = 1
    return contents


def verify_parts(records: list[dict[str, Any]], parts: dict[str, list[str]]) -> dict[str, int]:
    """Patients, groups, files and images that are in more than one part, counted anew: all must be 0.

    Raises:
        GateError: If any is, or if an image is in two parts or in none.
    """
    part_of: dict[str, str] = {}
    for part, ids in parts.items():
        for identity in ids:
            if part_of.setdefault(identity, part) != part:
                raise GateError(f"record {identity} is in {part_of[identity]} and in {part}")
    missing = [record["id"] for record in records if record["id"] not in part_of]
    if missing:
        raise GateError(f"{len(missing)} images are in no part, the first is record {missing[0]}")
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in records:
        for shared in _identities(record):
            seen[shared].add(part_of[record["id"]])
    overlap = dict.fromkeys(IDENTITIES.values(), 0)
    for (key, _), found in seen.items():
        overlap[IDENTITIES[key]] += len(found) > 1
    leaks = [f"{count} {plural}" for plural, count in overlap.items() if count]
    if leaks:
        raise GateError(
            f"{', '.join(leaks)} are in more than one part", hint="medcli split makes a split without overlap"
        )
    return overlap


def split_evidence(
    records: list[dict[str, Any]], parts: dict[str, list[str]], classes: list[str], *, shares: Sequence[float]
) -> dict[str, Any]:
    """What shows that a split is sound: overlaps (none), sizes, and how far each class is from its share.

    A part beside train, val and test, such as `external`, has no share: it is counted under its own name.

    Raises:
        GateError: If something is in two parts.
    """
    overlap = verify_parts(records, parts)
    wanted = dict(zip(PARTS, check_shares(shares), strict=True))
    part_of = {identity: part for part, ids in parts.items() for identity in ids}
    units = group_units(records)
    everyone: dict[str, list[int]] = {part: [] for part in (*PARTS, *parts)}
    for row, record in enumerate(records):
        everyone[part_of[record["id"]]].append(row)
    members = {part: everyone.pop(part) for part in PARTS}
    evidence: dict[str, Any] = {
        "overlap": overlap,
        "units": {part: len(set(units[rows].tolist())) for part, rows in members.items()},
        "images": _shares_of({part: len(rows) for part, rows in members.items()}, wanted),
        "classes": {},
    }
    for name in classes:
        positive = [record["labels"].get(name) == 1 for record in records]
        counts = {part: sum(positive[row] for row in rows) for part, rows in members.items()}
        holders = {
            part: len({int(units[row]) for row in rows if positive[row]}) for part, rows in members.items()
        }
        evidence["classes"][name] = {**_shares_of(counts, wanted), "units": holders}
    for part, rows in everyone.items():
        counts = {name: sum(records[row]["labels"].get(name) == 1 for row in rows) for name in classes}
        units_of = len(set(units[rows].tolist()))
        evidence[part] = {"images": len(rows), "units": units_of, "classes": counts}
    return evidence


def _shares_of(counts: dict[str, int], wanted: dict[str, float]) -> dict[str, Any]:
    total = sum(counts.values())
    shares = {part: count / total if total else 0.0 for part, count in counts.items()}
    distance = max(abs(shares[part] - wanted[part]) for part in counts) if total else 0.0
    return {
        "counts": counts,
        "shares": {part: round(share, 6) for part, share in shares.items()},
        "distance": round(float(distance), 6),
    }


def rare_classes(evidence: dict[str, Any]) -> list[str]:
    """One line for each class that a part with images has none of."""
    filled = [part for part, count in evidence["images"]["counts"].items() if count]
    lines = []
    for name, found in evidence["classes"].items():
        empty = [part for part in filled if not found["counts"][part]]
        if empty:
            total = sum(found["units"].values())
            why = ", too few for every part" if total < len(filled) else ""
            lines.append(f"{name} has {total} patients{why}: none in {' and '.join(empty)}")
    return lines
