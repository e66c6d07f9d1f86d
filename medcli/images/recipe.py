"""From a decoded picture to what a network eats, in one fixed order.

Orientation and resampling, crops and slices, brightness (windows, percentiles or z-scores), MONOCHROME1
inverted, denoising, CLAHE, fit to size, depth, channels. Every picture goes alone, so a result depends on its
own pixels, the recipe and, with `--normalize train`, the statistics that go with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from medcli.config import PreprocessConfig
from medcli.images.decisions import decide
from medcli.images.frames import Finisher, Steps, check_channels
from medcli.images.geometry import Placement, move_boxes, place_on_square, resize_mask
from medcli.images.intensity import finite
from medcli.images.picture import Box, Picture, Prepared
from medcli.images.rules import check_recipe
from medcli.images.scaling import counted_values, find_scale
from medcli.images.slices import Region, boxes_in_slice, chosen_slices, regions, stack_of
from medcli.images.statistics import Sample, Statistics, sample
from medcli.images.volumes import Volume, as_volume, orient, resample

__all__ = ["Picture", "Prepared", "check_recipe", "measure", "prepare"]


def prepare(
    picture: Picture, recipe: PreprocessConfig, *, statistics: Statistics | None = None
) -> list[Prepared]:
    """The images that a picture gives: one of a 2-D image, one a chosen slice of a volume, one a box.

    An RGB image whose channels are equal is grey. Grey is repeated where three channels are asked for, colour
    becomes luma where one is. With `--neighbours` the channels are a slice between its neighbours; with
    several `--window` they are one slice in each of them.

    Args:
        picture: Decoded.
        recipe: Checked (`check_recipe`).
        statistics: Of the training part, for `--normalize train`.

    Raises:
        DataError: If pixels are not finite, or the picture lacks what the recipe asks for (see the code).
    """
    volume, finisher = _begin(picture, recipe, statistics)
    slices = recipe.slices if picture.is_volume else "central"
    made: list[Prepared] = []
    for region in regions(volume, recipe):
        finished: dict[tuple[int, Steps], np.ndarray] = {}
        for index in chosen_slices(volume, region, slices):
            number = index if picture.is_volume else None
            made.append(_prepare_slice(volume, finisher, region, index, number=number, finished=finished))
    return made


def measure(picture: Picture, recipe: PreprocessConfig, *, quantiles: int) -> Sample:
    """The intensities of a whole picture, turned and resampled, for `statistics.combine`.

    Raises:
        DataError: If pixels are not finite, or its channels are not what the recipe asks for.
    """
    pixels = finite(_placed(picture, recipe).pixels)
    found, is_colour = 1 if pixels.ndim == 3 else pixels.shape[3], _is_colour(pixels)
    check_channels(found, _num_channels(recipe), is_colour=is_colour)
    is_inverted = picture.is_inverted
    channels = counted_values(
        pixels, recipe, is_split=pixels.ndim == 4 and not is_colour, is_inverted=is_inverted
    )
    return sample(channels, quantiles=quantiles, is_inverted=is_inverted)


def _num_channels(recipe: PreprocessConfig) -> int:
    """Of one slice, without its neighbours."""
    return recipe.channels // (2 * recipe.neighbours + 1)


def _begin(
    picture: Picture, recipe: PreprocessConfig, statistics: Statistics | None
) -> tuple[Volume, Finisher]:
    volume = _placed(picture, recipe)
    pixels = volume.pixels
    is_colour = _is_colour(pixels)
    num_channels = _num_channels(recipe)
    scale = find_scale(
        pixels,
        recipe,
        has_channels=pixels.ndim == 4,
        is_colour=is_colour,
        is_inverted=picture.is_inverted,
        header_voi=picture.voi,
        statistics=statistics,
    )
    found = 1 if pixels.ndim == 3 else pixels.shape[3]
    if len(recipe.window) > 1:
        check_channels(found, 1, is_colour=False)  # several windows show one grey plane
        found = len(recipe.window)
    check_channels(found, num_channels, is_colour=is_colour)
    return volume, Finisher(recipe, scale, is_colour, picture.is_inverted, num_channels)


def _placed(picture: Picture, recipe: PreprocessConfig) -> Volume:
    volume = as_volume(picture)
    volume = replace(volume, pixels=_without_equal_channels(volume.pixels))
    if picture.is_volume:
        volume = orient(volume, recipe.plane)
    if recipe.spacing is not None:
        volume = resample(volume, recipe.spacing, is_volume=picture.is_volume)
    return volume


def _prepare_slice(
    volume: Volume,
    finisher: Finisher,
    region: Region,
    index: int,
    *,
    number: int | None,
    finished: dict[tuple[int, Steps], np.ndarray],
) -> Prepared:
    recipe = finisher.recipe
    rows, columns = slice(*region.rows), slice(*region.columns)
    placement = place_on_square(
        rows.stop - rows.start, columns.stop - columns.start, size=recipe.size, fit=recipe.fit
    )
    steps, applied = decide(lambda: finisher.grey(volume.pixels[index, rows, columns]), recipe)
    stack = stack_of(index, neighbours=recipe.neighbours, num_slices=len(volume.pixels))
    for i in stack:
        if (i, steps) not in finished:
            finished[i, steps] = finisher.finish(volume.pixels[i, rows, columns], placement, steps)
    pixels = np.concatenate([finished[i, steps] for i in stack], axis=2)
    mask = None if volume.mask is None else resize_mask(volume.mask[index, rows, columns], placement)
    boxes = list(_boxes(volume, region, index, placement))
    flags = finisher.scale.flags(volume.pixels[index, rows, columns], is_inverted=finisher.is_inverted)
    return Prepared(
        pixels,
        mask,
        boxes,
        slice=number,
        crop=region.crop,
        applied=applied,
        flags=flags,
        appearance=finisher.appearance(finished[index, steps]),
    )


def _boxes(volume: Volume, region: Region, index: int, placement: Placement) -> Iterator[Box]:
    """Boxes of a slice on the canvas, without those that the crop or the fit left nothing of."""
    for number, edges in boxes_in_slice(volume, index):
        shifted = edges - np.array([region.columns[0], region.rows[0]] * 2)
        left, top, right, bottom = (float(edge) for edge in move_boxes(shifted[None], placement)[0])
        if right > left and bottom > top:
            kept = {key: value for key, value in volume.boxes[number].items() if key not in {"box", "slices"}}
            yield {**kept, "box": [left, top, right, bottom]}


def _without_equal_channels(pixels: np.ndarray) -> np.ndarray:
    """[slices, height, width] when there is one channel, or three that are the same."""
    if pixels.ndim == 4 and pixels.shape[3] == 1:
        return pixels[..., 0]
    if pixels.ndim == 4 and pixels.shape[3] == 3 and bool((pixels == pixels[..., :1]).all()):
        return np.ascontiguousarray(pixels[..., 0])
    return pixels


def _is_colour(pixels: np.ndarray) -> bool:
    return pixels.ndim == 4 and pixels.shape[3] == 3 and pixels.dtype in (np.uint8, np.uint16)
