"""Whether a metric differs between groups of patients: Cochran's Q, gaps with intervals, permuted groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import chdtrc, ndtr

from medcli.metrics.intervals import normal_quantile
from medcli.metrics.multiplicity import holm
from medcli.quantity import Quantity, TestResult, hypothesis_test, quantity, undefined, with_test

FEWEST = 10


def cochran_q(estimates: Sequence[float], errors: Sequence[float], *, scale: str = "plain") -> dict[str, Any]:
    """Cochran's Q of independent estimates, the share of their spread that is no chance, and their mean.

    Args:
        estimates: One a group.
        errors: Their standard errors, above 0.
        scale: `plain`, or `logit` for estimates strictly between 0 and 1 such as AUCs.

    Returns:
        `test`, `i_squared` (I squared) in [0, 1], `tau_squared` (DerSimonian & Laird), and `pooled` on the
        plain scale.

    Reference: Cochran, Biometrics 1954; 10:101; Higgins & Thompson, Statistics in Medicine 2002; 21:1539.
    """
    values, spread = np.asarray(estimates, dtype=float), np.asarray(errors, dtype=float)
    name = f"Cochran's Q, {len(values)} groups" + (", logit scale" if scale == "logit" else "")
    usable = np.isfinite(values) & (spread > 0)
    if scale == "logit":
        usable &= (values > 0) & (values < 1)
    none = {"i_squared": None, "tau_squared": None, "pooled": None}
    if usable.sum() < 2 or not usable.all():
        reason = "needs two groups, each with an error" if len(values) > 1 else "there is only one group"
        return {"test": hypothesis_test(name, statistic=None, p=None, reason=reason), **none}
    if scale == "logit":
        spread = spread / (values * (1 - values))
        values = np.log(values / (1 - values))
    weights = 1 / spread**2
    pooled = float(np.sum(weights * values) / weights.sum())
    statistic, df = float(np.sum(weights * (values - pooled) ** 2)), len(values) - 1
    scaling = float(weights.sum() - np.sum(weights**2) / weights.sum())
    return {
        "test": hypothesis_test(name, statistic=statistic, df=df, p=float(chdtrc(df, statistic))),
        "i_squared": max(0.0, 1 - df / statistic) if statistic > 0 else 0.0,
        "tau_squared": max(0.0, (statistic - df) / scaling) if scaling > 0 else 0.0,
        "pooled": 1 / (1 + math.exp(-pooled)) if scale == "logit" else pooled,
    }


def gap(first: Quantity, second: Quantity, *, covariance: float = 0.0, level: float) -> Quantity:
    """Difference of a metric between two groups, with an interval that adds their intervals (Zou 2007).

    Args:
        first: Of one group.
        second: Of the other.
        covariance: Of their errors, where patients are in both groups.
    """
    n, used = first["n"] + second["n"], first["n_clusters"] + second["n_clusters"]
    method = "difference between groups, square and add (Zou 2007)"
    if first["estimate"] is None or second["estimate"] is None:
        reason = first["reason"] if first["estimate"] is None else second["reason"]
        return undefined(f"a group has none: {reason}", method=method, n=n, n_clusters=used)
    difference = first["estimate"] - second["estimate"]
    if first["ci"] is None or second["ci"] is None:
        return quantity(difference, method=method, n=n, n_clusters=used, reason="a group has no interval")
    errors = [_error(value) for value in (first, second)]
    product = errors[0] * errors[1]
    correlation = min(1.0, max(-1.0, covariance / product)) if product > 0 else 0.0
    below = _add(first["estimate"] - first["ci"][0], second["ci"][1] - second["estimate"], correlation)
    above = _add(first["ci"][1] - first["estimate"], second["estimate"] - second["ci"][0], correlation)
    se = math.sqrt(max(0.0, errors[0] ** 2 + errors[1] ** 2 - 2 * covariance))
    value = quantity(
        difference,
        ci=(difference - below, difference + above),
        level=level,
        se=se,
        method=method,
        n=n,
        n_clusters=used,
    )
    z = difference / se if se > 0 else None
    p = None if z is None else 2 * float(ndtr(-abs(z)))
    return with_test(value, hypothesis_test("no difference between groups", statistic=z, p=p))


def gaps_from_reference(
    groups: dict[str, Quantity], *, level: float, reference: str | None = None
) -> dict[str, Any]:
    """Gap of every group from one of them, by default the largest, with p-values of all after Holm."""
    usable = {name: value for name, value in groups.items() if value["estimate"] is not None}
    if not usable:
        return {"reference": None, "gaps": {}}
    chosen = reference or max(usable, key=lambda name: usable[name]["n"])
    gaps = {name: gap(groups[name], groups[chosen], level=level) for name in groups if name != chosen}
    adjusted = holm([value["test"]["p"] if "test" in value else None for value in gaps.values()])
    for value, p in zip(gaps.values(), adjusted, strict=True):
        if "test" in value:
            value["test"] = {**value["test"], "p_holm": p}
    return {"reference": chosen, "gaps": gaps}


def largest_gap(values: Sequence[float | None]) -> float | None:
    """Largest less smallest of the defined values; None with fewer than two."""
    defined = [value for value in values if value is not None and np.isfinite(value)]
    return max(defined) - min(defined) if len(defined) > 1 else None


def permutation_test(
    groups: np.ndarray,
    clusters: np.ndarray,
    statistic: Callable[[np.ndarray], float | None],
    *,
    seed: int,
    permutations: int = 1000,
) -> TestResult:
    """Whether the worst gap is larger than when patients are dealt into groups of the same sizes by chance.

    A patient goes as a whole. One whose images are in several groups takes that combination along.

    Args:
        groups: Group of each image, int [images], -1 for none.
        clusters: Patient of each image.
        statistic: Worst gap from group codes [images], such as `largest_gap` of a metric in each.
        seed: Of the permutations.

    Returns:
        The observed gap as `statistic`, its p, and `null`: the 95th percentile under chance.

    Reference: Phipson & Smyth, Statistical Applications in Genetics and Molecular Biology 2010; 9:39.
    """
    observed = statistic(groups)
    name = f"permutation of patients over groups, {permutations} times"
    if observed is None:
        return hypothesis_test(name, statistic=None, p=None, reason="fewer than two groups have the metric")
    _, codes = np.unique(clusters, return_inverse=True)
    generator = np.random.Generator(np.random.PCG64(seed))
    found = []
    for _ in range(permutations):
        value = statistic(_dealt(groups, codes, generator))
        if value is not None:
            found.append(value)
    if len(found) < permutations / 2:
        return hypothesis_test(
            name, statistic=observed, p=None, reason="the gap is undefined in most permutations"
        )
    larger = sum(value >= observed - 1e-12 for value in found)
    result = hypothesis_test(name, statistic=observed, p=(1 + larger) / (1 + len(found)))
    return {**result, "null": float(np.quantile(found, 0.95))}


def equalised_odds(
    sensitivities: dict[str, Quantity], specificities: dict[str, Quantity]
) -> dict[str, float | str | None]:
    """Largest gaps of sensitivity and of false alarms between groups at one threshold, and the larger one.

    Reference: Hardt, Price & Srebro, NeurIPS 2016.
    """
    hits = largest_gap([value["estimate"] for value in sensitivities.values()])
    alarms = largest_gap([value["estimate"] for value in specificities.values()])
    both = [value for value in (hits, alarms) if value is not None]
    return {
        "sensitivity_gap": hits,
        "false_alarm_gap": alarms,
        "equalised_odds_gap": max(both) if len(both) == 2 else None,
        "reason": None if len(both) == 2 else "fewer than two groups have both kinds of case",
    }


def too_few(targets: np.ndarray, clusters: np.ndarray) -> str | None:
    """Why a group is listed but not tested: fewer than 10 positive or negative patients; else None."""
    is_positive = np.asarray(targets) == 1
    for kind, rows in (("positive", is_positive), ("negative", ~is_positive)):
        count = len(np.unique(np.asarray(clusters)[rows]))
        if count < FEWEST:
            return f"{count} {kind} patients, fewer than {FEWEST}: listed, not tested"
    return None


def _dealt(groups: np.ndarray, codes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Groups of patients exchanged among patients with as many images in the order of their images."""
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    dealt = np.empty_like(groups)
    sorted_groups = groups[order]
    source = _same_for_patient(sorted_groups, starts, sizes)
    if source is not None:
        dealt[order] = np.repeat(generator.permutation(source), sizes)
        return dealt
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        rows = starts[members][:, None] + np.arange(size)
        dealt[order[rows]] = sorted_groups[rows[generator.permutation(len(members))]]
    return dealt


def _same_for_patient(sorted_groups: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray | None:
    """The group of each patient, or None when a patient is in several."""
    first = sorted_groups[starts]
    return first if bool((np.repeat(first, sizes) == sorted_groups).all()) else None


def _error(value: Quantity) -> float:
    """Standard error, or that which the interval implies."""
    if value["se"] is not None:
        return float(value["se"])
    return float(value["ci"][1] - value["ci"][0]) / (2 * normal_quantile(value["level"]))


def _add(first: float, second: float, correlation: float) -> float:
    return math.sqrt(max(0.0, first**2 + second**2 - 2 * correlation * first * second))
