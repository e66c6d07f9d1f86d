"""Platt scaling of one label: probability = sigmoid(slope * logit + intercept).

Reference: Platt, Advances in Large Margin Classifiers, 1999, section 2; Lin, Lin & Weng, Machine Learning
2007.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.calibration.cases import are_equal, few_flags, held_outcomes, result, why_unfit
from medcli.calibration.regression import fit_logistic

# A slope is never below this share of one standard deviation of the logits: ranks must not flip.
_LEAST_SLOPE = 1e-3


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
    reason = why_unfit(targets)
    if reason:
        return result({"slope": None, "intercept": None}, reason=reason)
    center, spread = float(np.mean(logits)), float(np.std(logits))
    if are_equal(logits):
        share = float(np.mean(targets == 1))
        values = {"slope": 1.0, "intercept": float(np.log(share / (1 - share)) - center)}
        return result(values, flags=["all scores are equal: only the intercept is fitted"])
    outcomes, held = held_outcomes(logits, targets)
    flags = few_flags(targets) + held
    standard = (logits - center) / spread
    fit = fit_logistic(np.stack([standard, np.ones_like(standard)], axis=1), outcomes)
    slope, intercept = (float(weight) for weight in fit.weights)
    if slope <= _LEAST_SLOPE:
        flags.append("the scores do not rise with the labels: the slope stops at its bound")
        slope, line = _LEAST_SLOPE, _LEAST_SLOPE * standard
        intercept = float(fit_logistic(np.ones((len(line), 1)), outcomes, offset=line).weights[0])
    elif fit.is_bounded:
        flags.append("the scores all but separate the classes: the slope stops at its bound")
    return result({"slope": slope / spread, "intercept": intercept - slope * center / spread}, flags=flags)
