"""What the recipe takes and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from medcli.voi import Voi

Box = dict[str, Any]
"""`class`, `box` (left, top, right, bottom edges in pixels; 0 is the outer edge of the first pixel) and, in a
volume, `slices` (first and last; all when absent)."""


@dataclass(frozen=True)
class Picture:
    """One decoded image or volume, and what is known about where things lie in it.

    Attributes:
        pixels: [height, width] or [height, width, channels]; of a volume one axis more in front, of slices.
            Integer or floating, in modality units.
        is_volume: Whether the first axis counts slices (or frames).
        spacing_mm: Distance of neighbours along each pixel axis, (rows, columns) or (slices, rows, columns).
        affine: Of a volume, float64 [4, 4] from (slice, row, column) to millimetres in RAS+.
        voi: Window or table from the header.
        is_inverted: Bright is stored as low (MONOCHROME1, DICOM PS3.3 C.7.6.3.1.2).
        mask: Label map: the axes of `pixels` without channels; 0 nothing, k the k-th class.
        boxes: In pixels of the source.
    """

    pixels: np.ndarray
    is_volume: bool = False
    spacing_mm: tuple[float, ...] | None = None
    affine: np.ndarray | None = None
    voi: Voi | None = None
    is_inverted: bool = False
    mask: np.ndarray | None = None
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """One image that a network eats, and what came along with it.

    Attributes:
        pixels: uint8, uint16 or float16 [size, size, channels], as `--depth` says.
        mask: uint8 [size, size]; None when the picture has none.
        boxes: On the canvas, clipped to it; those that miss it are gone.
        slice: Which slice of the oriented and resampled volume; None of a 2-D image.
        crop: Which box the image was cut around (`--crop boxes`), counted from 0 in `Picture.boxes`.
        applied: Steps that `--when auto` decided for.
        flags: What is odd about it in this recipe (`Scale.flags`).
        appearance: Its brightness, contrast, ... (`appearance.appearance`).
    """

    pixels: np.ndarray
    mask: np.ndarray | None = None
    boxes: list[Box] = field(default_factory=list)
    slice: int | None = None
    crop: int | None = None
    applied: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    appearance: dict[str, float] = field(default_factory=dict)
