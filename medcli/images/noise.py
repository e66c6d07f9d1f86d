"""How noisy an image is, from the image alone."""

from __future__ import annotations

import cv2
import numpy as np

_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_MEDIAN_OF_NORMAL = 0.6744897501960817


def estimate_noise(pixels: np.ndarray) -> float:
    """Standard deviation of white noise, in the units of `pixels`; the largest of all channels.

    Immerkaer's difference of two Laplacians does not see constant, linear and purely vertical or horizontal
    structure. Its median is taken instead of its mean, so that edges count little; pixels at either end of
    the range, which were clipped or are background, are left out.

    Args:
        pixels: uint8 or uint16 [height, width] or [height, width, channels].

    Returns:
        0 where less than 1 % of the pixels say anything.

    Reference: Immerkaer, Fast Noise Variance Estimation, Computer Vision and Image Understanding 64(2), 1996.
    """
    channels = [pixels] if pixels.ndim == 2 else list(np.moveaxis(pixels, -1, 0))
    return max(_of_channel(np.ascontiguousarray(channel)) for channel in channels)


def _of_channel(pixels: np.ndarray) -> float:
    if min(pixels.shape) < 3:
        return 0.0
    response = np.abs(cv2.filter2D(pixels, cv2.CV_32F, _KERNEL)[1:-1, 1:-1])
    inside = pixels[1:-1, 1:-1]
    is_telling = (inside > 0) & (inside < np.iinfo(pixels.dtype).max)
    if np.count_nonzero(is_telling) < 0.01 * pixels.size:
        return 0.0
    # The weights have a norm of 6.
    return float(np.median(response[is_telling])) / (6 * _MEDIAN_OF_NORMAL)
