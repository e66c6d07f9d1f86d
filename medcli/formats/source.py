"""What every decoder returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from medcli.voi import Voi

MAX_PIXELS = 1 << 28
"""Largest number of pixels (268 million) decoded from one file; more is taken for a bomb."""

MAX_BYTES = 1 << 30
"""Largest file, and largest inflated content, in bytes."""


BURNED_IN = "burned-in"
"""Flag of an image that has text in its pixels, or is of a kind that usually has."""


def stack(parts: Sequence[np.ndarray], *, axis: int = 0) -> np.ndarray:
    """Parts of one image along a new axis.

    Integers are as wide as the widest; one part of float32 makes all float32 (numpy alone would make float64
    of int32 beside float32).
    """
    kinds = {part.dtype for part in parts}
    dtype = np.dtype(np.float32) if any(kind.kind == "f" for kind in kinds) else np.result_type(*kinds)
    return np.stack([part.astype(dtype, copy=False) for part in parts], axis=axis)


@dataclass(frozen=True)
class Geometry:
    """Where pixels lie in the patient.

    Attributes:
        spacing_mm: Distance of neighbours along each pixel axis: (rows, columns), or (slices, rows, columns).
        affine: Of a volume, float64 [4, 4] from (slice, row, column) to millimetres in RAS+ (as in NIfTI);
            None where only distances are known.
    """

    spacing_mm: tuple[float, ...]
    affine: np.ndarray | None = None


@dataclass(frozen=True)
class SourceImage:
    """One image or volume as its files mean it, before any choice of ours.

    Attributes:
        pixels: [height, width] or [height, width, channels]; of a volume [slices, height, width] or
            [slices, height, width, channels]. Integer or float32, in modality units (Hounsfield for CT, SUVbw
            for PET). MONOCHROME1 is not inverted.
        bits: Meaningful bits of the stored values (8, 12, 16, ...).
        voi: The header's first window, or else its first VOI LUT, in the units of `pixels`.
        is_inverted: Bright is stored as low (MONOCHROME1, DICOM PS3.3 C.7.6.3.1.2): window, then invert.
        units: What `pixels` count, where the file says so and it matters (PET): SUVbw, BQML, ...
        is_volume: Whether the first axis counts slices (or frames).
        geometry: Where the pixels lie, when the files say so.
    """

    pixels: np.ndarray
    bits: int
    voi: Voi | None = None
    is_inverted: bool = False
    units: str = ""
    is_volume: bool = False
    geometry: Geometry | None = None


@dataclass(frozen=True)
class SourceHeader:
    """What a file says about its image.

    Attributes:
        kind: Format, as `identify` names it.
        fields: Raw values of allow-listed record fields: modality, view, age, sex.
        patient: Raw patient id; only ever hashed.
        uid: What names the image everywhere (SOP Instance UID); only ever compared.
        flags: What is odd by the header: `BURNED_IN`.
        elements: Raw values by DICOM keyword, of those that may be asked for.
    """

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    patient: str | None = None
    uid: str = ""
    flags: tuple[str, ...] = ()
    elements: dict[str, str] = field(default_factory=dict)
