"""Loops over permuted groups, compiled; only `heterogeneity` imports this, and only when it permutes.

Scores are sorted once. A permutation deals the groups of patients anew within strata; one walk over the
images in the order of their scores then gives the AUC, sensitivity and specificity of every group.
"""

from __future__ import annotations

import numpy as np

from medcli.metrics.resampling_kernels import compiled, mixed

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@compiled
def worst_gaps(
    images: np.ndarray,
    deal: tuple[np.ndarray, np.ndarray, np.ndarray],
    num_groups: int,
    seed: int,
    permutations: int,
) -> np.ndarray:
    """Largest less smallest AUC, sensitivity and specificity, and the larger of the last two.

    Args:
        images: Lowest score first, int32 [images, 4]: patient, place within the patient's slots, kind (0 a
            negative, 2 a positive, one more when called), and whether the next score is another one.
        deal: First slot of each patient, int32 [patients], patients of a stratum following each other; group
            of each slot, int32 [slots]; where each stratum starts, and how many patients, int64 [strata + 1].
        num_groups: How many groups.
        seed: Of the permutations, each of which has a stream of its own.
        permutations: How many.

    Returns:
        float [1 + permutations, 4]; the first row is of the groups as they are. NaN with fewer than two.
    """
    slots, flat, strata = deal
    result = np.empty((1 + permutations, 4))
    counts = np.empty((num_groups, 7), dtype=np.int64)
    for permutation in range(1 + permutations):
        dealt = slots.copy()
        if permutation:
            state = mixed(np.uint64(seed) + np.uint64(permutation) * _GOLDEN)
            _shuffle(dealt, strata, state)
        counts[:] = 0
        _count(images, dealt, flat, counts)
        result[permutation] = _gaps(_rates(counts))
    return result


@compiled
def _shuffle(slots: np.ndarray, strata: np.ndarray, state: np.uint64) -> None:
    """Fisher and Yates within each stratum, in place."""
    for stratum in range(len(strata) - 1):
        first = strata[stratum]
        for span in range(strata[stratum + 1] - first, 1, -1):
            state += _GOLDEN
            chosen = first + np.int64(((mixed(state) >> np.uint64(32)) * np.uint64(span)) >> np.uint64(32))
            last = first + span - 1
            slots[last], slots[chosen] = slots[chosen], slots[last]


@compiled
def _count(images: np.ndarray, slots: np.ndarray, flat: np.ndarray, counts: np.ndarray) -> None:
    """Add to `counts` [groups, 7] what the rates are made of.

    Columns: negatives below and those called, positives below and those called, twice the wins of positives;
    positives and negatives that tie here.
    """
    is_alone = True
    for image in range(len(images)):
        row = counts[flat[slots[images[image, 0]] + images[image, 1]]]
        kind, is_last = images[image, 2], images[image, 3]
        if is_last and is_alone:
            if kind >= 2:
                row[4] += 2 * (row[0] + row[1])
            row[kind] += 1
            continue
        row[kind] += 1
        row[5 if kind >= 2 else 6] += 1
        is_alone = bool(is_last)
        if is_last:
            for group in range(len(counts)):
                tied = counts[group]
                tied[4] += tied[5] * (2 * (tied[0] + tied[1]) - tied[6])
                tied[5] = tied[6] = 0


@compiled
def _rates(counts: np.ndarray) -> np.ndarray:
    """AUC, sensitivity and specificity of each group, float [groups, 3], NaN where undefined."""
    rates = np.full((len(counts), 3), np.nan)
    for group in range(len(counts)):
        quiet, alarms, missed, hits, twice_wins = counts[group, :5]
        negatives, positives = quiet + alarms, missed + hits
        if positives and negatives:
            rates[group, 0] = twice_wins / (2 * positives * negatives)
        if positives:
            rates[group, 1] = hits / positives
        if negatives:
            rates[group, 2] = quiet / negatives
    return rates


@compiled
def _gaps(rates: np.ndarray) -> np.ndarray:
    gaps = np.empty(4)
    for measure in range(3):
        lowest, highest, known = 2.0, -1.0, 0
        for group in range(len(rates)):
            value = rates[group, measure]
            if not np.isnan(value):
                lowest, highest, known = min(lowest, value), max(highest, value), known + 1
        gaps[measure] = highest - lowest if known > 1 else np.nan
    gaps[3] = np.nan if np.isnan(gaps[1] + gaps[2]) else max(gaps[1], gaps[2])
    return gaps
