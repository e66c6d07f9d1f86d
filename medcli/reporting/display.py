"""Images of any depth as a screen shows them."""

from __future__ import annotations

import numpy as np


def as_8_bit(pixels: np.ndarray) -> np.ndarray:
    """uint8, the shape of `pixels`.

    uint16 and floats from 0 to 1 keep their black and white; other floats (z-scores) are stretched between
    their own extremes.
    """
    if pixels.dtype == np.uint8:
        return pixels
    values = pixels.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if pixels.dtype == np.uint16:
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return np.round((values - low) / (high - low or 1) * 255).astype(np.uint8)
