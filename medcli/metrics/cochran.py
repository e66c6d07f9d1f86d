"""How far estimates of several groups lie apart beyond their errors: Cochran's Q, I squared, tau squared.

Reference: Cochran, Biometrics 1954; 10:101; Higgins & Thompson, Statistics in Medicine 2002; 21:1539.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtrc, chdtri

from medcli.metrics.intervals import Interval, normal_quantile
from medcli.quantity import Quantity, hypothesis_test, quantity, undefined

# What makes an estimate nearly normal: its value there, and the slope of that.
_SCALES = {
    "plain": (lambda x: x, lambda x: 1.0),
    "log": (math.log, lambda x: 1 / x),
    "logit": (lambda x: math.log(x / (1 - x)), lambda x: 1 / (x * (1 - x))),
}
_BACK = {"plain": lambda x: x, "log": math.exp, "logit": lambda x: 1 / (1 + math.exp(-x))}
_INSIDE = {
    "plain": math.isfinite,
    "log": lambda x: x > 0,
    "logit": lambda x: 0 < x < 1,
}


def cochran_q(
    estimates: Sequence[float],
    errors: Sequence[float],
    *,
    scale: str = "plain",
    correlations: np.ndarray | None = None,
    level: float,
    n: int,
    n_clusters: int,
) -> dict[str, Any]:
    """Cochran's Q, the share of the spread of estimates that is no chance, and their mean.

    Args:
        estimates: One a group.
        errors: Their standard errors, above 0.
        scale: `plain`; `logit` for estimates strictly between 0 and 1 such as AUCs; `log` for ratios.
        correlations: Of the errors, [groups, groups], where patients are in several groups; Q is then of
            generalised least squares.
        level: Of the intervals.
        n: Images of all groups.
        n_clusters: Their patients.

    Returns:
        `test`; the quantities `i_squared` in [0, 1] and `tau_squared` (DerSimonian & Laird, on the scale),
        with intervals by the Q-profile; and `pooled` on the plain scale.

    Reference: Viechtbauer, Statistics in Medicine 2007; 26:37 (Q-profile).
    """
    name = f"Cochran's Q, {len(estimates)} groups" + ("" if scale == "plain" else f", {scale} scale")
    is_usable = all(_INSIDE[scale](x) and s > 0 for x, s in zip(estimates, errors, strict=True))
    if len(estimates) < 2 or not is_usable:
        reason = "needs two groups, each with an error"
        none = {
            key: undefined(reason, method=words, n=n, n_clusters=n_clusters)
            for key, words in _SPREADS.items()
        }
        return {
            "test": hypothesis_test(name, statistic=None, p=None, reason=reason),
            **none,
            "pooled": None,
        }
    transform, slope = _SCALES[scale]
    spread = np.array([s * slope(x) for x, s in zip(estimates, errors, strict=True)])
    correlation = np.eye(len(spread)) if correlations is None else correlations
    groups = _Groups(np.array([transform(x) for x in estimates]), correlation * np.outer(spread, spread))
    pooled, statistic = groups.pooled(0.0)
    df = len(spread) - 1
    return {
        "test": hypothesis_test(name, statistic=statistic, df=df, p=float(chdtrc(df, statistic))),
        **_beyond_errors(groups, statistic, level=level, n=n, n_clusters=n_clusters),
        "pooled": _BACK[scale](pooled),
    }


def _beyond_errors(
    groups: _Groups, statistic: float, *, level: float, n: int, n_clusters: int
) -> dict[str, Quantity]:
    """`i_squared` and `tau_squared` of groups with this Q."""
    df, typical = len(groups.values) - 1, groups.typical_variance
    if typical is None:
        reason = "the groups have their errors in common"
        return {
            key: undefined(reason, method=words, n=n, n_clusters=n_clusters)
            for key, words in _SPREADS.items()
        }
    low, high = groups.profile(level)
    tau_squared = max(0.0, (statistic - df) * typical / df)
    edges = min(low, tau_squared), max(high, tau_squared)
    return {
        key: quantity(
            scaled(tau_squared),
            ci=(scaled(edges[0]), scaled(edges[1])),
            level=level,
            method=_SPREADS[key],
            n=n,
            n_clusters=n_clusters,
        )
        # I squared is 1 - df / Q: tau squared over itself and the typical variance.
        for key, scaled in (("i_squared", lambda t: t / (t + typical)), ("tau_squared", lambda t: t))
    }


def heterogeneity(
    values: Sequence[Quantity], *, scale: str, correlations: np.ndarray | None, level: float
) -> dict[str, Any]:
    """`cochran_q` of quantities, with the errors of their intervals; plain where a share is 0 or 1."""
    estimates = [math.nan if value["estimate"] is None else value["estimate"] for value in values]
    is_inside = scale != "logit" or all(0 < estimate < 1 for estimate in estimates)
    used = scale if is_inside else "plain"
    return cochran_q(
        estimates,
        [interval_error(value, scale=used) for value in values],
        scale=used,
        correlations=correlations,
        level=level,
        n=sum(value["n"] for value in values),
        n_clusters=sum(value["n_clusters"] for value in values),
    )


def interval_error(value: Quantity, *, scale: str = "plain") -> float:
    """The standard error that an interval implies where it is symmetric; 0 when there is none.

    Args:
        value: A quantity.
        scale: Where the interval is symmetric, as of `cochran_q`; the error is told on the plain scale.
    """
    if value["ci"] is None or not all(_INSIDE[scale](edge) for edge in (value["estimate"], *value["ci"])):
        return 0.0
    transform, slope = _SCALES[scale]
    low, high = (transform(edge) for edge in value["ci"])
    return float((high - low) / (2 * normal_quantile(value["level"]) * slope(value["estimate"])))


_SPREADS = {
    "i_squared": "I squared, Q-profile",
    "tau_squared": "tau squared, DerSimonian and Laird, Q-profile",
}


@dataclass(frozen=True)
class _Groups:
    """Estimates [groups] with the covariance of their errors [groups, groups]."""

    values: np.ndarray
    covariance: np.ndarray

    def pooled(self, tau_squared: float) -> tuple[float, float]:
        """Mean of the groups, where they differ by so much besides, and the Q that is left then."""
        precision = self._precision(tau_squared)
        mean = float(np.sum(precision @ self.values) / precision.sum())
        gaps = self.values - mean
        return mean, max(0.0, float(gaps @ precision @ gaps))

    @property
    def typical_variance(self) -> float | None:
        """The error variance that I squared sets tau squared against (Higgins & Thompson, equation 9).

        None where all errors are one and the same.
        """
        precision = self._precision(0.0)
        ones = precision.sum(axis=0)
        total = float(np.trace(precision))
        contrast = total - float(ones @ ones / ones.sum())
        return (len(self.values) - 1) / contrast if contrast > 1e-9 * total else None

    def profile(self, level: float) -> Interval:
        """Where Q falls, as tau squared grows, to what chance leaves above and below the level."""
        df, tails = len(self.values) - 1, ((1 - level) / 2, (1 + level) / 2)
        low, high = (self._root(float(chdtri(df, tail))) for tail in tails)
        return low, high

    def _root(self, wanted: float) -> float:
        def excess(tau_squared: float) -> float:
            return self.pooled(tau_squared)[1] - wanted

        if excess(0.0) <= 0:
            return 0.0
        high = float(np.var(self.values) + np.max(np.diag(self.covariance)))
        while excess(high) > 0:
            high *= 2
        return float(brentq(excess, 0.0, high, rtol=1e-12))

    def _precision(self, tau_squared: float) -> np.ndarray:
        return np.linalg.pinv(self.covariance + tau_squared * np.eye(len(self.values)), hermitian=True)
