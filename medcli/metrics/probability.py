"""How far probabilities can be trusted: reliability bins, ECE, Brier score and log loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.metrics.intervals import mean_value
from medcli.quantity import Quantity, beside

# The smallest step of float64 below 1: what a probability is kept away from 0 and 1 in a logarithm.
_TINY = np.finfo(np.float64).eps


def reliability_bins(
    probabilities: np.ndarray, outcomes: np.ndarray, *, num_bins: int
) -> list[dict[str, Any]]:
    """Equal-width bins (low, high], the first closed at 0, that hold an image.

    Args:
        probabilities: Of the event, float [images] in [0, 1].
        outcomes: Whether it happened, [images].
    """
    edges = np.linspace(0, 1, num_bins + 1)
    codes, counts, confidence, frequency = _binned(probabilities, outcomes, edges)
    return [
        {
            "low": float(edges[code]),
            "high": float(edges[code + 1]),
            "n": int(counts[code]),
            "mean_probability": float(confidence[code]),
            "frequency": float(frequency[code]),
        }
        for code in codes
    ]


def expected_calibration_error(
    probabilities: np.ndarray, outcomes: np.ndarray, *, num_bins: int = 15
) -> float:
    """Average gap between predicted and observed frequency, weighted by bin size.

    Args:
        probabilities: Of the event, float [images] in [0, 1]: of a label, or of the called class.
        outcomes: Whether it happened: the label is 1, or the call is right.
        num_bins: Equal-width bins (low, high], the first closed at 0.

    Reference: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2.
    """
    edges = np.linspace(0, 1, num_bins + 1)
    codes, counts, confidence, frequency = _binned(probabilities, outcomes, edges)
    return float(np.sum(counts[codes] * np.abs(confidence[codes] - frequency[codes])) / len(probabilities))


def brier_quantity(
    probabilities: np.ndarray, targets: np.ndarray, clusters: np.ndarray, *, level: float
) -> Quantity:
    """Mean squared error of probabilities, beside that of predicting the prevalence for everyone.

    Args:
        probabilities: [images] of one label, or [images, classes], summed over classes (Brier 1950).
        targets: 1 or 0, of the same shape.
    """
    squares = np.atleast_2d((probabilities - targets).T ** 2).sum(axis=0)
    prevalence = np.mean(targets, axis=0) if len(targets) else np.zeros(1)
    what = "mean squared error" + (", summed over classes" if np.ndim(targets) == 2 else "")
    value = mean_value(squares, clusters, level=level, what=what)
    return beside(value, rule="prevalence", estimate=float(np.sum(prevalence * (1 - prevalence))))


def log_loss_quantity(
    probabilities: np.ndarray, targets: np.ndarray, clusters: np.ndarray, *, level: float
) -> Quantity:
    """Mean negative log-likelihood in nats, beside that of predicting the prevalence for everyone."""
    value = mean_value(
        log_losses(probabilities, targets), clusters, level=level, what="mean log loss in nats"
    )
    if len(targets) == 0:
        return value
    prevalence = np.broadcast_to(np.mean(targets, axis=0), np.shape(targets))
    return beside(value, rule="prevalence", estimate=float(np.mean(log_losses(prevalence, targets))))


def log_losses(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each image, probabilities kept one float64 step away from 0.

    Args:
        probabilities: [images] of one label, or [images, classes] whose rows sum to 1.
        targets: 1 or 0, of the same shape.
    """
    if np.ndim(targets) == 2:
        return -np.log(np.maximum(np.sum(probabilities * targets, axis=1), _TINY))
    of_truth = np.where(targets == 1, probabilities, 1 - probabilities)
    return -np.log(np.maximum(of_truth, _TINY))


def _binned(
    probabilities: np.ndarray, outcomes: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Non-empty bins, and of every bin its count, mean probability and frequency."""
    num_bins = len(edges) - 1
    bins = np.searchsorted(edges[1:-1], probabilities, side="left")
    counts = np.bincount(bins, minlength=num_bins)
    size = np.maximum(counts, 1)
    confidence = np.bincount(bins, probabilities, num_bins) / size
    frequency = np.bincount(bins, np.asarray(outcomes, dtype=float), num_bins) / size
    return np.flatnonzero(counts), counts, confidence, frequency
