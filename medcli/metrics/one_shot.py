"""Mean areas of readers with the variance of Gallas, which needs no model of how readers and cases vary.

Reference: Gallas, Academic Radiology 2006; 13:353; Gallas, Bandos, Samuelson & Wagner, Communications in
Statistics 2009; 38:2586; degrees of freedom as in the program iMRMC, bounded below as of Gaylor & Hopper,
Technometrics 1969; 11:691.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from medcli.metrics.intervals import FEW
from medcli.metrics.reader_covariances import pair_wins
from medcli.quantity import Quantity, hypothesis_test, quantity, with_test

_READERS_AND_CASES = (0, 1, 2)


def one_shot(
    targets: np.ndarray,
    ratings: np.ndarray,
    others: np.ndarray | None = None,
    *,
    level: float,
) -> Quantity:
    """Mean area of the readers of one arm, tested against one half, or its difference from another arm's.

    Args:
        targets: 1 or 0, [cases]; a case is a patient.
        ratings: float [readers, cases], of two readers or more, no gaps.
        others: Of the same readers in the other arm.
        level: Of the interval.

    Returns:
        A quantity with `df` and `biased_variance`, the one that is never negative.
    """
    wins, chance, floor = pair_wins(targets, ratings), 0.5, 0.0
    if others is not None:
        wins, chance, floor = wins - pair_wins(targets, others), 0.0, -1.0
    estimate, (variance, biased) = float(wins.mean()), one_shot_variances(wins)
    method, size = "Gallas' one-shot variance, Student's t", ratings.shape[1]
    fewest = min(wins.shape[1:])
    flags = [f"fewer than {FEW} positive or negative patients: the interval is too narrow"]
    facts: dict[str, Any] = {"method": method, "n": size, "n_clusters": size}
    facts["flags"] = flags if fewest < FEW else []
    if variance <= 1e-16:
        reason = "readers and cases do not vary, or too little for an estimate above 0"
        value = quantity(estimate, **facts, reason=reason)
        value = with_test(value, hypothesis_test("t", statistic=None, p=None, reason=reason))
        return {**value, "df": None, "biased_variance": biased}
    se, df = math.sqrt(variance), _freedom(wins, variance)
    half, statistic = float(stdtrit(df, 0.5 + level / 2)) * se, (estimate - chance) / se
    interval = max(floor, estimate - half), min(1.0, estimate + half)
    value = quantity(estimate, ci=interval, level=level, se=se, **facts)
    p = 2 * float(stdtr(df, -abs(statistic)))
    value = with_test(value, hypothesis_test("one-shot, t", statistic=statistic, df=df, p=p))
    return {**value, "df": df, "biased_variance": biased}


def one_shot_variances(wins: np.ndarray) -> tuple[float, float]:
    """Variance of the mean for other readers and cases: without bias, and the larger plug-in estimate.

    Either is a weighted sum over what two observations may share (reader, positive, negative) of their mean
    product, less that of observations that share nothing (2009, equations 5 to 9).

    Args:
        wins: Of each reader and pair of cases, [readers, positives, negatives]; or their differences.
    """
    sizes = np.array(wins.shape, dtype=float)
    subsets = [set(s) for k in range(4) for s in itertools.combinations(_READERS_AND_CASES, k)]
    # Sums over pairs of observations that share these axes, whatever they do on the others.
    sums = [float(np.sum(wins.sum(axis=_apart(shared)) ** 2)) for shared in subsets]
    unbiased = biased = 0.0
    for shared, total in zip(subsets, sums, strict=True):
        inside = np.array([axis in shared for axis in _READERS_AND_CASES])
        weight = float(np.prod(np.where(inside, 1 / sizes, 1 - 1 / sizes))) - (not shared)
        only = sum(
            (-1) ** len(more - shared) * other
            for more, other in zip(subsets, sums, strict=True)
            if shared <= more
        )
        unbiased += weight * only / float(np.prod(np.where(inside, sizes, sizes * (sizes - 1))))
        biased += weight * total / float(np.prod(np.where(inside, sizes, sizes**2)))
    return unbiased, biased


def _freedom(wins: np.ndarray, variance: float) -> float:
    """Satterthwaite's degrees of freedom over readers, positives and negatives; not below their smallest."""
    parts = [
        (float(wins.mean(axis=_apart({axis})).var()) ** 2, wins.shape[axis] - 1)
        for axis in _READERS_AND_CASES
    ]
    spread = sum(square / own**3 for square, own in parts)
    least = float(min(own for _, own in parts))
    return max(least, variance**2 / spread) if spread > 0 else least


def _apart(shared: set[int]) -> tuple[int, ...]:
    return tuple(axis for axis in _READERS_AND_CASES if axis not in shared)
