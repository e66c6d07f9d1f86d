"""Non-local means, several times faster than OpenCV's and nearly the same.

Each pair of offsets is compared once, for both its pixels. Seven neighbouring offsets are taken together, row
by row: differences are summed down the columns of a patch as the rows go by, then across, become weights, and
then what seven partners give is added up before it is stored. Sums of differences are of whole numbers below
2**24 and so exact in float32. The exponential is a polynomial to the 8th power, so that every loop becomes
vector instructions; loops go a little beyond the image, to whole vectors. Rows are taken in strips and
columns in tiles that stay in the cache.

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
_TILE = 342  # columns at a time, at most
_STRIP = 48  # rows at a time
_LANES = 8  # float32 of a vector
_PITCH = _TILE + 5 * _LANES  # of what is kept for each offset of a group
_UNLIKE = np.float32(1e12)  # a sum of differences that weighs nothing

_SIGNATURE = "void(float32[:,:,::1], float32[:,:,::1], float32, boolean, float32[:,:,::1], float32[:,:,::1])"
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
def _weigh(columns, weights, scale, is_absolute, own, total, of_partners):  # type: ignore # noqa: PLR0917
    """Sums of seven columns into weights, and what their seven partners give to the pixels of a row.

    A weight is exp(-8 t): a polynomial near exp(-t) (1e-5) to the 8th power.
    """
    for x in range(own.size):
        given, weight = np.float32(0), np.float32(0)
        for k in range(_GROUP):
            i = x + k * _PITCH
            distance = (columns[i] + columns[i + 1]) + (columns[i + 2] + columns[i + 3])
            distance += (columns[i + 4] + columns[i + 5]) + columns[i + 6]
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
            weights[i] = p if t < np.float32(6.907755 / 8) else np.float32(0)
            weight += weights[i]
            given += weights[i] * of_partners[x + k]
        own[x] += given
        total[x] += weight


@njit(**_OPTIONS)
def _give_back(own, total, of_partners, weights):  # type: ignore
    """The same to another channel of the row, once there are weights."""
    for x in range(own.size):
        given, weight = np.float32(0), np.float32(0)
        for k in range(_GROUP):
            weight += weights[x + k * _PITCH]
            given += weights[x + k * _PITCH] * of_partners[x + k]
        own[x] += given
        total[x] += weight


@njit(**_OPTIONS)
def _give_on(own, total, of_pixels, weights):  # type: ignore
    """To the partners in a row what the seven pixels give whose partners they are."""
    for x in range(own.size):
        given, weight = np.float32(0), np.float32(0)
        for k in range(_GROUP):
            weight += weights[x + 6 + k * (_PITCH - 1)]
            given += weights[x + 6 + k * (_PITCH - 1)] * of_pixels[x + 6 - k]
        own[x] += given
        total[x] += weight


@_compiled
def _accumulate(planes, values, scale, is_absolute, sums, totals):  # type: ignore # noqa: PLR0917
    """Add weighted values of all neighbours (not of the pixel itself) to `sums`, their weights to `totals`.

    Args:
        planes: What patches are compared by, [channels, height + 26, length + 26], reflected at the border.
        values: What is averaged, of the same shape.
        scale: The weight is exp(-8 * distance * scale), of the squared distance where `is_absolute`.
        is_absolute: Sum absolute, not squared differences.
        sums: [channels, height + 20, length + 10], zero at the start, with a margin of 10 around; the
            length is that of the image, 10 more, and what makes whole vectors.
        totals: The same for the weights, which are those of every channel.
    """
    height, length = sums.shape[1] - 2 * SEARCH, sums.shape[2] - SEARCH
    columns = np.empty(_GROUP * _PITCH, np.float32)
    weights = np.zeros(_GROUP * _PITCH, np.float32)
    for strip in range(-SEARCH, height, _STRIP):
        for down in range(SEARCH + 1):
            first, last = max(strip, -down), min(strip + _STRIP, height)
            # Of the row itself, offsets 1 to 7, and 4 to 10 of which 4 to 7 are not counted again.
            for group in range(3 if down else 2):
                across = _GROUP * group - SEARCH if down else 1 + 3 * group
                left = min(0, -(across + 6))  # of pixels whose own place or a partner's is in the image
                start = left + SEARCH
                columns[:] = 0
                if down == 0 and group:
                    columns[: 4 * _PITCH] = _UNLIKE
                for row in range(first - 6, last):
                    y = row + 16
                    for channel in range(planes.shape[0]):
                        here = planes[channel, y, start : start + length + _LANES]
                        there = planes[channel, y + down, start + across :]
                        if row <= first:
                            _add(columns, here, there, is_absolute)
                        else:
                            old_here = planes[channel, y - 7, start : start + length + _LANES]
                            old_there = planes[channel, y - 7 + down, start + across :]
                            _renew(columns, here, there, old_here, old_there, is_absolute)
                    if row < first:
                        continue
                    for channel in range(planes.shape[0]):
                        own = sums[channel, row + SEARCH, start : start + length]
                        total = totals[channel, row + SEARCH, start : start + length]
                        of_partners = values[channel, row + down + BORDER, start + across + 3 :]
                        if channel == 0:
                            _weigh(columns, weights, scale, is_absolute, own, total, of_partners)
                        else:
                            _give_back(own, total, of_partners, weights)
                    for channel in range(planes.shape[0]):
                        own = sums[channel, row + down + SEARCH, SEARCH:]
                        total = totals[channel, row + down + SEARCH, SEARCH:]
                        of_pixels = values[channel, row + BORDER, BORDER - across - 6 :]
                        _give_on(own, total, of_pixels, weights[-across - 6 - left :])


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
    num_tiles = -(-width // _TILE)
    step = -(-width // num_tiles)
    length = -(-(step + SEARCH) // _LANES) * _LANES
    beyond = num_tiles * step - width + length - step
    padded_planes = _padded(planes, beyond)
    padded_values = padded_planes if values is planes else _padded(values, beyond)
    averages = np.empty(planes.shape, np.float32)
    for left in range(0, width, step):
        right = min(left + step, width)
        tile = np.s_[:, :, left : left + length + 2 * BORDER]
        compared = np.ascontiguousarray(padded_planes[tile])
        averaged = compared if values is planes else np.ascontiguousarray(padded_values[tile])
        sums, totals = np.zeros((2, num_channels, height + 2 * SEARCH, length + SEARCH), np.float32)
        _accumulate(compared, averaged, scale, is_absolute, sums, totals)
        # The pixel itself weighs 1.
        own = np.s_[:, :, left:right]
        inside = np.s_[:, SEARCH:-SEARCH, SEARCH : SEARCH + right - left]
        averages[own] = (sums[inside] + values[own]) / (totals[inside] + np.float32(1))
    return averages


def _padded(planes: np.ndarray, beyond: int) -> np.ndarray:
    """With a border, and `beyond` more columns on the right."""
    sides = BORDER, BORDER, BORDER, BORDER + beyond
    return np.stack([cv2.copyMakeBorder(plane, *sides, cv2.BORDER_REFLECT_101) for plane in planes])
