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


def fit_shared_slope(values: np.ndarray, groups: np.ndarray, outcomes: np.ndarray) -> Fit:
    """The slope of all rows, then the intercept of each group: P = sigmoid(slope * value + intercept).

    Args:
        values: float [rows], of about unit spread.
        groups: Of each row, from 0.
        outcomes: 1 or 0, [rows].
    """
    size = int(groups.max()) + 1

    def loss(weights: np.ndarray) -> float:
        line = weights[0] * values + weights[1:][groups]
        return float(np.sum(np.logaddexp(0, line) - outcomes * line))

    def step(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        predicted = expit(weights[0] * values + weights[1:][groups])
        gap, spread = predicted - outcomes, predicted * (1 - predicted)
        gradient = np.append(gap @ values, np.bincount(groups, gap, minlength=size))
        curvature = np.diag(np.append(spread @ values**2, np.bincount(groups, spread, minlength=size)))
        curvature[0, 1:] = curvature[1:, 0] = np.bincount(groups, spread * values, minlength=size)
        return gradient, curvature

    return _newton(np.zeros(1 + size), loss, step, scale=len(values))


def fit_softmax(logits: np.ndarray, labels: np.ndarray, tie: np.ndarray, *, start: np.ndarray) -> Fit:
    """Parameters that maximise the likelihood of P = softmax(weight * logits + bias).

    Args:
        logits: float [images, classes], of about unit spread.
        labels: True class, int [images].
        tie: Weights and biases of all classes as sums of parameters, [2 * classes, parameters].
        start: Of the search, [parameters].
    """
    size, num_classes = logits.shape
    rows, truth = np.arange(size), np.eye(num_classes)[labels]

    def lines(parameters: np.ndarray) -> np.ndarray:
        weights, biases = (tie @ parameters).reshape(2, num_classes)
        return logits * weights + biases

    def loss(parameters: np.ndarray) -> float:
        return -float(np.sum(log_softmax(lines(parameters), axis=1)[rows, labels]))

    def step(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        predicted = softmax(lines(parameters), axis=1)
        gap = predicted - truth
        gradient = np.append(np.sum(gap * logits, axis=0), gap.sum(axis=0))
        both = np.hstack([predicted * logits, predicted])
        own = np.zeros((2 * num_classes, 2 * num_classes))
        squares, firsts = np.sum(both[:, :num_classes] * logits, axis=0), both.sum(axis=0)
        own[np.diag_indices(2 * num_classes)] = np.append(squares, firsts[num_classes:])
        crossed = np.arange(num_classes)
        own[crossed, crossed + num_classes] = own[crossed + num_classes, crossed] = firsts[:num_classes]
        return tie.T @ gradient, tie.T @ (own - both.T @ both) @ tie

    return _newton(start, loss, step, scale=size)


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
