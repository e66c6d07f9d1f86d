"""What an image is like, in a few small numbers, and what is odd about it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

MAX_SAMPLE = 1 << 18
"""Pixels of which statistics are taken; larger images are thinned evenly, so that none costs seconds."""

MAX_SLICES = 9
MAX_NOISE_SIDE = 512
"""Rows and columns in the middle of an image that its noise is estimated from."""

PERCENTILES = (0.5, 5, 25, 50, 75, 95, 99.5)

CLIPPED_SHARE = 0.05
"""Share of the middle of an image at its darkest or brightest value above which it counts as clipped.

The middle half of rows and columns is looked at: around it, piles of one value are background or padding.
"""

BLANK_SHARE, BLANK_RANGE = 0.005, 0.02
"""An image is blank when fewer pixels than this share leave this part of the range around the median."""

TINY_SIDE = 32

FEW_VALUES = 4
"""An image of so few values or less is no picture but a mask, or a shape; its statistics mean nothing."""


def describe(pixels: np.ndarray, *, is_volume: bool, bits: int) -> dict[str, Any]:
    """Plain values that say what an image is like.

    Args:
        pixels: As decoded: [height, width(, channels)], of a volume [slices, height, width(, channels)];
            finite. Of a volume up to nine slices are looked at for everything but its range.
        bits: Meaningful bits of the stored values.

    Returns:
        `size` ([height, width], of a volume with slices first), `channels` (1 where three are the same),
        `dtype`, `bits`; `low` and `high` (the range), `percentiles` (of `PERCENTILES`), `mean`, `std`;
        `dark_share` and `bright_share` (of pixels at either end of the range); `contrast` (standard deviation
        between the outer percentiles, 0 to 0.5) and `noise` (standard deviation of noise there, 0 to 1), None
        where these are equal or values few; `flags`, sorted: blank, clipped, constant, few-values, tiny.
    """
    axis = 1 if is_volume else 0
    size, channels = pixels.shape[: axis + 2], math.prod(pixels.shape[axis + 2 :])
    if channels == 3 and bool((pixels == pixels[..., :1]).all()):
        pixels, channels = pixels[..., 0], 1
    low, high = pixels.min().item(), pixels.max().item()
    planes = sample_slices(pixels) if is_volume else [pixels]
    values = np.concatenate([_thinned(plane, num=len(planes)).ravel() for plane in planes])
    values = values.astype(np.float64)
    percentiles = np.percentile(values, PERCENTILES)
    facts = {
        "size": [int(side) for side in size],
        "channels": int(channels),
        "dtype": str(pixels.dtype),
        "bits": int(bits),
        "low": low,
        "high": high,
        "percentiles": [_short(value) for value in percentiles],
        "mean": _short(values.mean()),
        "std": _short(values.std()),
        "dark_share": _short((values == low).mean()),
        "bright_share": _short((values == high).mean()),
        "contrast": None,
        "noise": None,
    }
    bottom, top = float(percentiles[0]), float(percentiles[-1])
    is_shape = low != high and has_few_values(values)
    if top > bottom and not is_shape:
        facts["contrast"] = _short(np.clip((values - bottom) / (top - bottom), 0, 1).std())
        facts["noise"] = _short(min(1.0, noise_deviation(planes[len(planes) // 2]) / (top - bottom)))
    full = float(high) - float(low)
    if pixels.dtype.kind == "u":
        full = max(full, float((1 << bits) - 1))
    flags = ["few-values"]
    if not is_shape:
        flags = _flags(planes, values, median=float(percentiles[3]), low=low, high=high, full=full)
    facts["flags"] = sorted([*flags, "tiny"] if min(size[-2:]) < TINY_SIDE else flags)
    return facts


def sample_slices(volume: np.ndarray, *, num: int = MAX_SLICES) -> list[np.ndarray]:
    """Up to `num` slices along the first axis, spread evenly, the ends left out where there are more."""
    count = len(volume)
    if count <= num:
        return list(volume)
    return [volume[int((k + 0.5) * count / num)] for k in range(num)]


def has_few_values(values: np.ndarray) -> bool:
    """Whether at most four different values occur."""
    part = values.ravel()
    return len(np.unique(part[: 1 << 12])) <= FEW_VALUES and len(np.unique(part)) <= FEW_VALUES


def noise_deviation(plane: np.ndarray) -> float:
    """Standard deviation of the noise of one image, in its units, from its finest diagonal details.

    Pixels that equal their neighbours in all directions (padding, background set to zero) say nothing of
    noise and are left out.

    Args:
        plane: [height, width] or [height, width, channels]; of channels the mean is taken.

    Reference: Donoho & Johnstone, Ideal spatial adaptation by wavelet shrinkage, Biometrika 1994, 4.2.
    """
    top, left = (max(0, (side - MAX_NOISE_SIDE) // 2) for side in plane.shape[:2])
    plane = plane[top : top + MAX_NOISE_SIDE, left : left + MAX_NOISE_SIDE]
    grey = plane.mean(axis=2) if plane.ndim == 3 else plane
    height, width = (side // 2 * 2 for side in grey.shape)
    if not height or not width:
        return 0.0
    even = grey[:height, :width].astype(np.float64)
    corners = (even[::2, ::2], even[1::2, 1::2], even[::2, 1::2], even[1::2, ::2])
    details = (corners[0] + corners[1] - corners[2] - corners[3]) / 2
    varies = np.logical_or.reduce([corner != corners[0] for corner in corners[1:]])
    return float(np.median(np.abs(details[varies])) / 0.6745) if varies.any() else 0.0


def _flags(
    planes: list[np.ndarray], values: np.ndarray, *, median: float, low: float, high: float, full: float
) -> list[str]:
    if low == high:
        return ["constant"]
    flags = []
    away = np.abs(values - median) > BLANK_RANGE * full
    if away.mean() < BLANK_SHARE:
        flags.append("blank")
    middles = [_middle(plane) for plane in planes]
    for end in (low, high):
        share = float(np.mean([_at_end(middle, end) for middle in middles]))
        if share > CLIPPED_SHARE and "blank" not in flags:
            flags.append("clipped")
            break
    return flags


def _at_end(middle: np.ndarray, end: float) -> float:
    """Share of pixels whose every channel has the value of an end."""
    is_end = middle == end
    return float((is_end.all(axis=2) if middle.ndim == 3 else is_end).mean())


def _middle(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape[:2]
    return plane[height // 4 : height - height // 4, width // 4 : width - width // 4]


def _thinned(plane: np.ndarray, *, num: int) -> np.ndarray:
    step = math.ceil(math.sqrt(plane.size * num / MAX_SAMPLE))
    return plane[::step, ::step]


def _short(value: float) -> float:
    """Six significant digits: more would only make the manifest longer."""
    return float(f"{float(value):.6g}")
