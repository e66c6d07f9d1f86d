"""Splits: units, overlap, presence, shares, order, speed, and an oracle of invariants."""

from __future__ import annotations

import csv
import hashlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.cohorts.official_split import official_parts
from medcli.cohorts.splits import (
    IDENTITIES,
    check_shares,
    group_units,
    rare_classes,
    split_evidence,
    split_records,
    verify_parts,
)
from medcli.errors import DataError, GateError, UsageError

SHARES = (80, 10, 10)


def key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def record(name: str, *, labels: dict[str, int] | None = None, **identity: str) -> dict:
    return {
        "id": key(name),
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
        "labels": labels or {},
        **identity,
    }


def oracle_records() -> tuple[list[dict], list[str]]:
    """Synthetic patients, one of whom has 40 images and most of the rare label."""
    with (Path(__file__).parent / "oracle_split.csv").open() as file:
        rows = list(csv.DictReader(file))
    classes = ["L1", "L2", "L3", "L4", "rare"]
    records = [
        record(row["image_id"], patient=key(row["patient_id"]), labels={c: int(row[c]) for c in classes})
        for row in rows
    ]
    return records, classes


@st.composite
def cohorts(draw: st.DrawFn) -> list[dict]:
    num_images = draw(st.integers(12, 60))
    patients = draw(st.lists(st.integers(0, 14), min_size=num_images, max_size=num_images))
    groups = draw(st.lists(st.none() | st.integers(0, 40), min_size=num_images, max_size=num_images))
    masks = draw(st.lists(st.integers(0, 26), min_size=num_images, max_size=num_images))
    return [
        record(
            f"i{i}",
            labels={c: (m // 3**j) % 3 - 1 for j, c in enumerate("abc")},
            patient=key(f"p{p}"),
            **({} if g is None else {"group": key(f"g{g}")}),
        )
        for i, (p, g, m) in enumerate(zip(patients, groups, masks, strict=True))
    ]


@settings(max_examples=40, deadline=None)
@given(cohorts(), st.randoms(use_true_random=False))
def test_identities_stay_whole_and_the_order_of_records_is_irrelevant(
    records: list[dict], chance: random.Random
) -> None:
    if group_units(records).max() < 2:
        return
    parts = split_records(records, list("abc"), shares=SHARES, seed=3)
    part_of = {i: part for part, ids in parts.items() for i in ids}
    assert sorted(part_of) == sorted(r["id"] for r in records)
    assert all(parts[part] == sorted(parts[part]) and parts[part] for part in ("train", "val", "test"))
    for field in ("patient", "group"):
        for value in {r[field] for r in records if field in r}:
            assert len({part_of[r["id"]] for r in records if r.get(field) == value}) == 1
    shuffled = list(records)
    chance.shuffle(shuffled)
    assert split_records(shuffled, list("abc"), shares=SHARES, seed=3) == parts


def test_units_chain_through_patients_groups_and_identical_files() -> None:
    records = [
        record("a", patient="1"),
        record("b", patient="1", group="x"),
        record("c", patient="2", group="x"),
        record("d", patient="3"),
        {**record("e", patient="4"), "sha256": record("d")["sha256"]},
        record("f", group="y"),
    ]
    assert group_units(records).tolist() == [0, 0, 0, 1, 1, 2]


def test_images_of_equal_pixels_stay_together_unless_they_are_blank() -> None:
    pixels = {"pixels_sha256": "0" * 64}
    same = [{**record(name, patient=name), **pixels} for name in "ab"]
    assert group_units(same).tolist() == [0, 0]
    with pytest.raises(GateError, match="1 identical images"):
        verify_parts(same, {"train": [same[0]["id"]], "test": [same[1]["id"]]})
    blank = [{**r, "quality": ["constant"]} for r in same]
    assert group_units(blank).tolist() == [0, 1]


def random_splits(records: list[dict], *, count: int) -> Iterator[dict[str, list[str]]]:
    """Splits of the same units by lot, as the thing to beat."""
    units = group_units(records)
    generator = np.random.default_rng(0)
    for _ in range(count):
        drawn = generator.choice(3, size=units.max() + 1, p=[0.8, 0.1, 0.1])
        parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
        for r, unit in zip(records, units, strict=True):
            parts[list(parts)[drawn[unit]]].append(r["id"])
        yield parts


def prevalence_gap(records: list[dict], parts: dict[str, list[str]], name: str) -> float:
    """Largest distance of a part's prevalence from the prevalence overall."""
    label = {r["id"]: r["labels"][name] for r in records}
    overall = sum(label.values()) / len(label)
    return max(abs(sum(label[i] for i in ids) / max(len(ids), 1) - overall) for ids in parts.values())


def test_oracle_invariants() -> None:
    records, classes = oracle_records()
    parts = split_records(records, classes, shares=SHARES, seed=0)
    evidence = split_evidence(records, parts, classes, shares=SHARES)
    assert evidence["overlap"] == dict.fromkeys(IDENTITIES.values(), 0)
    largest = 40 / len(records)
    for part, share in zip(("train", "val", "test"), (0.8, 0.1, 0.1), strict=True):
        assert abs(evidence["images"]["shares"][part] - share) <= largest
    by_lot = list(random_splits(records, count=60))
    for name in classes[:4]:
        assert all(evidence["classes"][name]["counts"].values())
        median = np.median([prevalence_gap(records, other, name) for other in by_lot])
        gap = prevalence_gap(records, parts, name)
        assert gap <= 0.055, name
        assert gap <= 0.05 or gap < median, name
    (line,) = rare_classes(evidence)
    assert line.startswith("rare has 1 patients, too few for every part")


def test_stratification_beats_random_splits_of_the_same_patients() -> None:
    records, classes = oracle_records()

    def worst(parts: dict[str, list[str]]) -> float:
        found = split_evidence(records, parts, classes, shares=SHARES)["classes"]
        return max(found[name]["distance"] for name in classes[:4])

    ours = worst(split_records(records, classes, shares=SHARES, seed=1))
    assert ours < min(worst(parts) for parts in random_splits(records, count=60))
    assert ours < 0.05


def test_equal_patients_meet_the_shares_exactly() -> None:
    records = [
        record(f"{p}/{i}", patient=key(f"p{p}"), labels={"a": int(p < 20), "b": int(p % 2)})
        for p in range(40)
        for i in range(2)
    ]
    parts = split_records(records, ["a", "b"], shares=SHARES, seed=5)
    assert {part: len(ids) for part, ids in parts.items()} == {"train": 64, "val": 8, "test": 8}
    evidence = split_evidence(records, parts, ["a", "b"], shares=SHARES)
    assert evidence["classes"]["a"]["counts"] == {"train": 32, "val": 4, "test": 4}
    assert evidence["classes"]["b"] == {
        "counts": {"train": 32, "val": 4, "test": 4},
        "shares": {"train": 0.8, "val": 0.1, "test": 0.1},
        "distance": 0.0,
        "units": {"train": 16, "val": 2, "test": 2},
    }


def test_label_of_three_patients_is_in_every_part() -> None:
    records = [
        record(f"{p}", patient=key(f"p{p}"), labels={"a": int(p < 3), "b": int(p < 50)}) for p in range(100)
    ]
    for seed in range(5):
        parts = split_records(records, ["a", "b"], shares=SHARES, seed=seed)
        counts = split_evidence(records, parts, ["a", "b"], shares=SHARES)["classes"]["a"]["counts"]
        assert counts == {"train": 1, "val": 1, "test": 1}


def test_seed_changes_the_split_and_a_part_with_share_zero_stays_empty() -> None:
    records, classes = oracle_records()
    first, second = (split_records(records, classes, shares=SHARES, seed=s) for s in (0, 1))
    assert first != second
    parts = split_records(records, classes, shares=(1, 0, 1), seed=0)
    assert parts["val"] == []
    assert abs(len(parts["test"]) - len(records) / 2) < 3


def test_images_without_patient_are_refused_unless_asked_for() -> None:
    records = [record(f"i{i}") for i in range(20)] + [record(f"p{i}", patient="1") for i in range(9)]
    with pytest.raises(DataError, match="20 of 29 images have neither patient nor group") as caught:
        split_records(records, [], shares=SHARES, seed=0)
    assert "--by image" in caught.value.hint
    parts = split_records(records, [], shares=SHARES, seed=0, lone_images=True)
    whole = {r["id"] for r in records if "patient" in r}
    assert sum(bool(whole & set(ids)) for ids in parts.values()) == 1


def test_too_few_patients_and_senseless_shares_are_refused() -> None:
    records = [record(f"i{i}", patient=str(i % 2)) for i in range(20)]
    with pytest.raises(DataError, match="2 patients cannot fill 3 parts"):
        split_records(records, [], shares=SHARES, seed=0)
    for shares in [(80, 20), (0, 50, 50), (1, -1, 1), (float("nan"), 1, 1)]:
        with pytest.raises(UsageError, match="train above 0"):
            check_shares(shares)
    assert check_shares((80, 10, 10)) == pytest.approx([0.8, 0.1, 0.1])


def test_independent_check_finds_a_patient_and_a_file_in_two_parts() -> None:
    records = [record("a", patient="1"), record("b", patient="1"), record("c", patient="2")]
    ids = [r["id"] for r in records]
    with pytest.raises(GateError, match="1 patients are in more than one part"):
        verify_parts(records, {"train": ids[:1], "test": ids[1:]})
    with pytest.raises(GateError, match="is in train and in test"):
        verify_parts(records, {"train": ids, "test": ids[:1]})
    with pytest.raises(GateError, match="1 images are in no part"):
        verify_parts(records, {"train": ids[:2], "test": []})
    records[2]["sha256"] = records[0]["sha256"]
    with pytest.raises(GateError, match="1 identical files"):
        verify_parts(records, {"train": ids[:2], "test": ids[2:]})


# --- official parts


def official_records(*, val: bool) -> list[dict]:
    """Records of the oracle: patients by turns in train, train, train, test and, if asked for, val."""
    records, _ = oracle_records()
    patients = sorted({r["patient"] for r in records})
    names = ["train", "train", "train", "test", *(["val"] if val else [])]
    part = {patient: names[i % len(names)] for i, patient in enumerate(patients)}
    return [{**r, "part": part[r["patient"]]} for r in records]


def ids_of(records: list[dict], part: str) -> list[str]:
    return sorted(r["id"] for r in records if r["part"] == part)


@pytest.mark.parametrize("seed", [0, 1])
def test_official_parts_are_kept_as_they_are(seed: int) -> None:
    records = official_records(val=True)
    parts = official_parts(records, ["L1"], shares=SHARES, seed=seed)
    assert parts == {part: ids_of(records, part) for part in ("train", "val", "test")}


def test_a_missing_val_is_taken_from_train_by_patient() -> None:
    records = official_records(val=False)
    classes = ["L1", "L2", "L3", "L4"]
    parts = official_parts(records, classes, shares=SHARES, seed=0)
    assert parts["test"] == ids_of(records, "test")
    assert sorted(parts["train"] + parts["val"]) == ids_of(records, "train")
    assert verify_parts(records, parts) == dict.fromkeys(IDENTITIES.values(), 0)
    share = len(parts["val"]) / len(ids_of(records, "train"))
    assert abs(share - 10 / 90) < 0.04
    assert official_parts(records[::-1], classes, shares=SHARES, seed=0) == parts
    assert official_parts(records, classes, shares=(90, 0, 10), seed=0)["val"] == []


def test_official_parts_that_cannot_be_kept_are_refused() -> None:
    records = official_records(val=False)
    unnamed = [{k: v for k, v in records[0].items() if k != "part"}, *records[1:]]
    with pytest.raises(DataError, match="1 of 365 images have no official part"):
        official_parts(unnamed, [], shares=SHARES, seed=0)
    with pytest.raises(DataError, match="no image for training"):
        official_parts([r for r in records if r["part"] == "test"], [], shares=SHARES, seed=0)
    strangers = [{k: v for k, v in r.items() if k != "patient"} for r in records]
    with pytest.raises(DataError, match="neither patient nor group"):
        official_parts(strangers, [], shares=SHARES, seed=0)
    assert official_parts(strangers, [], shares=SHARES, seed=0, lone_images=True)["val"]


def test_a_large_cohort_takes_seconds() -> None:
    generator = np.random.default_rng(0)
    chance = 0.01 + generator.random(14) ** 3 * 0.5
    positive = generator.random((40_000, 14)) < chance
    records = [
        {
            "id": f"{i:016x}",
            "sha256": f"{i:064x}",
            "patient": f"{i // 3:016x}",
            "labels": {f"c{j}": 1 for j in np.flatnonzero(row)},
        }
        for i, row in enumerate(positive)
    ]
    classes = [f"c{j}" for j in range(14)]
    started = time.perf_counter()
    parts = split_records(records, classes, shares=SHARES, seed=0)
    assert time.perf_counter() - started < 10
    found = split_evidence(records, parts, classes, shares=SHARES)
    for item in found["classes"].values():
        assert item["distance"] <= max(0.001, 1 / sum(item["counts"].values()))
