"""Loops over resampled patients, compiled; only `bootstrap` imports this, and only when it draws.

Scores are sorted once. A resample is how often each patient was drawn; walking the images in order of
score with those counts as weights gives in one pass what scoring the drawn images anew would give. Counts
are integers, so the areas are the same numbers, whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def compiled(function: Callable[..., Any]) -> Any:
    """Machine code without the GIL, kept beside this file or in the user's cache if it can be."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba found no folder to keep it in
        return njit(nogil=True)(function)


@compiled
def draw_counts(seed: int, first: int, counts: np.ndarray) -> None:
    """Fill `counts` [resamples, patients] with how often each patient is drawn, from zeros.

    Each resample has a stream of its own, SplitMix64 started at a mix of the seed and its number, so that
    blocks may be drawn in any order. A patient is the upper half of a product (Lemire 2019); of
    fewer than a million patients none is drawn more often than another by more than 1 in 4000.
    """
    num_resamples, num_patients = counts.shape
    size = np.uint64(num_patients)
    for resample in range(num_resamples):
        state = mixed(np.uint64(seed) + np.uint64(first + resample + 1) * _GOLDEN)
        for _ in range(num_patients):
            state += _GOLDEN
            drawn = ((mixed(state) >> np.uint64(32)) * size) >> np.uint64(32)
            counts[resample, drawn] += 1


@compiled
def areas(owners: np.ndarray, positive: np.ndarray, is_last: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC of each resample [resamples]; NaN where a class is missing.

    Args:
        owners: Patient of each image, lowest score first, int [images].
        positive: 1 or 0, in the same order, int [images].
        is_last: Whether the next score is another one, [images].
        weights: How often each patient is drawn, [resamples, patients].
    """
    result = np.empty(len(weights))
    for resample in range(len(weights)):
        row = weights[resample]
        positives, negatives, here, others, twice_wins = 0, 0, 0, 0, 0
        for image in range(len(owners)):
            weight = int(row[owners[image]])
            here += weight * positive[image]
            others += weight * (1 - positive[image])
            if is_last[image]:
                twice_wins += here * (2 * negatives + others)
                positives += here
                negatives += others
                here, others = 0, 0
        pairs = positives * negatives
        result[resample] = twice_wins / (2 * pairs) if pairs else np.nan
    return result


@compiled
def average_precisions(
    owners: np.ndarray, positive: np.ndarray, is_last: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Average precision of each resample [resamples]; arguments as of `areas`, but highest score first."""
    result = np.empty(len(weights))
    for resample in range(len(weights)):
        row = weights[resample]
        found, called, here, total = 0, 0, 0, 0.0
        for image in range(len(owners)):
            weight = int(row[owners[image]])
            here += weight * positive[image]
            called += weight
            if is_last[image] and here:
                found += here
                total += here * (found / called)
                here = 0
        result[resample] = total / found if found else np.nan
    return result


@compiled
def partial_areas(
    owners: np.ndarray,
    positive: np.ndarray,
    is_last: np.ndarray,
    weights: np.ndarray,
    edges: tuple[float, float],
) -> np.ndarray:
    """Area under the curve between two false positive rates, `edges`, highest score first."""
    result = np.empty(len(weights))
    for resample in range(len(weights)):
        row = weights[resample]
        positives, negatives = _totals(owners, positive, row)
        if positives == 0 or negatives == 0:
            result[resample] = np.nan
            continue
        true_calls, false_calls, last_true, last_false, area = 0, 0, 0, 0, 0.0
        for image in range(len(owners)):
            weight = int(row[owners[image]])
            true_calls += weight * positive[image]
            false_calls += weight * (1 - positive[image])
            if is_last[image]:
                if false_calls > last_false:
                    here = last_false / negatives, false_calls / negatives
                    rates = last_true / positives, true_calls / positives
                    area += _slice(here, rates, edges)
                    if here[1] >= edges[1]:
                        break
                last_true, last_false = true_calls, false_calls
        result[resample] = area
    return result


@njit(nogil=True)
def roc_heights(
    owners: np.ndarray, positive: np.ndarray, is_last: np.ndarray, weights: np.ndarray, grid: np.ndarray
) -> np.ndarray:
    """Sensitivity at each false positive rate of a rising `grid`, [resamples, grid], highest score first.

    Straight lines join the corners; where the curve rises upright its upper end counts. NaN where a class
    is missing.
    """
    result = np.empty((len(weights), len(grid)))
    for resample in range(len(weights)):
        row = weights[resample]
        positives, negatives = _totals(owners, positive, row)
        if positives == 0 or negatives == 0:
            result[resample] = np.nan
            continue
        true_calls, false_calls, point = 0, 0, 0
        last_rate, last_height = 0.0, 0.0
        for image in range(len(owners)):
            weight = int(row[owners[image]])
            true_calls += weight * positive[image]
            false_calls += weight * (1 - positive[image])
            if is_last[image]:
                rate, height = false_calls / negatives, true_calls / positives
                while point < len(grid) and grid[point] < rate:
                    slope = (height - last_height) / (rate - last_rate)
                    result[resample, point] = last_height + slope * (grid[point] - last_rate)
                    point += 1
                last_rate, last_height = rate, height
        result[resample, point:] = 1.0
    return result


@njit(nogil=True)
def mixed(value: np.uint64) -> np.uint64:
    """A number scrambled to 64 even bits, the end of a step of SplitMix64 (Steele et al., OOPSLA 2014)."""
    value = (value ^ (value >> np.uint64(30))) * _MIX_1
    value = (value ^ (value >> np.uint64(27))) * _MIX_2
    return value ^ (value >> np.uint64(31))


@njit(nogil=True)
def _totals(owners: np.ndarray, positive: np.ndarray, row: np.ndarray) -> tuple[int, int]:
    positives, total = 0, 0
    for image in range(len(owners)):
        weight = int(row[owners[image]])
        positives += weight * positive[image]
        total += weight
    return positives, total - positives


@njit(nogil=True)
def _slice(reach: tuple[float, float], rates: tuple[float, float], edges: tuple[float, float]) -> float:
    """Area below a segment, from `rates[0]` at `reach[0]` to `rates[1]` at `reach[1]`, between `edges`."""
    start, stop = max(reach[0], edges[0]), min(reach[1], edges[1])
    if stop <= start:
        return 0.0
    slope = (rates[1] - rates[0]) / (reach[1] - reach[0])
    return (stop - start) * (rates[0] + slope * ((start + stop) / 2 - reach[0]))
