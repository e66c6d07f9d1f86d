"""Less noise, the same edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medcli.checks import check_between
from medcli.errors import DataError
from medcli.images.noise import estimate_noise

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
        zeros: For the Rician noise of MR magnitudes: the grey level at which the signal is 0, for all
            channels or for each. Squares are averaged then, and the noise's share of them, twice the squared
            strength, is taken away.

    Returns:
        The type and shape of `pixels`.

    Raises:
        DataError: If the type is another, or the strength is not in (0, 100].

    Reference: Buades, Coll and Morel, Non-Local Means Denoising, IPOL 2011; Wiest-Daessle et al., Rician
    Noise Removal by Non-Local Means Filtering, MICCAI 2008, section 2. 16 bits are compared by absolute,
    8 bits by squared difference (OpenCV's NORM_L1 and NORM_L2), so equal strengths differ a little.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(f"pixels are {pixels.dtype}, denoising takes uint8 or uint16")
    is_deep = pixels.dtype == np.uint16
    if strength is None:
        strength = min(max(_LEAST, estimate_noise(pixels) / (257 if is_deep else 1)), 100)
    check_between(strength, name="the denoising strength", low=1e-3, high=100)
    level = strength * 257 if is_deep else strength
    channels = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    planes = np.ascontiguousarray(channels, dtype=np.float32)
    smooth = _average(planes, level, is_deep=is_deep, zeros=zeros)
    whole = np.rint(smooth).clip(0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
    return whole[0] if pixels.ndim == 2 else np.ascontiguousarray(np.moveaxis(whole, 0, -1))


def _average(planes: np.ndarray, level: float, *, is_deep: bool, zeros: Sequence[float] | None) -> np.ndarray:
    from medcli.images.nlm import non_local_means  # numba, which takes time to import

    if zeros is None:
        return non_local_means(planes, planes, strength=level, is_absolute=is_deep)
    zero = np.array(zeros, np.float32).reshape(-1, 1, 1)
    squares = np.broadcast_to(np.square(planes - zero), planes.shape)
    means = non_local_means(planes, np.ascontiguousarray(squares), strength=level, is_absolute=is_deep)
    return np.sqrt(np.maximum(means - np.float32(2 * level * level), 0)) + zero
