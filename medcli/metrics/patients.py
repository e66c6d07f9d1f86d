"""Which images belong to one person: the unit that intervals count."""

from __future__ import annotations

from typing import Any

import numpy as np

UNITS = ("patient", "group")


def patient_codes(records: list[dict[str, Any]]) -> tuple[str, np.ndarray]:
    """The unit (`patient`, `group` or `image`) and each record's code from 0.

    The patient counts where it is known, else the group (a lesion, an eye), else the image itself; the
    unit is named after the coarsest that any record has.
    """
    unit = next((name for name in UNITS if any(r.get(name) for r in records)), "image")
    keys = [_key(record) for record in records]
    numbering = {key: code for code, key in enumerate(dict.fromkeys(keys))}
    return unit, np.array([numbering[key] for key in keys], dtype=np.int64)


def _key(record: dict[str, Any]) -> tuple[str, str]:
    for name in (*UNITS, "id"):
        if record.get(name):
            return name, record[name]
    raise AssertionError("a record has an id")


def compact_codes(codes: np.ndarray) -> np.ndarray:
    """The same grouping, numbered from 0 without gaps."""
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)
