"""What a split must keep, on a cohort with a patient of 40 images who has most of a rare label."""

from __future__ import annotations

import numpy as np

from medcli.cohorts.splits import split_records
from tests.metrics.oracles import expected, table

LABELS = ("L1", "L2", "L3", "L4", "rare")
SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def cohort():
    data = table("31_split_invariants")
    return [
        {
            "id": image,
            "patient": patient,
            "labels": {name: int(data[name][row]) for name in LABELS},
        }
        for row, (image, patient) in enumerate(zip(data["image_id"], data["patient_id"], strict=True))
    ]


def test_the_invariants():
    wanted, records = expected("31_split_invariants"), cohort()
    assert len(records) == wanted["n_images"]
    assert len({record["patient"] for record in records}) == wanted["n_patients"]
    parts = split_records(records, list(LABELS), shares=(80, 10, 10), seed=0)
    assert split_records(records[::-1], list(LABELS), shares=(80, 10, 10), seed=0) == parts
    part_of = {image: part for part, images in parts.items() for image in images}
    assert sum(map(len, parts.values())) == len(part_of) == len(records)
    patients = {part: {r["patient"] for r in records if part_of[r["id"]] == part} for part in parts}
    assert sum(map(len, patients.values())) == wanted["n_patients"]
    largest = max(sum(r["patient"] == p for r in records) for p in {r["patient"] for r in records})
    for part, images in parts.items():
        assert images
        assert abs(len(images) / len(records) - SHARES[part]) <= largest / len(records)
    for name in LABELS:
        positive = [r for r in records if r["labels"][name]]
        assert len(positive) == wanted["label_counts"][name]
        holders = {r["patient"] for r in positive}
        found = {part_of[r["id"]] for r in positive}
        assert name != "rare" or len(holders) == wanted["patients_with_rare"]
        assert len(holders) < 3 or found == set(parts), name
        if len(holders) >= 20:
            share = len(positive) / len(records)
            for part in parts:
                own = np.mean([r["labels"][name] for r in records if part_of[r["id"]] == part])
                assert abs(own - share) <= 0.05, (name, part)
