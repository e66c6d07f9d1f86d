"""Non-local means, several times faster than OpenCV's and nearly the same.

Each pair of offsets is compared once, for both its pixels. Seven neighbouring offsets are taken together, row
by row: differences are summed down the columns of a patch as the rows go by, then across, become weights, and
then what seven partners give is added up before it is stored. Sums of differences are of whole numbers below
2**24 and so exact in float32. The exponential is a polynomial to the 8th power, so that every loop becomes
vector instructions. Rows are taken in strips and columns in tiles that stay in the cache.

What a pixel gets is always added up in one order: threads do not show, and the same processor gives the same
bytes. Another kind of processor may fuse multiplications and additions otherwise, which can move a value at a
rounding edge by one grey level.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numba import njit

SEARCH = 10  # half the search window of 21 x 21
BORDER = SEARCH + 3  # and half the patch of 7 x 7
_GROUP = 7  # neighbouring offsets at a time: three groups are a row of the search window
_TILE = 352  # columns at a time
_STRIP = 48  # rows at a time
_PITCH = _TILE + 48  # of what is kept for each offset of a group

_SIGNATURE = "void(float32[:,:,::1], float32[:,:,::1], float32, boolean, float32[:,:,::1], float32[:,::1])"
_OPTIONS: Any = {"nogil": True, "fastmath": True, "error_model": "numpy"}


def _compiled(function):  # type: ignore[no-untyped-def]
    """Machine code, kept beside this file or in the user's cache where either can be written."""
    try:
        return njit(_SIGNATURE, cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no folder to keep it in
        return njit(_SIGNATURE, **_OPTIONS)(function)


@njit(**_OPTIONS)
def _add(columns, here, there, is_absolute):  # type: ignore
    """Differences of one row to its seven shifted partners, added to the sums of columns."""
    for x in range(here.size):
        for k in range(_GROUP):
            difference = here[x] - there[x + k]
            columns[x + k * _PITCH] += abs(difference) if is_absolute else difference * difference


@njit(**_OPTIONS)
def _renew(columns, here, there, old_here, old_there, is_absolute):  # type: ignore # noqa: PLR0917
    """One row further: differences of the new row instead of those of the old one."""
    if is_absolute:
        for x in range(here.size):
            for k in range(_GROUP):
                columns[x + k * _PITCH] += abs(here[x] - there[x + k]) - abs(old_here[x] - old_there[x + k])
        return
    for x in range(here.size):
        for k in range(_GROUP):
            new, old = here[x] - there[x + k], old_here[x] - old_there[x + k]
            columns[x + k * _PITCH] += new * new - old * old


@njit(**_OPTIONS)
def _weigh(column, weight, scale, is_absolute):  # type: ignore
    """Sums of seven columns into weights, exp(-8 x): a polynomial near exp(-x) (1e-5) to the 8th power."""
    for x in range(weight.size):
        distance = (column[x] + column[x + 1]) + (column[x + 2] + column[x + 3])
        distance += (column[x + 4] + column[x + 5]) + column[x + 6]
        if is_absolute:
            distance *= distance
        t = distance * scale
        p = np.float32(0.02717709)
        p = p * t + np.float32(-0.15650317)
        p = p * t + np.float32(0.49702665)
        p = p * t + np.float32(-0.99971764)
        p = p * t + np.float32(1)
        p *= p
        p *= p
        p *= p
        # OpenCV takes a weight below 0.001 for 0.
        weight[x] = p if t < np.float32(6.907755 / 8) else np.float32(0)


@njit(**_OPTIONS)
def _give_back(sums, totals, row, values, y, start, weights):  # type: ignore # noqa: PLR0917
    """To the pixels of `row` weights and weighted values of their seven partners, in row `y` from `start`."""
    total = totals[row]
    for x in range(total.size):
        given = np.float32(0)
        for k in range(_GROUP):
            given += weights[x + k * _PITCH]
        total[x] += given
    for channel in range(sums.shape[0]):
        own, of_partners = sums[channel, row], values[channel, y, start:]
        for x in range(total.size):
            given = np.float32(0)
            for k in range(_GROUP):
                given += weights[x + k * _PITCH] * of_partners[x + k]
            own[x] += given


@njit(**_OPTIONS)
def _give_on(sums, totals, row, values, y, start, weights):  # type: ignore # noqa: PLR0917
    """To the partners in `row` weights and weighted values of the seven pixels whose partners they are."""
    total = totals[row]
    for x in range(total.size):
        given = np.float32(0)
        for k in range(_GROUP):
            given += weights[x + 6 + k * (_PITCH - 1)]
        total[x] += given
    for channel in range(sums.shape[0]):
        own, of_pixels = sums[channel, row], values[channel, y, start:]
        for x in range(total.size):
            given = np.float32(0)
            for k in range(_GROUP):
                given += weights[x + 6 + k * (_PITCH - 1)] * of_pixels[x + 6 - k]
            own[x] += given


@_compiled
def _accumulate(planes, values, scale, is_absolute, sums, totals):  # type: ignore # noqa: PLR0917
    """Add weighted values of all neighbours (not of the pixel itself) to `sums`, their weights to `totals`.

    Args:
        planes: What patches are compared by, [channels, height + 26, width + 26], reflected at the border.
        values: What is averaged, of the same shape.
        scale: The weight is exp(-8 * distance * scale), of the squared distance where `is_absolute`.
        is_absolute: Sum absolute, not squared differences.
        sums: [channels, height, width], zero at the start.
        totals: The same for the weights, [height, width].
    """
    height, width = sums.shape[1:]
    columns = np.empty(_GROUP * _PITCH, np.float32)
    weights = np.zeros(_GROUP * _PITCH, np.float32)
    for strip in range(-SEARCH, height, _STRIP):
        for down in range(SEARCH + 1):
            first, last = max(strip, -down), min(strip + _STRIP, height)
            # Of the row itself, offsets 1 to 7, and 4 to 10 of which 4 to 7 are not counted again.
            for group in range(3 if down else 2):
                across = _GROUP * group - SEARCH if down else 1 + 3 * group
                left = min(
                    0, -(across + 6)
                )  # of the pixels whose own place or whose partner's is in the image
                length = max(width, width - across) - left
                start = left + SEARCH
                columns[:] = 0
                for row in range(first - 6, last):
                    y = row + 16
                    for channel in range(planes.shape[0]):
                        here = planes[channel, y, start : start + length + 6]
                        there = planes[channel, y + down, start + across : start + across + length + 12]
                        if row <= first:
                            _add(columns, here, there, is_absolute)
                        else:
                            old_here = planes[channel, y - 7, start : start + length + 6]
                            old_there = planes[channel, y - 7 + down, start + across :]
                            _renew(columns, here, there, old_here, old_there, is_absolute)
                    if row < first:
                        continue
                    for k in range(4 if down == 0 and group else 0, _GROUP):
                        of_k = slice(k * _PITCH, k * _PITCH + length + 6)
                        _weigh(columns[of_k], weights[k * _PITCH : k * _PITCH + length], scale, is_absolute)
                    if down == 0 and group:
                        weights[: 4 * _PITCH] = 0
                    y, x = row + BORDER, across + BORDER
                    if row >= 0:
                        _give_back(sums, totals, row, values, y + down, x, weights[-left:])
                    if 0 <= row + down < height:
                        x = BORDER - across - 6  # of the last of the seven
                        _give_on(sums, totals, row + down, values, y, x, weights[x - BORDER - left :])


def non_local_means(
    planes: np.ndarray, values: np.ndarray, *, strength: float, is_absolute: bool
) -> np.ndarray:
    """Weighted averages of `values`, weighted by how alike the patches of `planes` are.

    Args:
        planes: float32 [channels, height, width], up to 4 channels, compared together; whole numbers from 0
            to 255, or to 65535 with `is_absolute`.
        values: float32, of the same shape; often the same array.
        strength: Filter parameter h, in the units of `planes`.
        is_absolute: Compare by absolute, not squared differences.

    Returns:
        float32, the same shape, not rounded.
    """
    num_channels, height, width = planes.shape
    scale = np.float32(1 / (8 * strength * strength * num_channels * (49 * 49 if is_absolute else 49)))
    padded_planes, padded_values = _padded(planes), _padded(values)
    averages = np.empty(planes.shape, np.float32)
    for left in range(0, width, _TILE):
        right = min(left + _TILE, width)
        tile = np.s_[:, :, left : right + 2 * BORDER]
        sums = np.zeros((num_channels, height, right - left), np.float32)
        totals = np.zeros((height, right - left), np.float32)
        _accumulate(
            np.ascontiguousarray(padded_planes[tile]),
            np.ascontiguousarray(padded_values[tile]),
            scale,
            is_absolute,
            sums,
            totals,
        )
        # The pixel itself weighs 1.
        averages[:, :, left:right] = (sums + values[:, :, left:right]) / (totals + np.float32(1))
    return averages


def _padded(planes: np.ndarray) -> np.ndarray:
    kind = cv2.BORDER_REFLECT_101
    return np.stack([cv2.copyMakeBorder(plane, BORDER, BORDER, BORDER, BORDER, kind) for plane in planes])
