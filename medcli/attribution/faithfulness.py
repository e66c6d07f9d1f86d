"""Whether the pixels that a map ranks first are those the model uses: curves of deletion and insertion.

Reference: Petsiuk, Das & Saenko, RISE: Randomized Input Sampling for Explanation of Black-box Models, BMVC
2018, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def replacement_curve(
    score: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    end: np.ndarray,
    *,
    attribution: np.ndarray,
    steps: int,
) -> np.ndarray:
    """The model's score while one image turns into another, the highest pixels of a map first.

    From the image to nothing it is the curve of deletion, from nothing to the image that of insertion.

    Args:
        score: Of a batch [images, ..., height, width], one number an image.
        start: Image [..., height, width].
        end: What it becomes, of the same shape.
        attribution: The map [height, width]; equal pixels go in the order of rows.
        steps: In how many equal shares of the pixels.

    Returns:
        float [steps + 1], the first of `start`, the last of `end`.
    """
    rank = np.empty(attribution.size, dtype=np.int64)
    rank[np.argsort(-attribution, axis=None, kind="stable")] = np.arange(attribution.size)
    place = rank.reshape(attribution.shape)
    edges = np.round(np.linspace(0, attribution.size, steps + 1))
    return score(np.stack([np.where(place < edge, end, start) for edge in edges]))


def area_under(curve: np.ndarray) -> float:
    """Mean height of the curve: low is good for deletion, high for insertion."""
    return float(np.mean((curve[1:] + curve[:-1]) / 2))
