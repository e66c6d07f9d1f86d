"""Distance between predicted risks and a smooth curve of observed ones: the integrated calibration index.

Reference: Austin & Steyerberg, Statistics in Medicine 2019; 38:4051.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.metrics.bins import in_order
from medcli.metrics.loess import Loess
from medcli.quantity import Quantity, beside, quantity, undefined

_FEWEST = 10
_MOST_FOR_BAND = 100_000


def integrated_calibration_index(
    probabilities: np.ndarray,
    targets: np.ndarray,
    clusters: np.ndarray,
    *,
    level: float = 0.95,
    seed: int = 0,
    simulations: int = 200,
    points: int = 101,
) -> Quantity:
    """Mean gap between probability and smoothed frequency, beside what perfect probabilities would show.

    The smoother is R's `loess` with its defaults. Like binned errors the index is biased upwards; it has no
    interval but a band of outcomes drawn from the probabilities. A span is a whole number of images, rounded
    down as R does: so images that come twice may move it a little.

    Args:
        probabilities: Of the event, float [images].
        targets: 1 or 0, [images], no unknowns.
        clusters: Patient of each image.

    Returns:
        A quantity with `e50`, `e90`, `emax` (median, 90th percentile, largest gap) and `curve`
        (`probability`, `frequency`).
    """
    method, used = "ICI, loess", len(np.unique(clusters))
    p, y = in_order(np.asarray(probabilities, dtype=float), (np.asarray(targets) == 1).astype(float))
    n, values = len(p), np.unique(p)
    if n < _FEWEST or len(values) < 4:
        reason = f"needs {_FEWEST} images with 4 different probabilities" if n else "no known label"
        return undefined(reason, method=method, n=n, n_clusters=used)
    smoother = Loess(p)
    heights, slopes = smoother.fit(y)
    gaps = np.abs(smoother.blend(heights, slopes, p) - p)
    grid = np.linspace(values[0], values[-1], points)
    value = quantity(
        float(gaps.mean()),
        method=method,
        n=n,
        n_clusters=used,
        reason="no interval: the index is biased upwards; compare with the baseline's band",
    )
    facts: dict[str, Any] = {
        "e50": float(np.median(gaps)),
        "e90": float(np.quantile(gaps, 0.9)),
        "emax": float(gaps.max()),
        "curve": {
            "probability": grid.tolist(),
            "frequency": np.clip(smoother.blend(heights, slopes, grid), 0, 1).tolist(),
        },
    }
    if n > _MOST_FOR_BAND:
        return {**value, **facts}
    perfect = _perfect(smoother, p, seed=seed, simulations=simulations)
    value = beside(value, rule="perfect calibration at this size", estimate=float(perfect.mean()))
    edges = np.quantile(perfect, [(1 - level) / 2, (1 + level) / 2])
    value["baseline"]["band"] = [float(edge) for edge in edges]
    return {**value, **facts}


def _perfect(smoother: Loess, p: np.ndarray, *, seed: int, simulations: int) -> np.ndarray:
    generator = np.random.Generator(np.random.PCG64(seed))
    found = []
    for _ in range(simulations):
        heights, slopes = smoother.fit(generator.random(len(p)) < p)
        found.append(np.mean(np.abs(smoother.blend(heights, slopes, p) - p)))
    return np.array(found)
