"""Beta calibration of one label: logit = a ln p - b ln(1 - p) + c, which bends both ends of the scale.

Reference: Kull, Silva Filho & Flach, AISTATS 2017, section 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from medcli.calibration.cases import are_equal, few_flags, held_outcomes, result, why_unfit
from medcli.calibration.regression import fit_logistic


def fit_beta(logits: np.ndarray, targets: np.ndarray, *, keep_order: bool = True) -> dict[str, Any]:
    """`a`, `b` and `c` by maximum likelihood.

    With `keep_order` a negative `a` or `b` is set to 0 and the rest fitted anew, as the authors do, so that
    ranks never turn. Separated classes are held by Platt's smoothed targets, and that is flagged.

    Args:
        logits: Of the model's probabilities, float [images].
        targets: 1 or 0, [images], no unknowns.
    """
    none = {"a": None, "b": None, "c": None}
    reason = why_unfit(targets)
    if reason:
        return result(none, reason=reason)
    if are_equal(logits):
        share = float(np.mean(targets == 1))
        values = {"a": 0.0, "b": 0.0, "c": float(np.log(share / (1 - share)))}
        return result(values, flags=["all scores are equal: only the intercept is fitted"])
    outcomes, held = held_outcomes(logits, targets)
    flags = few_flags(targets) + held
    columns = beta_columns(logits)
    used = [0, 1]
    weights, is_bounded = _fit(columns[:, used], outcomes)
    while keep_order and used and min(weights[:-1]) < 0:
        dropped = used.pop(int(np.argmin(weights[:-1])))
        flags.append(f"{'ab'[dropped]} would be negative and turn ranks: it is 0")
        weights, is_bounded = _fit(columns[:, used], outcomes)
    if is_bounded:
        flags.append("the scores all but separate the classes: a parameter stops at its bound")
    values = {"a": 0.0, "b": 0.0, "c": float(weights[-1])}
    for name, weight in zip(("ab"[number] for number in used), weights[:-1], strict=True):
        values[name] = float(weight)
    return result(values, flags=flags)


def apply_beta(logits: np.ndarray, *, a: float, b: float, c: float) -> np.ndarray:
    """Calibrated probabilities [images]."""
    return expit(beta_columns(logits) @ np.array([a, b]) + c)


def beta_columns(logits: np.ndarray) -> np.ndarray:
    """ln p and -ln(1 - p), [images, 2], from logits so that neither end overflows."""
    return np.stack([-np.logaddexp(0, -logits), np.logaddexp(0, logits)], axis=1)


def _fit(columns: np.ndarray, outcomes: np.ndarray) -> tuple[np.ndarray, bool]:
    """Weights of the columns and the intercept, fitted on standardised columns."""
    center, spread = columns.mean(axis=0), columns.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    design = np.hstack([(columns - center) / spread, np.ones((len(columns), 1))])
    fit = fit_logistic(design, outcomes)
    slopes = fit.weights[:-1] / spread
    return np.append(slopes, fit.weights[-1] - slopes @ center), fit.is_bounded
