"""Newton's method for the two likelihoods that calibrators maximise: logistic, and softmax of lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_softmax, softmax

Loss = Callable[[np.ndarray], float]
Step = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
_ROUNDS = 200
# No parameter of standardised columns gets farther: where classes are separated there is no maximum.
BOUND = 50.0
# Loss a row below which every outcome is predicted: the search would go on for ever.
_NOTHING = 1e-6


@dataclass(frozen=True)
class Fit:
    """Parameters, and whether one of them stopped at the bound because the classes are separated."""

    weights: np.ndarray
    is_bounded: bool


def fit_logistic(design: np.ndarray, outcomes: np.ndarray, *, offset: np.ndarray | None = None) -> Fit:
    """Weights that maximise the likelihood of P = sigmoid(offset + design @ weights).

    Args:
        design: float [images, columns]; columns of about unit spread.
        outcomes: 1 or 0, or smoothed values between, [images].
        offset: Part of the line that is not fitted, [images].
    """
    offset = np.zeros(len(design)) if offset is None else offset

    def loss(weights: np.ndarray) -> float:
        line = offset + design @ weights
        return float(np.sum(np.logaddexp(0, line) - outcomes * line))

    def step(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        predicted = expit(offset + design @ weights)
        curvature = (design * (predicted * (1 - predicted))[:, None]).T @ design
        return design.T @ (predicted - outcomes), curvature

    return _newton(np.zeros(design.shape[1]), loss, step, scale=len(design))


def fit_softmax(design: np.ndarray, labels: np.ndarray, *, start: np.ndarray) -> Fit:
    """Parameters that maximise the likelihood of P = softmax(design @ parameters).

    Args:
        design: What each parameter adds to each score, float [images, classes, parameters].
        labels: True class, int [images].
        start: Of the search, [parameters].
    """
    rows = np.arange(len(labels))

    def loss(weights: np.ndarray) -> float:
        return -float(np.sum(log_softmax(design @ weights, axis=1)[rows, labels]))

    def step(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        predicted = softmax(design @ weights, axis=1)
        mean = np.einsum("nk,nkp->np", predicted, design)
        gradient = np.sum(mean - design[rows, labels], axis=0)
        curvature = np.einsum("nk,nkp,nkq->pq", predicted, design, design, optimize=True) - mean.T @ mean
        return gradient, curvature

    return _newton(start, loss, step, scale=len(labels))


def _newton(start: np.ndarray, loss: Loss, step: Step, *, scale: int) -> Fit:
    """Steps are halved while the loss would rise, and end at the bound."""
    weights, current = start.astype(float), loss(start)
    for _ in range(_ROUNDS):
        gradient, curvature = step(weights)
        if np.abs(gradient).max() < 1e-12 * scale:
            break
        move = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        size = 1.0
        while loss(weights - size * move) > current + 1e-12 * abs(current) and size > 1e-10:
            size /= 2
        moved = weights - size * move
        if np.abs(moved).max() > BOUND:
            return Fit(np.clip(moved, -BOUND, BOUND), is_bounded=True)
        before, current, weights = current, loss(moved), moved
        if current < _NOTHING * scale:
            return Fit(weights, is_bounded=True)
        if before - current <= 1e-15 * max(1.0, abs(current)) and np.abs(size * move).max() < 1e-10:
            break
    return Fit(weights, is_bounded=False)
