"""Doubles are found within and across patients, parts and classes, and what they contradict is said."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.cohorts.evidence.duplicates import MAX_IDS, differences, exact_duplicates, near_duplicates


def record(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"{number:016x}", "labels": {"a": 1}, "sha256": f"{number:064x}", **fields}


def test_same_pixels_with_other_labels_come_first() -> None:
    records = [
        record(1, pixels_sha256="p", patient="x", part="train"),
        record(2, pixels_sha256="p", patient="x", part="train"),
        record(3, pixels_sha256="q", patient="x", part="train"),
        record(4, pixels_sha256="q", patient="y", part="test", labels={"a": 0}),
        record(5, pixels_sha256="r"),
        record(6),
    ]
    found = exact_duplicates(records, by="pixels_sha256")
    assert (found["sets"], found["images"]) == (2, 4)
    assert found["conflicts"] == {"patient": 1, "part": 1, "labels": 1}
    assert [entry["ids"][0][-1] for entry in found["listed"]] == ["3", "1"]
    assert found["listed"][0]["differ"] == ["patient", "part", "labels"]
    assert exact_duplicates(records[::-1], by="pixels_sha256") == found
    assert exact_duplicates(records, by="sha256")["sets"] == 0


def test_what_is_unknown_contradicts_nothing() -> None:
    assert differences([record(1, patient="x"), record(2)]) == []
    assert differences([record(1, labels={}), record(2)]) == []
    assert differences([record(1, site="a"), record(2), record(3, site="b")]) == ["site"]


def test_a_set_of_a_thousand_copies_stays_short() -> None:
    found = exact_duplicates([record(k, pixels_sha256="p") for k in range(1000)], by="pixels_sha256")
    assert found["images"] == found["listed"][0]["count"] == 1000
    assert len(found["listed"][0]["ids"]) == MAX_IDS


def hashes(phash: int, dhash: int) -> dict[str, str]:
    return {"phash": f"{phash:016x}", "dhash": f"{dhash:064x}"}


def test_near_pairs_need_both_hashes_and_other_pixels() -> None:
    records = [record(k, pixels_sha256=str(k), patient=str(k % 2)) for k in range(5)]
    records.append(record(5, pixels_sha256="0"))
    facts = {
        records[0]["id"]: hashes(0, 0),
        records[1]["id"]: hashes(0b111, 0b1111),  # near
        records[2]["id"]: hashes(0, 2**100 - 1),  # the confirming hash is far
        records[3]["id"]: hashes(2**20 - 1, 0),  # the searching hash is far
        records[4]["id"]: {},  # constant: no hash
        records[5]["id"]: hashes(0, 0),  # the same pixels as the first
    }
    found = near_duplicates(records, facts)
    assert found["count"] == 1
    assert found["listed"] == [
        {"ids": [records[0]["id"], records[1]["id"]], "distance": 3, "differ": ["patient"]}
    ]
    assert found["conflicts"] == {"patient": 1}


def test_independent_noise_is_never_near() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 256, (20_000, 40), dtype=np.uint8)
    records = [record(k) for k in range(len(bits))]
    facts = {
        r["id"]: {"phash": b[:8].tobytes().hex(), "dhash": b[8:].tobytes().hex()}
        for r, b in zip(records, bits, strict=True)
    }
    assert near_duplicates(records, facts)["count"] == 0
