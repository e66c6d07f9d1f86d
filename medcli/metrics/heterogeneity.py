"""Whether a metric differs between groups of patients: gaps with intervals, permuted groups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from medcli.metrics.intervals import normal_quantile
from medcli.quantity import Quantity, TestResult, hypothesis_test, quantity, undefined, with_test

FEWEST = 10
PERMUTED = ("auc", "sensitivity", "specificity", "equalised_odds")
"""The columns of `permutation_kernels.worst_gaps`."""


def gap(first: Quantity, second: Quantity, *, correlation: float = 0.0, level: float) -> Quantity:
    """Difference of a metric between two groups, with an interval that squares and adds their intervals.

    Args:
        first: Of one group.
        second: Of the other.
        correlation: Of their errors, where patients are in both groups.

    Reference: Zou, Psychological Methods 2007; 12:399.
    """
    n, used = first["n"] + second["n"], first["n_clusters"] + second["n_clusters"]
    method = "difference between groups, square and add"
    if first["estimate"] is None or second["estimate"] is None:
        reason = first["reason"] if first["estimate"] is None else second["reason"]
        return undefined(f"a group has none: {reason}", method=method, n=n, n_clusters=used)
    difference = first["estimate"] - second["estimate"]
    if first["ci"] is None or second["ci"] is None:
        return quantity(difference, method=method, n=n, n_clusters=used, reason="a group has no interval")
    if correlation:
        method += ", with the correlation of patients in both groups"
    errors = [standard_error(value) for value in (first, second)]
    below = _add(first["estimate"] - first["ci"][0], second["ci"][1] - second["estimate"], correlation)
    above = _add(first["ci"][1] - first["estimate"], second["estimate"] - second["ci"][0], correlation)
    se = _add(errors[0], errors[1], correlation)
    value = quantity(
        difference,
        ci=(difference - below, difference + above),
        level=level,
        se=se,
        method=method,
        n=n,
        n_clusters=used,
    )
    # The level at which the interval would end at zero: p and interval never disagree.
    reach = below if difference > 0 else above
    z = normal_quantile(level) * difference / reach if reach > 0 else None
    p = None if z is None else 2 * float(ndtr(-abs(z)))
    reason = None if reach > 0 else "the groups have no error"
    return with_test(value, hypothesis_test("no difference between groups", statistic=z, p=p, reason=reason))


def standard_error(value: Quantity) -> float:
    """Standard error; where it is 0, as of a share of 0 or 1, that which the interval implies."""
    if value["se"]:
        return float(value["se"])
    if value["ci"] is None:
        return 0.0
    return float(value["ci"][1] - value["ci"][0]) / (2 * normal_quantile(value["level"]))


def too_few(targets: np.ndarray, clusters: np.ndarray) -> str | None:
    """Why a group is listed but not tested: fewer than 10 positive or negative patients; else None."""
    is_positive = np.asarray(targets) == 1
    for kind, rows in (("positive", is_positive), ("negative", ~is_positive)):
        count = len(np.unique(np.asarray(clusters)[rows]))
        if count < FEWEST:
            noun = "patient" if count == 1 else "patients"
            return f"{count} {kind} {noun}, fewer than {FEWEST}: listed, not tested"
    return None


def permutation_tests(
    groups: np.ndarray,
    targets: np.ndarray,
    scores: np.ndarray,
    is_called: np.ndarray | None,
    clusters: np.ndarray,
    *,
    seed: int,
    permutations: int,
) -> dict[str, TestResult]:
    """Whether the worst gap is larger than when patients are dealt into groups of the same sizes by chance.

    A patient goes as a whole, and is exchanged with patients alike in truth: those with a positive image
    among themselves, those without among themselves. So groups that differ in prevalence do not differ by
    that alone. A patient whose images are in several groups takes that combination along, to one with as many
    images of either kind.

    Args:
        groups: Group of each image from 0, int [images].
        targets: 1 or 0, no unknowns.
        scores: Higher means more likely positive.
        is_called: Whether an image is called positive, or None without a threshold.
        clusters: Patient of each image.
        seed: Of the permutations.
        permutations: How many.

    Returns:
        By the names in `PERMUTED`: the observed gap as `statistic`, its p, and `null`, the 95th percentile
        under chance.

    Reference: Phipson & Smyth, Statistical Applications in Genetics and Molecular Biology 2010; 9:39.
    """
    from medcli.metrics.permutation_kernels import worst_gaps

    _, ranks = np.unique(scores, return_inverse=True)
    # Images of one patient and truth take any order, but one that the rows have no part in.
    drawn = np.random.Generator(np.random.PCG64(seed)).permutation(len(scores))[ranks]
    deal = _prepare(groups, np.asarray(targets) == 1, clusters, drawn)
    called = np.zeros(len(groups), dtype=bool) if is_called is None else is_called
    order = np.argsort(scores, kind="stable")
    ordered = np.asarray(scores)[order]
    is_last = np.append(ordered[1:] != ordered[:-1], True)
    kinds = 2 * (np.asarray(targets) == 1) + called
    columns = [deal.owners[order], deal.places[order], kinds[order], is_last]
    gaps = worst_gaps(
        np.stack(columns, axis=1).astype(np.int32),
        (deal.slots, deal.groups, deal.strata),
        num_groups=int(groups.max()) + 1,
        seed=seed & (2**63 - 1),
        permutations=permutations,
    )
    reasons = dict.fromkeys(PERMUTED) | (
        {} if is_called is not None else dict.fromkeys(PERMUTED[1:], "no threshold")
    )
    return {name: _judge(gaps[:, column], reason=reasons[name]) for column, name in enumerate(PERMUTED)}


def _judge(gaps: np.ndarray, *, reason: str | None) -> TestResult:
    """The first gap beside all others, which chance made."""
    observed, null = gaps[0], gaps[1:]
    name = f"permutation of patients over groups, {len(null)} times"
    if reason is None and not np.isfinite(observed):
        reason = "fewer than two groups have the metric"
    if reason:
        return hypothesis_test(name, statistic=None, p=None, reason=reason)
    kept = null[np.isfinite(null)]
    if len(kept) < len(null) / 2:
        reason = "the gap is undefined in most permutations"
        return hypothesis_test(name, statistic=float(observed), p=None, reason=reason)
    larger = int(np.sum(kept >= observed - 1e-12))
    result = hypothesis_test(name, statistic=float(observed), p=(1 + larger) / (1 + len(kept)))
    return {**result, "null": float(np.quantile(kept, 0.95))}


@dataclass(frozen=True)
class _Deal:
    """How patients hold groups: `groups` of slots, the first slot of each patient, and strata of patients.

    `owners` and `places` say of each image its patient, in the order of strata, and the slot within.
    """

    owners: np.ndarray
    places: np.ndarray
    slots: np.ndarray
    groups: np.ndarray
    strata: np.ndarray


def _prepare(groups: np.ndarray, is_positive: np.ndarray, clusters: np.ndarray, drawn: np.ndarray) -> _Deal:
    _, codes = np.unique(clusters, return_inverse=True)
    # Images by patient, negatives first: what is exchanged then meets images of the same truth.
    order = np.lexsort((groups, drawn, is_positive, codes))
    sizes, positives = np.bincount(codes), np.bincount(codes, is_positive).astype(np.int64)
    starts = np.cumsum(sizes) - sizes
    in_order = groups[order]
    is_mixed = np.bincount(codes[order], in_order != in_order[starts][codes[order]]) > 0
    keys = np.stack(
        [is_mixed, np.where(is_mixed, sizes, 0), np.where(is_mixed, positives, positives > 0)], axis=1
    ).astype(np.int64)
    _, stratum = np.unique(keys, axis=0, return_inverse=True)
    stratum = stratum.reshape(-1)
    by_stratum = np.argsort(stratum, kind="stable")
    position = np.empty_like(by_stratum)
    position[by_stratum] = np.arange(len(by_stratum))
    places = np.empty(len(groups), dtype=np.int64)
    places[order] = np.where(is_mixed[codes[order]], np.arange(len(groups)) - starts[codes[order]], 0)
    # A patient of one group needs one slot, all others one an image; the slots lie where the images do.
    return _Deal(
        owners=position[codes],
        places=places,
        slots=starts[by_stratum].astype(np.int32),
        groups=in_order.astype(np.int32),
        strata=np.concatenate([[0], np.cumsum(np.bincount(stratum))]).astype(np.int64),
    )


def _add(first: float, second: float, correlation: float) -> float:
    return math.sqrt(max(0.0, first**2 + second**2 - 2 * correlation * first * second))
