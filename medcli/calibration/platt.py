"""Platt scaling of one label: probability = sigmoid(slope * logit + intercept).

Reference: Platt, Advances in Large Margin Classifiers, 1999, section 2; Lin, Lin & Weng, Machine Learning
2007.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

# A slope is never below this share of one standard deviation of the logits: ranks must not flip.
_LEAST_SLOPE = 1e-3
_ROUNDING = 1e-12
_FEW = 10


def fit_platt(logits: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    """Slope and intercept by maximum likelihood.

    The plain likelihood is used, so that the mean probability equals the observed share. Where the scores
    separate the classes it has no maximum: Platt's smoothed targets, (P + 1) / (P + 2) and 1 / (N + 2), then
    hold the slope at a finite value, and that is flagged. Scores that run against the labels keep their
    order, at the least slope. A label with one class only gives null with the reason.

    Args:
        logits: float [images].
        targets: 1 or 0, [images], no unknowns.
    """
    is_positive = targets == 1
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    if positives == 0 or negatives == 0:
        kind = "positive" if positives == 0 else "negative"
        return _result(None, None, reason=f"no {kind} case to fit on" if len(targets) else "no known label")
    center, spread = float(np.mean(logits)), float(np.std(logits))
    # Equal scores have a deviation of some 1e-16 when their mean is rounded: the range does not lie.
    if np.ptp(logits) <= _ROUNDING * max(abs(center), 1.0):
        share = positives / len(targets)
        return _result(
            1.0,
            float(np.log(share / (1 - share)) - center),
            flags=["all scores are equal: only the intercept is fitted"],
        )
    flags = (
        [f"few cases to fit on ({positives} positive, {negatives} negative)"]
        if min(positives, negatives) < _FEW
        else []
    )
    outcomes = is_positive.astype(float)
    if logits[is_positive].min() >= logits[~is_positive].max():
        outcomes = np.where(is_positive, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        flags.append("the scores separate the classes: Platt's smoothed targets hold the slope")
    standard = (logits - center) / spread
    # Scores in the opposite order have no maximum either when they separate; their slope is not needed.
    runs_against = np.dot(standard, outcomes - outcomes.mean()) <= 0
    if runs_against:
        flags.append("the scores run against the labels: the slope stops at its bound")
        slope, intercept = _LEAST_SLOPE, _fit_intercept(_LEAST_SLOPE * standard, outcomes)
    else:
        slope, intercept = _newton(standard, outcomes)
    return _result(slope / spread, intercept - slope * center / spread, flags=flags)


def _newton(values: np.ndarray, outcomes: np.ndarray, *, free_slope: bool = True) -> tuple[float, float]:
    """Newton's method with step halving on the convex negative log-likelihood."""
    design = np.stack([values if free_slope else np.zeros_like(values), np.ones_like(values)], axis=1)
    offset = np.zeros_like(values) if free_slope else values
    share = float(np.mean(outcomes))
    weights = np.array([0.0, np.log(share / (1 - share))])

    def loss(candidate: np.ndarray) -> float:
        line = offset + design @ candidate
        return float(np.sum(np.logaddexp(0, line) - outcomes * line))

    current = loss(weights)
    for _ in range(200):
        predicted = expit(offset + design @ weights)
        gradient = design.T @ (predicted - outcomes)
        if np.abs(gradient).max() < 1e-12 * len(values):
            break
        hessian = (design * (predicted * (1 - predicted))[:, None]).T @ design
        step = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
        size = 1.0
        while loss(weights - size * step) > current + 1e-12 * abs(current) and size > 1e-10:
            size /= 2
        weights = weights - size * step
        current = loss(weights)
    return float(weights[0]), float(weights[1])


def _fit_intercept(offset: np.ndarray, outcomes: np.ndarray) -> float:
    return _newton(offset, outcomes, free_slope=False)[1]


def _result(
    slope: float | None, intercept: float | None, *, flags: list[str] | None = None, reason: str | None = None
) -> dict[str, Any]:
    return {"slope": slope, "intercept": intercept, "flags": flags or [], "reason": reason}
