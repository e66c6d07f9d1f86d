"""Local contrast."""

from __future__ import annotations

import cv2
import numpy as np

from medcli.errors import DataError


def equalize_adaptive(pixels: np.ndarray, *, clip: float, tiles: int, is_colour: bool = False) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation (CLAHE).

    Takes 8 bits only. OpenCV also takes 16, but then counts in 65,536 bins and limits each to
    `clip * pixels of a tile / 65536`, which is below one pixel: an image of 256 grey levels comes back
    unchanged, one of 65,536 without any limit, so the outcome would hang on the depth of the source.

    Args:
        pixels: uint8 [height, width] or [height, width, channels]. Channels are taken one by one, unless
            `is_colour`: then RGB, and only its lightness (L of CIE Lab) changes.
        clip: Limit of contrast, in multiples of a flat histogram; above 0.
        tiles: Tiles along each side; at least 1.

    Returns:
        uint8, the shape of `pixels`.

    Reference: Zuiderveld, Contrast Limited Adaptive Histogram Equalization, Graphics Gems IV, 1994, VIII.5.
    """
    if pixels.dtype != np.uint8:
        raise DataError(f"pixels are {pixels.dtype}, CLAHE takes uint8")
    if not (clip > 0 and tiles >= 1):
        raise DataError(f"CLAHE with clip {clip:g} and {tiles} tiles: clip must be above 0, tiles at least 1")
    equalizer = cv2.createCLAHE(clipLimit=clip, tileGridSize=(tiles, tiles))
    if is_colour:
        lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
        lab[..., 0] = equalizer.apply(np.ascontiguousarray(lab[..., 0]))
        return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    if pixels.ndim == 2:
        return equalizer.apply(np.ascontiguousarray(pixels))
    channels = [equalizer.apply(np.ascontiguousarray(channel)) for channel in np.moveaxis(pixels, -1, 0)]
    return np.stack(channels, axis=-1)
