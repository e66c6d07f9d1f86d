"""Calibration error without bins: residuals smoothed at the scale that the error itself sets.

Reference: Błasiok & Nakkiran, Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing, ICLR 2024.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.metrics.bins import in_order
from medcli.metrics.ece import beside_perfect
from medcli.quantity import Quantity, undefined

# Points of [0, 1] at which residuals are gathered; a scale below two steps of it is not told from none.
_POINTS = 1025


def smooth_calibration_error(probabilities: np.ndarray, outcomes: np.ndarray) -> float:
    """Width at which residuals smoothed by a Gaussian reflected at 0 and 1 have just that mean size.

    Args:
        probabilities: Of the event, float [images] in [0, 1].
        outcomes: Whether it happened, [images].

    Returns:
        The error in [0, 1], to the width of the grid (section 2, definition of smECE as the fixed point).
    """
    return _Grid(np.asarray(probabilities, dtype=float)).error(np.asarray(outcomes, dtype=float))


def smooth_ece(
    probabilities: np.ndarray,
    targets: np.ndarray,
    clusters: np.ndarray,
    *,
    level: float,
    seed: int,
    simulations: int = 200,
) -> Quantity:
    """Smooth ECE of the probability of a label, beside what perfect probabilities would show at this size.

    Args:
        probabilities: Of the label, float [images] in [0, 1].
        targets: 1 or 0, [images], no unknowns.
        clusters: Patient of each image.
        level: Share of perfect models that the baseline's band holds.
        seed: Of the outcomes drawn from the probabilities, each image on its own.
        simulations: How many times.
    """
    method = "smooth, probability of the label"
    if len(probabilities) == 0:
        return undefined("no known label", method=method, n=0, n_clusters=0)
    p, y = in_order(np.asarray(probabilities, dtype=float), (np.asarray(targets) == 1).astype(float))
    grid = _Grid(p)
    perfect = grid.perfect(seed=seed, simulations=simulations)
    options: dict[str, Any] = {"method": method, "n": len(p), "used": len(np.unique(clusters))}
    return beside_perfect(grid.error(y), perfect, **options, level=level)


class _Grid:
    """Probabilities shared out between the two nearest of equally spaced points."""

    def __init__(self, p: np.ndarray) -> None:
        place = p * (_POINTS - 1)
        self.p = p
        self.low = np.minimum(place.astype(np.int64), _POINTS - 2)
        self.share = place - self.low
        self.decay = (np.pi * np.arange(_POINTS)) ** 2 / 2
        # The points at the ends stand for half a step.
        self.weights = np.ones(_POINTS)
        self.weights[[0, -1]] = 0.5

    def error(self, outcomes: np.ndarray) -> float:
        """Of these outcomes, [images]."""
        gaps = (self.p - outcomes) / len(self.p)
        mass = np.bincount(self.low, (1 - self.share) * gaps, _POINTS)
        mass += np.bincount(self.low + 1, self.share * gaps, _POINTS)
        return float(self._fixed_points(mass[None])[0])

    def perfect(self, *, seed: int, simulations: int) -> np.ndarray:
        """Errors of outcomes drawn from the probabilities; images between two points are drawn together."""
        counts = np.bincount(self.low, minlength=_POINTS - 1)
        risk, share = (
            np.bincount(self.low, values, _POINTS - 1) / np.maximum(counts, 1)
            for values in (self.p, self.share)
        )
        generator = np.random.Generator(np.random.PCG64(seed))
        drawn = generator.binomial(counts, np.minimum(risk, 1), size=(simulations, len(counts)))
        gaps = (counts * risk - drawn) / len(self.p)
        mass = np.zeros((simulations, _POINTS))
        mass[:, :-1] = (1 - share) * gaps
        mass[:, 1:] += share * gaps
        return self._fixed_points(mass)

    def _fixed_points(self, mass: np.ndarray) -> np.ndarray:
        """The width that is the mean size of each row [rows, points]: sizes fall as widths grow: halving."""
        from scipy.fft import dct, idct

        # Smoothing with reflection at both ends is damping of cosines.
        waves = dct(mass / self.weights, type=1)
        low, high = np.zeros(len(mass)), np.ones(len(mass))
        step = 1.0
        while step > 1 / (4 * _POINTS):
            middle = (low + high) / 2
            smoothed = idct(waves * np.exp(-self.decay * middle[:, None] ** 2), type=1)
            is_larger = np.abs(smoothed) @ self.weights > middle
            low, high = np.where(is_larger, middle, low), np.where(is_larger, high, middle)
            step /= 2
        return (low + high) / 2
