"""From slices and crops back to what they were cut from: one row of predictions a volume."""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

import numpy as np

_OF_SLICES = ("volume", "slice", "boxes", "applied")


def join_volumes(
    logits: np.ndarray, targets: np.ndarray, records: list[dict[str, Any]]
) -> tuple[np.ndarray, np.ndarray, list[dict[str, Any]]]:
    """Mean logits of the images of each volume; an image that is of none stays as it is.

    A volume takes the place of its first image and the id that it had when it was ingested, so that results
    count volumes, and a volume of many slices weighs no more than one of few.

    Args:
        logits: float [images, classes].
        targets: [images, classes]; the images of a volume share its labels.
        records: One an image, with `volume` where it is a slice or a crop.

    Returns:
        Logits, targets and records, one row a volume or lone image.
    """
    rows: dict[str, list[int]] = {}
    for row, record in enumerate(records):
        rows.setdefault(record.get("volume", record["id"]), []).append(row)
    if len(rows) == len(records) and not any("volume" in record for record in records):
        return logits, targets, records
    joined = [_of_volume(identity, [records[row] for row in members]) for identity, members in rows.items()]
    means = np.stack([logits[members].mean(axis=0, dtype=np.float64) for members in rows.values()])
    return means.astype(logits.dtype), targets[[members[0] for members in rows.values()]], joined


def _of_volume(identity: str, slices: list[dict[str, Any]]) -> dict[str, Any]:
    """The record of the first slice, without what is only its own; what the pixels are like is a mean."""
    record = {key: value for key, value in slices[0].items() if key not in _OF_SLICES}
    if "pixels" in record:
        record["pixels"] = _means([one["pixels"] for one in slices if "pixels" in one])
    return {**record, "id": identity}


def _means(found: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each number over the slices that have it, to four digits as those are."""
    values = {name: [one[name] for one in found if name in one] for name in sorted({*chain(*found)})}
    return {name: float(f"{math.fsum(own) / len(own):.4g}") for name, own in values.items()}
