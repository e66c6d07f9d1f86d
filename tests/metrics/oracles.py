"""Frozen results of other software, and where those that may not be copied are found."""

from __future__ import annotations

import csv
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_HERE = Path(__file__).resolve().parent / "oracles"
_OUTSIDE = Path(__file__).resolve().parents[3] / "shared" / "oracles"


def expected(case: str) -> dict[str, Any]:
    """Numbers of one case."""
    return json.loads((_folder(case) / "expected.json").read_text())


def table(case: str, name: str = "data.csv") -> dict[str, list[str]]:
    """Columns of a case's table, as text."""
    with (_folder(case) / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {column: [row[column] for row in rows] for column in rows[0]}


def numbers(column: list[Any]) -> np.ndarray:
    """A column as floats: blanks and nulls are NaN, "inf" is infinite."""
    return np.array([math.nan if cell in ("", None) else float(cell) for cell in column])


def codes(column: list[str]) -> np.ndarray:
    """A column of names as numbers from 0."""
    return np.unique(column, return_inverse=True)[1]


def _folder(case: str) -> Path:
    outside = Path(os.environ.get("MEDCLI_ORACLES") or _OUTSIDE)
    for folder in (_HERE / case, outside / case):
        if folder.is_dir():
            return folder
    pytest.skip(f"no oracle {case!r}; MEDCLI_ORACLES says where it is")
