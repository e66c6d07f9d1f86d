"""Which parts of a picture become images: the whole, or around boxes or the mask; and which slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from medcli.config import Crop, PreprocessConfig
from medcli.errors import DataError
from medcli.images.volumes import Volume


@dataclass(frozen=True)
class Region:
    """Slices, rows and columns of a volume, each from the first to before the last.

    `crop` is the number of the box it was cut around.
    """

    slices: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]
    crop: int | None = None


def regions(volume: Volume, recipe: PreprocessConfig) -> list[Region]:
    """What `--crop` cuts out: a square around what is marked, as far as the picture reaches.

    Its side is the longer side of what is marked, and `--margin` of that on each end; it is moved, not cut,
    where it would leave the picture.

    Raises:
        DataError: If there is nothing marked to cut around.
    """
    num_slices, height, width = volume.shape
    if recipe.crop is Crop.boxes:
        if not len(volume.edges):
            raise DataError("it has no boxes to crop around", code="recipe/no-lesion")
        return [_around(volume, edges, margin=recipe.margin, crop=i) for i, edges in enumerate(volume.edges)]
    if recipe.crop is Crop.mask:
        if volume.mask is None or not bool(volume.mask.any()):
            raise DataError("it has no mask to crop around, or an empty one", code="recipe/no-lesion")
        found = np.argwhere(volume.mask)
        edges = np.array([found.min(axis=0), found.max(axis=0) + 1], dtype=np.float64)
        return [_around(volume, edges, margin=recipe.margin)]
    return [Region((0, num_slices), (0, height), (0, width))]


def chosen_slices(volume: Volume, region: Region, slices: str) -> list[int]:
    """Slices of the region: `central`, `all`, `lesion` (those that the mask or a box marks), or evenly N.

    Raises:
        DataError: If `lesion` finds none.
    """
    first, stop = region.slices
    count = stop - first
    if slices == "all":
        return list(range(first, stop))
    if slices == "lesion":
        marked = [i for i in range(first, stop) if _is_marked(volume, region, i)]
        if not marked:
            raise DataError("no slice has a finding in its mask or boxes", code="recipe/no-lesion")
        return marked
    wanted = 1 if slices == "central" else min(int(slices), count)
    return [first + int((i + 0.5) * count / wanted) for i in range(wanted)]


def stack_of(index: int, *, neighbours: int, num_slices: int) -> list[int]:
    """The slice between its neighbours on both sides; the first and the last repeat beyond the ends."""
    return [min(max(i, 0), num_slices - 1) for i in range(index - neighbours, index + neighbours + 1)]


def boxes_in_slice(volume: Volume, index: int) -> Iterator[tuple[int, np.ndarray]]:
    """Number and (left, top, right, bottom) of every box that reaches into a slice."""
    for number, ((low, top, left), (high, bottom, right)) in enumerate(volume.edges):
        # The middle of the slice, so that a box of whole slices stays on those slices; a thin box keeps one.
        is_within = low <= index + 0.5 < high or (high - low < 1 and int((low + high) / 2) == index)
        if is_within:
            yield number, np.array([left, top, right, bottom])


def _is_marked(volume: Volume, region: Region, index: int) -> bool:
    if region.crop is not None:
        return any(number == region.crop for number, _ in boxes_in_slice(volume, index))
    if volume.mask is not None and bool(volume.mask[index].any()):
        return True
    return any(True for _ in boxes_in_slice(volume, index))


def _around(volume: Volume, edges: np.ndarray, *, margin: float, crop: int | None = None) -> Region:
    num_slices, height, width = volume.shape
    low, high = edges
    first = min(max(int(np.floor(low[0] + 0.5)), 0), num_slices - 1)
    stop = min(max(int(np.floor(high[0] + 0.5)), first + 1), num_slices)
    side = max(high[1] - low[1], high[2] - low[2]) * (1 + 2 * margin)
    rows = _span((low[1] + high[1]) / 2, side, limit=height)
    columns = _span((low[2] + high[2]) / 2, side, limit=width)
    return Region((first, stop), rows, columns, crop)


def _span(middle: float, side: float, *, limit: int) -> tuple[int, int]:
    length = min(max(1, int(np.ceil(side))), limit)
    start = min(max(int(np.floor(middle - length / 2 + 0.5)), 0), limit - length)
    return start, start + length
