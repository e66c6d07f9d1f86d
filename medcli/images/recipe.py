"""From decoded pixels to what a network eats, in one fixed order.

Brightness (window or percentiles, 16 bits), MONOCHROME1 inverted, denoising, CLAHE, resizing, 8 bits,
channels. Every image goes alone, so a result depends on its own pixels and the recipe only.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from medcli.config import Normalize, PreprocessConfig
from medcli.errors import DataError, UsageError
from medcli.images.contrast import equalize_adaptive
from medcli.images.denoise import denoise
from medcli.images.geometry import place_on_square, resize_image, resize_mask
from medcli.images.intensity import (
    apply_window,
    invert,
    scale_full_range,
    stretch_percentiles,
    to_8_bit,
    to_16_bit,
)

MAX_SIZE = 4096


def check_recipe(recipe: PreprocessConfig) -> None:
    """Refuse a recipe that no image can be made by, before any image is read.

    Raises:
        UsageError: Naming the option and the values it may have.
    """
    _require(8 <= recipe.size <= MAX_SIZE, f"--size is {recipe.size}, it must be between 8 and {MAX_SIZE}")
    _require(1 <= recipe.channels <= 4, f"--channels is {recipe.channels}, it must be between 1 and 4")
    low, high = recipe.percentiles
    _require(0 <= low < high <= 100, f"--percentiles is {low:g},{high:g}, they must rise within 0 to 100")
    _require(0 < recipe.denoise_strength <= 100, "--denoise-strength must be above 0 and at most 100")
    _require(0 < recipe.clahe_clip <= 1000, "--clahe-clip must be above 0 and at most 1000")
    _require(1 <= recipe.clahe_tiles <= 64, "--clahe-tiles must be between 1 and 64")
    if recipe.window is not None:
        center, width = recipe.window
        is_window = math.isfinite(center) and math.isfinite(width) and width >= 1
        _require(is_window, f"--window is {center:g},{width:g}, the width must be at least 1")
        is_used = recipe.normalize in {Normalize.auto, Normalize.window}
        _require(is_used, f"--window contradicts --normalize {recipe.normalize}")


def apply_recipe(
    pixels: np.ndarray,
    recipe: PreprocessConfig,
    *,
    window: tuple[float, float] | None = None,
    is_inverted: bool = False,
) -> np.ndarray:
    """One image, ready for a network.

    An RGB image whose channels are equal is grey. With `--normalize auto`, `--window` is used when given;
    else colour keeps its values, since stretching would make skin and stains differ from image to image, and
    everything else is stretched between percentiles. `--normalize percentile` stretches the three channels
    of a colour image together, which keeps white white; the sequences of an MR study (2 to 4 channels that
    are no colour) are stretched one by one, because their units differ.

    Args:
        pixels: [height, width] or [height, width, channels], integer or floating.
        window: Centre and width from the image's header, used by `--normalize window` without `--window`.
        is_inverted: Bright is stored as low (MONOCHROME1, DICOM PS3.3 C.7.6.3.1.2). Inverting comes after
            the window, which is given in the units of `pixels`.

    Returns:
        uint8 [size, size, channels].

    Raises:
        DataError: If pixels are not finite, the window is missing, or the channels do not fit the recipe.
    """
    pixels = _without_equal_channels(pixels)
    is_colour = _is_colour(pixels)
    _check_channels(pixels, recipe.channels, is_colour=is_colour)
    deep = to_16_bit(_brightness(pixels, recipe, header_window=window, is_colour=is_colour))
    if is_inverted:
        deep = invert(deep)
    if recipe.denoise:
        deep = denoise(deep, strength=recipe.denoise_strength)
    if recipe.clahe:
        deep = equalize_adaptive(
            to_8_bit(deep), clip=recipe.clahe_clip, tiles=recipe.clahe_tiles, is_colour=is_colour
        )
    placement = place_on_square(*pixels.shape[:2], size=recipe.size, fit=recipe.fit)
    small = resize_image(deep, placement)
    return _with_channels(small if small.dtype == np.uint8 else to_8_bit(small), recipe.channels)


def apply_recipe_to_mask(mask: np.ndarray, recipe: PreprocessConfig, *, shape: tuple[int, ...]) -> np.ndarray:
    """The label map of an image of `shape`, moved as `apply_recipe` moves the image.

    Args:
        mask: [height, width], whole numbers from 0 to 255: 0 nothing, k the k-th class.

    Returns:
        uint8 [size, size].

    Raises:
        DataError: If it is of another size than the image or holds anything else.
    """
    labels = _without_equal_channels(mask)
    if labels.shape != tuple(shape[:2]):
        raise _bad_mask(f"the mask is {_size(labels)}, the image {shape[0]}x{shape[1]}")
    if not bool(((labels >= 0) & (labels <= 255) & (labels == np.round(labels))).all()):
        raise _bad_mask("the mask holds values that are no whole numbers from 0 to 255")
    placement = place_on_square(*shape[:2], size=recipe.size, fit=recipe.fit)
    return resize_mask(labels.astype(np.uint8), placement)


def _brightness(
    pixels: np.ndarray,
    recipe: PreprocessConfig,
    *,
    header_window: tuple[float, float] | None,
    is_colour: bool,
) -> np.ndarray:
    method = recipe.normalize
    if method is Normalize.auto:
        fallback = Normalize.none if is_colour else Normalize.percentile
        method = Normalize.window if recipe.window else fallback
    if method is Normalize.none:
        return scale_full_range(pixels)
    if method is Normalize.window:
        window = recipe.window or header_window
        if window is None:
            raise DataError(
                "its header has no window",
                hint="give --window CENTER,WIDTH, or --normalize percentile",
                code="recipe/no-window",
            )
        return apply_window(pixels, center=window[0], width=window[1])
    low, high = recipe.percentiles
    if pixels.ndim == 2 or is_colour:
        return stretch_percentiles(pixels, low=low, high=high)
    channels = [stretch_percentiles(channel, low=low, high=high) for channel in np.moveaxis(pixels, -1, 0)]
    return np.stack(channels, axis=-1)


def _without_equal_channels(pixels: np.ndarray) -> np.ndarray:
    """[height, width] when there is one channel, or three that are the same."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 1:
        return pixels[..., 0]
    if pixels.shape[2] == 3 and bool((pixels == pixels[..., :1]).all()):
        return np.ascontiguousarray(pixels[..., 0])
    return pixels


def _is_colour(pixels: np.ndarray) -> bool:
    return pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype in (np.uint8, np.uint16)


def _check_channels(pixels: np.ndarray, wanted: int, *, is_colour: bool) -> None:
    found = 1 if pixels.ndim == 2 else pixels.shape[2]
    if found == wanted or (found == 1 and wanted == 3) or (is_colour and wanted == 1):
        return
    hint = f"use --channels {found}"
    if found == 1:
        hint = "use --channels 1 or 3"
    raise DataError(f"it has {found} channels, {wanted} are asked for", hint=hint, code="recipe/channels")


def _with_channels(pixels: np.ndarray, wanted: int) -> np.ndarray:
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], wanted, axis=2)
    if pixels.shape[2] == wanted:
        return pixels
    # Luma of ITU-R BT.601-7, section 2.5.1, in fixed point.
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]


def _bad_mask(message: str) -> DataError:
    return DataError(message, code="recipe/bad-mask")


def _size(mask: np.ndarray) -> str:
    return "x".join(str(side) for side in mask.shape)


def _require(is_met: bool, message: str) -> None:
    if not is_met:
        raise UsageError(message)
