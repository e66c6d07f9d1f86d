"""Local regression in one variable as R's `loess` does it: fitted at a few vertices, blended between them.

Reference: Cleveland & Grosse, Statistics and Computing 1991; 1:47; defaults of R (span 0.75, quadratic).
"""

from __future__ import annotations

import math

import numpy as np

# R splits a cell while it holds more than this share of the span's points, and is wider than a 20th of all.
_CELL, _NARROW, _MARGIN = 0.2, 0.05, 0.005


class Loess:
    """A smoother of one variable, which is linear in the outcomes: built once, applied to many of them.

    Args:
        positions: Where the outcomes are, float [images].
        span: Share of the images in each local fit.
        degree: Of the local polynomial, 1 or 2.
    """

    def __init__(self, positions: np.ndarray, *, span: float = 0.75, degree: int = 2) -> None:
        self._order = np.argsort(positions, kind="stable")
        self._sorted = np.asarray(positions, dtype=float)[self._order]
        count = min(len(positions), math.floor(len(positions) * span + 1e-5))
        self.vertices = _vertices(self._sorted, fewest=math.floor(len(positions) * span * _CELL))
        fits = [
            _local(self._sorted, at, count=count, widen=max(1.0, span), degree=degree) for at in self.vertices
        ]
        self._starts = [start for start, _ in fits]
        self._rows = [rows for _, rows in fits]

    def fit(self, outcomes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and slopes at the vertices, [vertices], or [vertices, columns] for sets of outcomes."""
        ordered = np.asarray(outcomes, dtype=float)[self._order]
        both = [
            rows @ ordered[start : start + rows.shape[1]]
            for start, rows in zip(self._starts, self._rows, strict=True)
        ]
        stacked = np.stack(both)
        return stacked[:, 0], stacked[:, 1]

    def smooth(self, outcomes: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """The smooth curve at some positions inside the range of the data, cubic between vertices."""
        values, slopes = self.fit(outcomes)
        return self.blend(values, slopes, positions)

    def blend(self, values: np.ndarray, slopes: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Hermite's cubic through values and slopes at the vertices: [positions] or [positions, columns]."""
        cell = np.clip(np.searchsorted(self.vertices, positions, side="right") - 1, 0, len(self.vertices) - 2)
        width = self.vertices[cell + 1] - self.vertices[cell]
        share = (positions - self.vertices[cell]) / width
        if values.ndim == 2:
            share, width = share[:, None], width[:, None]
        rest = 1 - share
        return (
            rest**2 * (1 + 2 * share) * values[cell]
            + share**2 * (3 - 2 * share) * values[cell + 1]
            + share * rest**2 * width * slopes[cell]
            - share**2 * rest * width * slopes[cell + 1]
        )


def _vertices(ordered: np.ndarray, *, fewest: int) -> np.ndarray:
    """Ends and cuts of the cells, each halved at its median until it is small."""
    low, high = float(ordered[0]), float(ordered[-1])
    margin = _MARGIN * max(high - low, 1e-10 * max(abs(low), abs(high)) + 1e-30)
    low, high = low - margin, high + margin
    cuts, cells = [low, high], [(0, len(ordered) - 1, low, high)]
    while cells:
        first, last, left, right = cells.pop()
        if last - first + 1 <= fewest or right - left <= _NARROW * (high - low):
            continue
        middle = _split(ordered, first, last)
        cut = float(ordered[middle])
        if cut in (left, right):
            continue
        cuts.append(cut)
        cells += [(first, middle, left, cut), (middle + 1, last, cut, right)]
    return np.unique(cuts)


def _split(ordered: np.ndarray, first: int, last: int) -> int:
    """The last of the lower half; equal values are not parted, but stepped over, near ones first."""
    middle, offset = (first + last) // 2, 0
    while first <= middle + offset < last:
        if ordered[middle + offset] != ordered[middle + offset + 1]:
            return middle + offset
        offset = 1 - offset if offset <= 0 else -offset
    return middle


def _local(
    ordered: np.ndarray, at: float, *, count: int, widen: float, degree: int
) -> tuple[int, np.ndarray]:
    """Weights of the nearest outcomes in the value and the slope at a vertex: first index, [2, outcomes]."""
    start = _nearest(ordered, at, count)
    offsets = ordered[start : start + count] - at
    reach = float(np.abs(offsets).max()) * math.sqrt(widen)
    weights = np.clip(1 - (np.abs(offsets) / max(reach, 1e-300)) ** 3, 0, None) ** 3
    scale = reach if reach > 0 else 1.0
    design = (offsets[:, None] / scale) ** np.arange(degree + 1)
    root = np.sqrt(weights)
    solution = np.linalg.pinv(design * root[:, None], rcond=1e-9) * root
    return start, np.stack([solution[0], solution[1] / scale])


def _nearest(ordered: np.ndarray, at: float, count: int) -> int:
    """First of the `count` consecutive values that are nearest."""
    low, high = 0, len(ordered) - count
    while low < high:
        middle = (low + high) // 2
        if at - ordered[middle] > ordered[middle + count] - at:
            low = middle + 1
        else:
            high = middle
    return low
