"""One temperature for all classes and a bias for each: what a temperature alone cannot shift.

A sigmoid head is mostly wrong by a shift, because classes are rarer, or weighted otherwise, than in training.
The slope is shared, so that a label with few positives needs only its bias.

Reference: Guo et al., ICML 2017, section 4.2; Alexandari, Kundaje & Shrikumar, ICML 2020 (bias-corrected).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.calibration.cases import result, why_unfit
from medcli.calibration.regression import fit_logistic, fit_shared_slope, fit_softmax

# As for a temperature alone: outside is a limit the likelihood would run through.
COLDEST, HOTTEST = 1e-2, 1e2


def fit_sigmoid_bias_temperature(logits: np.ndarray, targets: np.ndarray) -> list[dict[str, Any]]:
    """`temperature`, shared, and `bias` of each label: probability = sigmoid(logit / temperature + bias).

    Args:
        logits: float [images, classes].
        targets: 1, 0 or NaN, [images, classes]; NaN is left out.

    Returns:
        One entry a label; null with the reason for a label with one class only, which does not count.
    """
    known = ~np.isnan(targets)
    reasons = [why_unfit(targets[known[:, k], k]) for k in range(targets.shape[1])]
    usable = [k for k, reason in enumerate(reasons) if reason is None]
    entries = [result({"temperature": None, "bias": None}, reason=reason) for reason in reasons]
    if not usable:
        return entries
    rows, columns = np.nonzero(known[:, usable])
    values, outcomes = logits[:, usable][rows, columns], targets[:, usable][rows, columns]
    centers = np.bincount(columns, values) / np.bincount(columns)
    values = values - centers[columns]
    spread = float(np.std(values)) or 1.0
    inverse, biases, flags = _solve(values / spread, columns, outcomes, spread=spread)
    for position, label in enumerate(usable):
        bias = biases[position] - inverse * centers[position]
        entry = {"temperature": 1 / inverse, "bias": float(bias)}
        entries[label] = result(entry, flags=list(flags))
    return entries


def fit_softmax_bias_temperature(logits: np.ndarray, labels: np.ndarray) -> list[dict[str, Any]]:
    """`temperature`, shared, and `bias` of each class: probabilities = softmax(logits / temperature + bias).

    The bias of the first class that occurs is 0; a class that does not occur gets the bias 0, and is flagged.

    Args:
        logits: float [images, classes].
        labels: True class of each image, int [images].
    """
    num_classes = logits.shape[1]
    present = np.unique(labels)
    free = present[1:]
    logits = logits - logits.mean(axis=1, keepdims=True)
    spread = float(np.std(logits)) or 1.0
    tie = np.zeros((2 * num_classes, 1 + len(free)))
    tie[:num_classes, 0] = 1
    tie[num_classes + free, 1 + np.arange(len(free))] = 1
    start = np.append(spread, np.zeros(len(free)))
    fit = fit_softmax(logits / spread, labels, tie, start=start)
    inverse, flags = _bounded(float(fit.weights[0]) / spread)
    if fit.is_bounded:
        flags.append("the scores separate the classes: a parameter stops at its bound")
    biases = np.zeros(num_classes)
    biases[free] = fit.weights[1:]
    missing = sorted(set(range(num_classes)) - set(present.tolist()))
    if missing:
        flags.append(f"{len(missing)} classes do not occur: their bias is 0")
    return [result({"temperature": 1 / inverse, "bias": float(bias)}, flags=list(flags)) for bias in biases]


def _solve(
    values: np.ndarray, columns: np.ndarray, outcomes: np.ndarray, *, spread: float
) -> tuple[float, np.ndarray, list[str]]:
    """Inverse temperature, biases and flags; at a bound of the temperature biases are fitted anew."""
    fit = fit_shared_slope(values, columns, outcomes)
    inverse, flags = _bounded(float(fit.weights[0]) / spread)
    if not flags and not fit.is_bounded:
        return inverse, fit.weights[1:], flags
    biases, is_bounded = np.zeros(int(columns.max()) + 1), fit.is_bounded
    for label in range(len(biases)):
        own = columns == label
        line = inverse * spread * values[own]
        again = fit_logistic(np.ones((len(line), 1)), outcomes[own], offset=line)
        biases[label], is_bounded = again.weights[0], is_bounded or again.is_bounded
    if is_bounded:
        flags.append("the scores separate the classes: a parameter stops at its bound")
    return inverse, biases, flags


def _bounded(inverse: float) -> tuple[float, list[str]]:
    if inverse > 1 / COLDEST:
        return 1 / COLDEST, [f"every label is predicted: the temperature stops at its bound {COLDEST:g}"]
    if inverse < 1 / HOTTEST:
        reason = "the scores do not help to predict the labels"
        return 1 / HOTTEST, [f"{reason}: the temperature stops at its bound {HOTTEST:g}"]
    return inverse, []
