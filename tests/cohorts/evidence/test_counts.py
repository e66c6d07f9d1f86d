"""Counts of labels, fields and odd images, and the fingerprint: hand-worked."""

from __future__ import annotations

import json
from typing import Any

from medcli.cohorts.evidence.counts import MAX_IDS, field_counts, flag_counts, label_counts
from medcli.cohorts.evidence.fingerprint import fingerprint
from medcli.stages._evidence import gather


def record(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"{number:016x}", "labels": {}, **fields}


def facts(side: int, **other: Any) -> dict[str, Any]:
    return {
        "size": [side, side],
        "channels": 1,
        "dtype": "uint8",
        "percentiles": [0.0, 1.0, 10.0, 50.0, 90.0, 99.0, 255.0],
        "contrast": 0.25,
        "noise": 0.01,
        "flags": [],
        **other,
    }


def test_yes_no_uncertain_and_blank_are_told_apart() -> None:
    records = [
        record(k, labels=labels) for k, labels in enumerate([{"a": 1}, {"a": 0}, {"a": -1, "b": 1}, {}, {}])
    ]
    assert label_counts(records, ["a", "b"]) == {
        "a": {"yes": 1, "no": 1, "uncertain": 1, "blank": 2},
        "b": {"yes": 1, "no": 0, "uncertain": 0, "blank": 4},
    }


def test_fields_that_are_missing_or_impossible() -> None:
    records = [record(1, age=7, sex="M"), record(2, age=63), record(3, age=68, sex="M"), record(4)]
    found = field_counts(records, {"age": 1})
    assert found["age"] == {
        "missing": 1,
        "impossible": 1,
        "distinct": 3,
        "low": 7,
        "median": 63,
        "high": 68,
        "decades": {"0": 1, "60": 2},
    }
    assert found["sex"] == {"missing": 2, "impossible": 0, "distinct": 1, "values": {"M": 2}}
    assert found["patient"] == {"missing": 4, "impossible": 0, "distinct": 0}


def test_flags_are_counted_and_their_ids_bounded() -> None:
    described = {f"{k:016x}": facts(9, flags=["tiny"] + ["blank"] * (k == 3)) for k in range(100)}
    records = [record(k, quality=["burned-in"] * (k == 5)) for k in range(100)]
    found = flag_counts(records, described)
    assert found["burned-in"]["ids"] == [f"{5:016x}"]
    assert found["blank"] == {"count": 1, "ids": [f"{3:016x}"]}
    assert found["tiny"]["count"] == 100
    assert len(found["tiny"]["ids"]) == MAX_IDS


def test_a_fingerprint_tells_sites_apart() -> None:
    records = [record(k, site="a" if k < 3 else "b", spacing_mm=[1.0, 2.0]) for k in range(4)]
    described = {r["id"]: facts(64 if r["site"] == "a" else 128) for r in records}
    found = fingerprint(records, described)
    assert found["all"]["images"] == 4
    assert [(group["site"], group["images"], group["sides"]) for group in found["groups"]] == [
        ("a", 3, [64, 64, 64]),
        ("b", 1, [128, 128, 128]),
    ]
    assert found["groups"][0]["spacing_mm"] == [[1, 1, 1], [2, 2, 2]]
    assert found["all"]["sizes"] == {"64x64": 3, "128x128": 1}


def test_evidence_is_the_same_in_any_order_and_stays_small() -> None:
    records = [record(k, site=f"s{k % 100}", pixels_sha256=str(k // 2), sha256=str(k)) for k in range(5000)]
    described = {r["id"]: facts(9, flags=["tiny"]) for r in records}
    task = {"type": "binary", "classes": ["a"]}
    found = gather(records, described, task=task, dropped={}, sources={})
    turned = gather(records[::-1], dict(reversed(described.items())), task=task, dropped={}, sources={})
    assert json.dumps(found) == json.dumps(turned)
    assert len(json.dumps(found)) < 200_000
    assert found["same_pixels"]["sets"] == 2500


def test_without_pixels_there_is_less_to_say() -> None:
    found = gather([record(1)], {}, task=None, dropped={}, sources={})
    assert found["described"] == 0
    assert "near_duplicates" not in found


def test_findings_of_one_scan_are_no_doubles_of_each_other() -> None:
    box = {"class": "malignant", "box": [1, 2, 3, 4], "slices": [0, 1]}
    nodules = [
        {**record(i), "sha256": "a" * 64, "pixels_sha256": "b" * 64, "boxes": [box]} for i in (1, 2, 3)
    ]
    for nodule, label in zip(nodules, (1, 0, 0), strict=True):
        nodule["labels"] = {"malignant": label}
    scans = (["1.dcm"], ["1.dcm"], ["copy.dcm"])
    sources = {nodule["id"]: {"series": scan} for nodule, scan in zip(nodules, scans, strict=True)}
    found = gather(nodules, {}, task=None, dropped={}, sources=sources)
    assert found["same_bytes"]["listed"][0]["ids"] == sorted([nodules[0]["id"], nodules[2]["id"]])
    assert found["images"] == 3
