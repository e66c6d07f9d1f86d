"""Less noise, the same edges."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from medcli.checks import check_between
from medcli.errors import DataError
from medcli.images.noise import estimate_noise

_PATCH = 7
_SEARCH = 21
_LEAST = 0.01  # grey levels of 255: what an image without any noise is denoised by


def denoise(
    pixels: np.ndarray, *, strength: float | None = None, zeros: Sequence[float] | None = None
) -> np.ndarray:
    """Non-local means: each pixel is the average of those whose surroundings look like its own.

    Args:
        pixels: uint8 or uint16, [height, width] or [height, width, channels], up to 4 channels; channels are
            compared together, so colours do not bleed.
        strength: Filter parameter h, in grey levels of 8 bits whatever the depth; near the noise's standard
            deviation, and that when None (`estimate_noise`).

    Returns:
        The type and shape of `pixels`.

    Raises:
        DataError: If the type is another, or the strength is not in (0, 100].

    Reference: Buades, Coll and Morel, Non-Local Means Denoising, IPOL 2011. 16 bits are compared by absolute,
    8 bits by squared difference (OpenCV's NORM_L1 and NORM_L2), so equal strengths differ a little.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(f"pixels are {pixels.dtype}, denoising takes uint8 or uint16")
    is_deep = pixels.dtype == np.uint16
    if strength is None:
        strength = min(max(_LEAST, estimate_noise(pixels) / (257 if is_deep else 1)), 100)
    check_between(strength, name="the denoising strength", low=1e-3, high=100)
    smooth = cv2.fastNlMeansDenoising(
        np.ascontiguousarray(pixels),
        h=[strength * 257 if is_deep else strength],
        templateWindowSize=_PATCH,
        searchWindowSize=_SEARCH,
        normType=cv2.NORM_L1 if is_deep else cv2.NORM_L2,
    )
    return smooth.reshape(pixels.shape)
