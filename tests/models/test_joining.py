"""Slices are joined to volumes by the mean of their logits, whatever order they come in."""

from __future__ import annotations

import numpy as np

from medcli.models.joining import join_volumes


def record(number: int, volume: int | None = None) -> dict:
    facts = {"id": f"{number:016x}", "labels": {"x": 1}, "patient": "a" * 16}
    return facts if volume is None else {**facts, "volume": f"{volume:016x}", "slice": number}


def test_slices_of_a_volume_become_its_mean():
    logits = np.array([[1.0], [5.0], [3.0], [8.0]], dtype=np.float32)
    targets = np.array([[1.0], [0.0], [1.0], [1.0]], dtype=np.float32)
    records = [record(1, 9), record(2, 8), record(3, 9), record(4)]
    scores, truth, joined = join_volumes(logits, targets, records)
    assert scores[:, 0].tolist() == [2.0, 5.0, 8.0]
    assert truth[:, 0].tolist() == [1.0, 0.0, 1.0]
    assert [r["id"] for r in joined] == [f"{9:016x}", f"{8:016x}", f"{4:016x}"]
    assert all("slice" not in r and "volume" not in r for r in joined)
    assert joined[0]["patient"] == "a" * 16


def test_images_of_no_volume_stay_as_they_are():
    logits, targets = np.eye(3, dtype=np.float32), np.zeros((3, 3), dtype=np.float32)
    records = [record(i) for i in range(3)]
    assert join_volumes(logits, targets, records)[0] is logits


def test_what_pixels_are_like_is_a_mean_over_the_slices():
    found = [{"brightness": 0.2, "sharpness": 0.5}, {"brightness": 0.3}]
    records = [{**record(i, 9), "pixels": one} for i, one in enumerate(found)]
    joined = join_volumes(np.zeros((2, 1), np.float32), np.zeros((2, 1), np.float32), records)[2]
    assert joined[0]["pixels"] == {"brightness": 0.25, "sharpness": 0.5}
