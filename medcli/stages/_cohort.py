"""Who was studied: images and patients of each part, their sex, age and sites, and what parts share."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.metrics.patients import patient_codes
from medcli.store.manifest import Manifest
from medcli.store.predictions import Predictions

Records = list[dict[str, Any]]


def cohort_section(manifest: Manifest, predictions: Predictions) -> dict[str, Any]:
    """`parts`, as they were split or else the one that was evaluated, and `overlap` of splits."""
    splits = manifest.splits
    if not splits:
        return {"parts": [characteristics(predictions.part, predictions.records)], "overlap": None}
    by_id = {record["id"]: record for record in manifest.records}
    found = {
        part: [by_id[identity] for identity in ids if identity in by_id]
        for part, ids in splits["parts"].items()
    }
    parts = [characteristics(part, records) for part, records in found.items() if records]
    return {"parts": parts, "overlap": (splits.get("evidence") or {}).get("overlap")}


def characteristics(part: str, records: Records) -> dict[str, Any]:
    """One part of a study; what no record says is null.

    Returns:
        `part`, `n` images, `n_clusters` (null where each image counts as one), `sex` (patients of each),
        `age` (median, quartiles and number of patients; of each patient the mean over the images), `sites`
        (images of each).
    """
    unit, codes = patient_codes(records)
    sexes = {(code, r["sex"]) for code, r in zip(codes, records, strict=True) if r.get("sex")}
    sites = [str(record["site"]) for record in records if record.get("site")]
    return {
        "part": part,
        "n": len(records),
        "n_clusters": None if unit == "image" else len(set(codes)),
        "sex": _counts([sex for _, sex in sexes]),
        "age": _ages(codes, records),
        "sites": _counts(sites),
    }


def _counts(values: list[str]) -> dict[str, int] | None:
    return {name: values.count(name) for name in sorted(set(values))} or None


def _ages(codes: np.ndarray, records: Records) -> dict[str, Any] | None:
    ages: dict[int, list[float]] = {}
    for code, record in zip(codes, records, strict=True):
        if isinstance(record.get("age"), int | float):
            ages.setdefault(int(code), []).append(record["age"])
    if not ages:
        return None
    low, median, high = np.quantile([np.mean(values) for values in ages.values()], (0.25, 0.5, 0.75))
    return {"median": float(median), "quartiles": [float(low), float(high)], "n_clusters": len(ages)}
