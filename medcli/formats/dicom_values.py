"""Single values of a DICOM data set: damaged ones are told, never quoted."""

from __future__ import annotations

import math
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from medcli.formats.codes import DECODER_FAULTS, reject

FAULTS: tuple[type[BaseException], ...] = (
    *DECODER_FAULTS,
    pydicom.errors.InvalidDicomError,
    pydicom.errors.BytesLengthException,
)
"""What pydicom raises on damaged bytes."""


def all_of(dataset: Dataset, keyword: str) -> list[Any]:
    """The values of an element, [] when it is absent or damaged."""
    try:
        value = dataset.get(keyword)
    except FAULTS:
        return []
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, MultiValue | list) else [value]


def first(dataset: Dataset, keyword: str) -> Any:
    """The first value of an element, or None; damaged values count as absent."""
    values = all_of(dataset, keyword)
    return values[0] if values else None


def text(dataset: Dataset, keyword: str) -> str:
    """The first value as stripped text, empty when absent."""
    value = first(dataset, keyword)
    return "" if value is None else str(value).strip(" \x00")


def number(dataset: Dataset, keyword: str, default: float = math.nan) -> float:
    """The first value as a number; `default` when absent, NaN when it is no number."""
    value = first(dataset, keyword)
    try:
        return default if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Exactly `count` finite values, or None."""
    try:
        values = tuple(float(value) for value in all_of(dataset, keyword))
    except (TypeError, ValueError):
        return None
    return values if len(values) == count and all(map(math.isfinite, values)) else None


def integer(dataset: Dataset, keyword: str, default: int) -> int:
    """The only value as an integer.

    Raises:
        DataError: `decode/bad-header` when it is damaged or has several values.
    """
    try:
        value = dataset.get(keyword)
        return default if value is None or value == "" else int(value)
    except FAULTS as error:
        raise reject("decode/bad-header", f"the DICOM header has no usable {keyword}") from error


def only_item(dataset: Dataset, keyword: str) -> Dataset | None:
    """The first item of a sequence, or None."""
    try:
        items = dataset.get(keyword)
        return items[0] if items else None
    except FAULTS:
        return None


def spacing_of(dataset: Dataset) -> tuple[float, float] | None:
    """Millimetres between rows and between columns, in the patient or else at the detector (PS3.3 10.7.1)."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        values = numbers(dataset, keyword, 2)
        if values is not None and min(values) > 0:
            return values[0], values[1]
    return None
