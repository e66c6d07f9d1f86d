"""Temperature scaling: one number that makes probabilities honest and changes no rank.

Reference: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, softmax

from medcli.calibration.cases import FEW
from medcli.errors import DataError

# Temperatures outside are a limit that the likelihood would run through: separation, or scores without use.
COLDEST, HOTTEST = 1e-2, 1e2


def fit_softmax_temperature(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Temperature of a softmax that maximises the likelihood.

    The likelihood is concave in 1/T, so its derivative, the difference between the expected and the observed
    mean logit, has one root, which Brent's method finds; nothing depends on a start or a step.

    Args:
        logits: float [images, classes].
        labels: True class of each image, int [images].

    Returns:
        `temperature` and `flags`; a temperature at its bound is flagged.
    """
    if len(labels) == 0:
        raise DataError("no image has a known label, nothing can be fitted")
    logits = logits - logits.max(axis=1, keepdims=True)
    observed = logits[np.arange(len(labels)), labels]

    def slope(inverse: float) -> float:
        expected = np.sum(softmax(inverse * logits, axis=1) * logits, axis=1)
        return float(np.mean(expected - observed))

    return _solve(slope)


def fit_sigmoid_temperature(logits: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    """One temperature for all labels of a model with sigmoid outputs.

    Args:
        logits: float [images, classes].
        targets: 1, 0 or NaN, [images, classes]; NaN is left out.
    """
    known = ~np.isnan(targets)
    values, truth = logits[known], targets[known]
    if len(values) == 0:
        raise DataError("no image has a known label, nothing can be fitted")

    def slope(inverse: float) -> float:
        return float(np.mean((expit(inverse * values) - truth) * values))

    return _solve(slope)


def fit_label_temperatures(logits: np.ndarray, targets: np.ndarray) -> list[dict[str, Any]]:
    """A temperature for each label of a model with sigmoid outputs, or that of all of them for rare ones.

    Args:
        logits: float [images, classes].
        targets: 1, 0 or NaN, [images, classes]; NaN is left out.

    Returns:
        One entry a label, with `flags`. A label with fewer than 10 images of a kind shares its temperature.
    """
    if np.isnan(targets).all():
        return [{"temperature": None, "flags": [], "reason": "no known label"} for _ in logits.T]
    shared = fit_sigmoid_temperature(logits, targets)
    entries = []
    for column in range(logits.shape[1]):
        known = ~np.isnan(targets[:, column])
        truth = targets[known, column]
        if logits.shape[1] > 1 and min(np.sum(truth == 1), np.sum(truth == 0)) < FEW:
            flag = f"fewer than {FEW} cases of a kind: the temperature is that of all labels together"
            entries.append({**shared, "flags": [*shared["flags"], flag], "reason": None})
        else:
            entries.append(
                {**fit_sigmoid_temperature(logits[known, column, None], truth[:, None]), "reason": None}
            )
    return entries


def _solve(slope: Callable[[float], float]) -> dict[str, Any]:
    """Root of a rising score function of 1/T, searched in log T."""

    def in_log(log_temperature: float) -> float:
        return slope(float(np.exp(-log_temperature)))

    low, high = float(np.log(COLDEST)), float(np.log(HOTTEST))
    if in_log(low) <= 0:
        flag = f"every label is predicted: the temperature stops at its bound {COLDEST:g}"
        return {"temperature": COLDEST, "flags": [flag]}
    if in_log(high) >= 0:
        flag = f"the scores do not help to predict the labels: the temperature stops at its bound {HOTTEST:g}"
        return {"temperature": HOTTEST, "flags": [flag]}
    root = brentq(in_log, low, high, xtol=1e-13, rtol=1e-14)
    return {"temperature": float(np.exp(root)), "flags": []}
