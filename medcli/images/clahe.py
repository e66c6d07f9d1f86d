"""CLAHE of 16 bits: the curves of OpenCV's 8 bits, not rounded."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

from medcli.images.compiled import compiled
from medcli.images.intensity import to_8_bit

NUM_BINS = 256
_STEP = 257  # 16-bit levels from one bin to the next


def equalize_deep(pixels: np.ndarray, *, clip: float, tiles: int) -> np.ndarray:
    """Every pixel through the curves of the four tiles around it, weighted by how near they are.

    Args:
        pixels: uint16 [height, width].
        clip: Limit of contrast, in multiples of a flat histogram.
        tiles: Tiles along each side.

    Returns:
        uint16 [height, width]; 8-bit levels become what OpenCV makes of them, within one of them.
    """
    grid = _padded(to_8_bit(pixels), tiles)
    height, width = grid.shape[0] // tiles, grid.shape[1] // tiles
    cells = grid.reshape(tiles, height, tiles, width).swapaxes(1, 2).reshape(tiles * tiles, -1)
    curves = np.stack([_curve(cell, clip=clip) for cell in cells]).reshape(tiles, tiles, NUM_BINS)
    made = np.empty_like(pixels)
    _interpolate(pixels, curves, np.float32(1 / height), np.float32(1 / width), made)
    return made


def _padded(pixels: np.ndarray, tiles: int) -> np.ndarray:
    """Mirrored below and to the right, as OpenCV does, so that tiles are of one size."""
    height, width = pixels.shape
    if height % tiles == 0 and width % tiles == 0:
        return pixels
    down, across = tiles - height % tiles, tiles - width % tiles
    return cv2.copyMakeBorder(pixels, 0, down, 0, across, cv2.BORDER_REFLECT_101)


def _curve(cell: np.ndarray, *, clip: float) -> np.ndarray:
    """float32 [256]: brightness of each bin, 0 to 65535; what is above the limit is spread over all bins."""
    counts = np.bincount(cell, minlength=NUM_BINS)
    limit = max(int(clip * cell.size / NUM_BINS), 1)
    excess = int(np.maximum(counts - limit, 0).sum())
    counts = np.minimum(counts, limit) + excess // NUM_BINS
    rest = excess % NUM_BINS
    if rest:
        counts[:: max(NUM_BINS // rest, 1)][:rest] += 1
    return (np.cumsum(counts) * ((NUM_BINS - 1) * _STEP / cell.size)).astype(np.float32)


@njit(nogil=True, error_model="numpy")
def _neighbours(place, last):  # type: ignore
    """The tiles before and after a place between their centres, and the weight of the one after."""
    first = int(np.floor(place))
    return max(first, 0), min(first + 1, last), np.float32(place - first)


@compiled("void(uint16[:,::1], float32[:,:,::1], float32, float32, uint16[:,::1])")
def _interpolate(pixels, curves, per_row, per_column, made):  # type: ignore
    """Into `made`; `per_row` and `per_column` are tiles a pixel."""
    one, half = np.float32(1), np.float32(0.5)
    for y in range(pixels.shape[0]):
        above, below, down = _neighbours(np.float32(y) * per_row - half, curves.shape[0] - 1)
        for x in range(pixels.shape[1]):
            left, right, across = _neighbours(np.float32(x) * per_column - half, curves.shape[1] - 1)
            low = min(pixels[y, x] // _STEP, NUM_BINS - 2)
            share = np.float32(pixels[y, x] - low * _STEP) / np.float32(_STEP)
            found = np.float32(0)
            for level, weight in ((low, one - share), (low + 1, share)):
                upper = curves[above, left, level] * (one - across) + curves[above, right, level] * across
                lower = curves[below, left, level] * (one - across) + curves[below, right, level] * across
                found += weight * (upper * (one - down) + lower * down)
            made[y, x] = np.uint16(min(found, np.float32(65535)) + half)
