"""Logistic regression by Newton's method, with errors of the model or summed by patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

_ROUNDS = 100
# Beyond, fitted probabilities are 0 or 1 in double precision: the likelihood has no maximum.
_BOUND = 30.0


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients with their covariance.

    Attributes:
        weights: [columns].
        covariance: [columns, columns], of the model, or summed by patient.
        model_covariance: Of the model alone, [columns, columns].
        is_bounded: Whether a coefficient ran away: the columns separate the outcomes.
    """

    weights: np.ndarray
    covariance: np.ndarray
    model_covariance: np.ndarray
    is_bounded: bool


def fit_logistic(
    design: np.ndarray, outcomes: np.ndarray, *, offset: np.ndarray | None = None, clusters: np.ndarray
) -> LogisticFit:
    """Maximum likelihood of P(outcome) = sigmoid(offset + design @ weights).

    Args:
        design: float [images, columns].
        outcomes: 1 or 0, [images], with both present.
        offset: Part of the line that is not fitted, [images].
        clusters: Patient of each image; where patients repeat, the covariance is summed by patient.

    Reference: Liang & Zeger, Biometrika 1986; 73:13 (sums by patient).
    """
    offset = np.zeros(len(design)) if offset is None else offset
    weights = np.zeros(design.shape[1])
    current = _loss(offset + design @ weights, outcomes)
    is_bounded = False
    for _ in range(_ROUNDS):
        predicted = expit(offset + design @ weights)
        gradient = design.T @ (outcomes - predicted)
        information = (design * (predicted * (1 - predicted))[:, None]).T @ design
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        size = 1.0
        while (new := _loss(offset + design @ (weights + size * step), outcomes)) > current + 1e-12:
            size /= 2
            if size < 1e-10:
                break
        weights, before, current = weights + size * step, current, new
        is_bounded = bool(np.abs(design @ weights).max() > _BOUND * max(1.0, np.abs(offset).max() / 10))
        if is_bounded or (before - current <= 1e-13 * max(1.0, current) and np.abs(step).max() < 1e-9):
            break
    predicted = expit(offset + design @ weights)
    information = (design * (predicted * (1 - predicted))[:, None]).T @ design
    bread = np.linalg.pinv(information)
    covariance = _covariance(design, outcomes - predicted, bread, clusters)
    return LogisticFit(weights, covariance, bread, is_bounded)


def _covariance(
    design: np.ndarray, residuals: np.ndarray, bread: np.ndarray, clusters: np.ndarray
) -> np.ndarray:
    _, codes = np.unique(clusters, return_inverse=True)
    count = int(codes.max()) + 1
    if count in {len(codes), 1}:
        return bread
    scores = np.stack([np.bincount(codes, column * residuals) for column in design.T], axis=1)
    return bread @ (scores.T @ scores) @ bread * count / (count - 1)


def _loss(line: np.ndarray, outcomes: np.ndarray) -> float:
    return float(np.sum(np.logaddexp(0, line) - outcomes * line))
