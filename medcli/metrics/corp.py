"""The reliability diagram without bins, and the Brier score taken apart: CORP.

Reference: Dimitriadis, Gneiting & Jordan, PNAS 2021; 118:e2016191118.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from medcli.metrics.bins import in_order
from medcli.quantity import Quantity, beside, quantity, undefined


class Pooling:
    """Probabilities sorted once, so that the frequencies of many sets of outcomes are found fast.

    Args:
        probabilities: float [images]; equal ones get one frequency.
    """

    def __init__(self, probabilities: np.ndarray) -> None:
        self.values, self._codes = np.unique(np.asarray(probabilities, dtype=float), return_inverse=True)
        self.counts = np.bincount(self._codes)

    def frequencies(self, outcomes: np.ndarray) -> np.ndarray:
        """Frequency of the event at each distinct probability, rising, by pooling adjacent violators."""
        shares = np.bincount(self._codes, outcomes, len(self.values)) / self.counts
        return isotonic_regression(shares, weights=self.counts).x if len(shares) else shares

    def miscalibration(self, frequencies: np.ndarray, outcomes: np.ndarray) -> float:
        """Mean squared gap between probability and frequency, less what pooling leaves over.

        The Brier score less that of the frequencies; the outcomes enter by their sums alone.
        """
        events = np.bincount(self._codes, outcomes, len(self.values))
        gap = self.values**2 - frequencies**2
        return float(np.sum(self.counts * gap - 2 * events * (self.values - frequencies)) / self.counts.sum())


def recalibrate(probabilities: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    """Frequency of the event at each image's probability, rising with it, [images].

    Args:
        probabilities: float [images].
        outcomes: 1 or 0, [images].
    """
    pooling = Pooling(probabilities)
    return pooling.frequencies(np.asarray(outcomes, dtype=float))[
        np.searchsorted(pooling.values, probabilities)
    ]


def decompose_brier(probabilities: np.ndarray, outcomes: np.ndarray) -> dict[str, float]:
    """`score` = `miscalibration` - `discrimination` + `uncertainty`, each of them at least 0."""
    p, y = np.asarray(probabilities, dtype=float), np.asarray(outcomes, dtype=float)
    score = float(np.mean((p - y) ** 2))
    fitted = float(np.mean((recalibrate(p, y) - y) ** 2))
    uncertainty = float(y.mean() * (1 - y.mean()))
    return {
        "score": score,
        "miscalibration": score - fitted,
        "discrimination": uncertainty - fitted,
        "uncertainty": uncertainty,
    }


def corp_quantity(
    probabilities: np.ndarray,
    outcomes: np.ndarray,
    clusters: np.ndarray,
    *,
    level: float,
    seed: int,
    simulations: int = 200,
    points: int = 101,
) -> Quantity:
    """Miscalibration of the Brier score beside what perfect probabilities would show, and the diagram.

    Perfect outcomes are drawn from the probabilities, each image on its own. The baseline's `band` holds
    `level` of their miscalibrations, the curve's band `level` of their frequencies, point by point.

    Returns:
        A quantity with `decomposition`; `p`, the share of perfect models that look worse; and `curve`:
        `steps` (`low` and `high` probability, `frequency`, `n`) and `grid` (`probability`, `low`, `high`).
    """
    method, used = "CORP miscalibration of the Brier score", len(np.unique(clusters))
    p, y = in_order(np.asarray(probabilities, dtype=float), (np.asarray(outcomes) == 1).astype(float))
    if len(p) == 0:
        none = undefined("no known label", method=method, n=0, n_clusters=0)
        grid: dict[str, list[float]] = {"probability": [], "low": [], "high": []}
        return {**none, "decomposition": None, "p": None, "curve": {"steps": [], "grid": grid}}
    pooling, parts = Pooling(p), decompose_brier(p, y)
    generator = np.random.Generator(np.random.PCG64(seed))
    grid_points = np.linspace(pooling.values[0], pooling.values[-1], points)
    perfect, curves = np.empty(simulations), np.empty((simulations, points))
    for number in range(simulations):
        drawn = (generator.random(len(p)) < p).astype(float)
        frequencies = pooling.frequencies(drawn)
        perfect[number] = pooling.miscalibration(frequencies, drawn)
        curves[number] = np.interp(grid_points, pooling.values, frequencies)
    low, high = _band(curves, level)
    value = quantity(
        parts["miscalibration"],
        method=method,
        n=len(p),
        n_clusters=used,
        reason="no interval: the measure is at least 0 and biased upwards; compare with the baseline's band",
    )
    value = beside(value, rule="perfect calibration at this size", estimate=float(perfect.mean()))
    value["baseline"]["band"] = [float(edge) for edge in _band(perfect, level)]
    return {
        **value,
        "decomposition": parts,
        "p": float((1 + np.sum(perfect >= parts["miscalibration"])) / (1 + simulations)),
        "curve": {
            "steps": _steps(pooling, pooling.frequencies(y)),
            "grid": {"probability": grid_points.tolist(), "low": low.tolist(), "high": high.tolist()},
        },
    }


def _steps(pooling: Pooling, frequencies: np.ndarray) -> list[dict[str, Any]]:
    starts = np.flatnonzero(np.append(True, np.diff(frequencies) > 0))
    ends = np.append(starts[1:], len(frequencies)) - 1
    counts = np.add.reduceat(pooling.counts, starts)
    return [
        {
            "low": float(pooling.values[start]),
            "high": float(pooling.values[end]),
            "frequency": float(frequencies[start]),
            "n": int(count),
        }
        for start, end, count in zip(starts, ends, counts, strict=True)
    ]


def _band(values: np.ndarray, level: float) -> np.ndarray:
    return np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
