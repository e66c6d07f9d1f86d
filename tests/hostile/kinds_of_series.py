"""A builder a kind of DICOM series, whole and not: the files of one folder, and what becomes of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.formats.make import dicom_bytes, ramp

NUM = 5


class SeriesKind(NamedTuple):
    """Files by name, and either the code of the series or the volume that must come out."""

    build: Callable[[], dict[str, bytes]]
    code: str = ""
    pixels: Callable[[], np.ndarray] | None = None


def plane(number: int) -> np.ndarray:
    return (ramp(9, 8, dtype="int16") + 100 * number).astype(np.int16)


def volume() -> np.ndarray:
    return np.stack([plane(number) for number in range(NUM)])


def slice_bytes(series: str, number: int, **tags: Any) -> bytes:
    """Slice `number` of an axial CT series with a step of 2 mm."""
    values: dict[str, Any] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "SOPInstanceUID": f"{series}.{number}",
        "SeriesInstanceUID": series,
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "ImagePositionPatient": [0, 0, 2 * number],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": ["0.5", "0.5"],
    }
    pixels = tags.pop("pixels", plane(number))
    return dicom_bytes(pixels, **{**values, **tags})


def series(kind: int, *, change: dict[int, dict[str, Any]] | None = None, **tags: Any) -> dict[str, bytes]:
    """Slices in files whose names say nothing of their order; `change` has other tags for some."""
    uid = f"1.2.3.{kind}"
    return {
        f"{(number * 3) % NUM}.dcm": slice_bytes(uid, number, **{**tags, **(change or {}).get(number, {})})
        for number in range(NUM)
    }


def without(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {key: content for key, content in files.items() if key != name}


def tilted(degrees: float) -> dict[int, dict[str, Any]]:
    """Positions that shift along the rows from slice to slice."""
    shift = 2 * math.tan(math.radians(degrees))
    return {
        number: {"ImagePositionPatient": [0, round(shift * number, 4), 2 * number]} for number in range(NUM)
    }


PET = {
    "Modality": "PT",
    "Units": "BQML",
    "CorrectedImage": ["ATTN", "DECY"],
    "RescaleSlope": "0.5",
    "RescaleIntercept": "0",
}

SERIES: dict[str, SeriesKind] = {
    "whole": SeriesKind(lambda: series(1), pixels=volume),
    "half-a-degree": SeriesKind(lambda: series(2, change=tilted(0.5)), pixels=volume),
    "several-rescales": SeriesKind(
        lambda: series(
            3,
            change={1: {"RescaleSlope": "2", "RescaleIntercept": "-5"}},
            RescaleSlope="1",
            RescaleIntercept="0",
        ),
        pixels=lambda: np.stack(
            [plane(n).astype(np.int32) * (2 if n == 1 else 1) - 5 * (n == 1) for n in range(NUM)]
        ),
    ),
    "whole-and-broken-numbers": SeriesKind(
        lambda: series(
            4,
            change={1: {"RescaleSlope": "0.5", "RescaleIntercept": "0"}, 2: {"RescaleSlope": "2"}},
            RescaleIntercept="0",
        ),
        pixels=lambda: (volume() * np.array([1, 0.5, 2, 1, 1]).reshape(-1, 1, 1)).astype(np.float32),
    ),
    "gap": SeriesKind(lambda: without(series(5), "1.dcm"), "series/gap"),
    "tilt": SeriesKind(lambda: series(6, change=tilted(15)), "series/tilt"),
    "one-place": SeriesKind(
        lambda: series(7, change={1: {"ImagePositionPatient": [0, 0, 4]}}), "series/duplicate"
    ),
    "orientations": SeriesKind(
        lambda: series(8, change={4: {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}}), "series/mixed"
    ),
    "sizes": SeriesKind(lambda: series(9, change={3: {"pixels": plane(3)[:-1]}}), "series/mixed"),
    "spacings": SeriesKind(lambda: series(10, change={3: {"PixelSpacing": ["0.7", "0.7"]}}), "series/mixed"),
    "photometry": SeriesKind(
        lambda: series(11, change={2: {"PhotometricInterpretation": "MONOCHROME1"}}), "series/mixed"
    ),
    "no-spacing": SeriesKind(lambda: series(12, PixelSpacing=["0", "0"]), "decode/bad-header"),
    "negative-spacing": SeriesKind(lambda: series(13, PixelSpacing=["-1", "1"]), "decode/bad-header"),
    "flat-orientation": SeriesKind(
        lambda: series(14, ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), "decode/bad-header"
    ),
    "pet": SeriesKind(lambda: series(15, **PET), pixels=lambda: volume().astype(np.float32) / 2),
    "pet-units": SeriesKind(lambda: series(16, change={2: {"Units": "GML"}}, **PET), "series/mixed"),
    "cut-slice": SeriesKind(
        lambda: {name: content[:-20] if name == "3.dcm" else content for name, content in series(17).items()},
        "decode/truncated",
    ),
    "one-file-twice": SeriesKind(lambda: {**series(18), "copy.dcm": series(18)["3.dcm"]}, pixels=volume),
    "one-uid-two-pictures": SeriesKind(
        lambda: {**series(19), "other.dcm": slice_bytes("1.2.3.19", 2, pixels=plane(2) + 1)},
        "file/uid-conflict",
    ),
    "one-uid-for-all": SeriesKind(lambda: series(20, SOPInstanceUID="1.2.3.20.0"), "file/uid-conflict"),
}
