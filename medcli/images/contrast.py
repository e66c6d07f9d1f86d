"""Local contrast."""

from __future__ import annotations

import cv2
import numpy as np

from medcli.errors import DataError
from medcli.images.intensity import MAX_16_BIT, to_16_bit

_LAB_WHITE = np.float32(100)


def equalize_adaptive(pixels: np.ndarray, *, clip: float, tiles: int, is_colour: bool = False) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation (CLAHE).

    8 bits are OpenCV's. 16 bits have the same curves, counted in 256 bins but not rounded, and straight
    between them: the same contrast for either depth, without steps. OpenCV's own 16 bits count in 65,536 bins
    and limit each to `clip * pixels of a tile / 65536`, which is below one pixel: an image of 256 grey levels
    comes back nearly unchanged, one of 65,536 with hardly a limit; the outcome hangs on the source's depth.

    Args:
        pixels: uint8 or uint16 [height, width] or [height, width, channels]. Channels are taken one by one,
            unless `is_colour`: then RGB, and only its lightness (L of CIE Lab) changes.
        clip: Limit of contrast, in multiples of a flat histogram; above 0.
        tiles: Tiles along each side; at least 1.

    Returns:
        The type and shape of `pixels`.

    Reference: Zuiderveld, Contrast Limited Adaptive Histogram Equalization, Graphics Gems IV, 1994, VIII.5.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(f"pixels are {pixels.dtype}, CLAHE takes uint8 or uint16")
    if not (clip > 0 and tiles >= 1):
        raise DataError(f"CLAHE with clip {clip:g} and {tiles} tiles: clip must be above 0, tiles at least 1")
    if is_colour:
        return _with_equal_lightness(pixels, clip=clip, tiles=tiles)
    if pixels.ndim == 2:
        return _equalized(pixels, clip=clip, tiles=tiles)
    return np.stack(
        [_equalized(channel, clip=clip, tiles=tiles) for channel in np.moveaxis(pixels, -1, 0)], axis=-1
    )


def _equalized(pixels: np.ndarray, *, clip: float, tiles: int) -> np.ndarray:
    plane = np.ascontiguousarray(pixels)
    if plane.dtype == np.uint8:
        return cv2.createCLAHE(clipLimit=clip, tileGridSize=(tiles, tiles)).apply(plane)
    from medcli.images.clahe import equalize_deep  # numba, which takes time to import

    return equalize_deep(plane, clip=clip, tiles=tiles)


def _with_equal_lightness(pixels: np.ndarray, *, clip: float, tiles: int) -> np.ndarray:
    if pixels.dtype == np.uint8:
        lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
        lab[..., 0] = _equalized(lab[..., 0], clip=clip, tiles=tiles)
        return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    lab = cv2.cvtColor(pixels.astype(np.float32) / np.float32(MAX_16_BIT), cv2.COLOR_RGB2LAB)
    lightness = to_16_bit((lab[..., 0] / _LAB_WHITE).clip(0, 1))
    lab[..., 0] = _equalized(lightness, clip=clip, tiles=tiles) * (_LAB_WHITE / np.float32(MAX_16_BIT))
    return to_16_bit(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).clip(0, 1))
