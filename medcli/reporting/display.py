"""Images of any depth as a screen shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Range = tuple[float, float]


def display_range(images: Sequence[np.ndarray]) -> Range:
    """What is black and what is white to all of some images of one type.

    Those of uint8, uint16 and of floats from 0 to 1 are known; of other floats (z-scores) the 0.5 and 99.5
    percentiles over all images are taken.
    """
    kind = images[0].dtype
    if kind.kind == "u":
        return 0.0, float(np.iinfo(kind).max)
    if all(image.min() >= 0 and image.max() <= 1 for image in images):
        return 0.0, 1.0
    values = np.concatenate([image.ravel() for image in images]).astype(np.float64)
    low, high = np.percentile(values, (0.5, 99.5))
    return float(low), float(high)


def as_8_bit(pixels: np.ndarray, shown: Range | None = None) -> np.ndarray:
    """uint8, the shape of `pixels`; `shown` is black and white, those of the image itself by default."""
    if pixels.dtype == np.uint8:
        return pixels
    low, high = shown or display_range([pixels])
    share = (pixels.astype(np.float64) - low) / (high - low or 1)
    return np.round(share.clip(0, 1) * 255).astype(np.uint8)
