"""Isotonic regression of one label: a rising step curve, with its ends kept away from 0 and 1.

Reference: Zadrozny & Elkan, KDD 2002; Ayer et al., Annals of Mathematical Statistics 1955 (pooling).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from medcli.calibration.cases import few_flags, result, why_unfit


def fit_isotonic(logits: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    """Corners of the curve: `scores` and `probabilities`, rising.

    Between corners probabilities are interpolated, so that ranks turn into ties but never around.
    Probabilities keep 1 / (n + 2) away from 0 and 1: no finite sample shows certainty.

    Args:
        logits: float [images].
        targets: 1 or 0, [images], no unknowns.
    """
    reason = why_unfit(targets)
    if reason:
        return result({"scores": None, "probabilities": None}, reason=reason)
    positions, heights = steps(logits, targets)
    least = 1 / (len(targets) + 2)
    bounded = np.clip(heights, least, 1 - least)
    flags = few_flags(targets)
    if (bounded != heights).any():
        flags.append(f"frequencies of 0 or 1 are kept {least:.2g} away from it")
    return result({"scores": positions.tolist(), "probabilities": bounded.tolist()}, flags=flags)


def steps(logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last score of each pooled block, and its frequency at both."""
    values, codes = np.unique(logits, return_inverse=True)
    counts = np.bincount(codes)
    shares = np.bincount(codes, targets == 1) / counts
    fitted = isotonic_regression(shares, weights=counts).x
    is_first = np.append(True, np.diff(fitted) > 0)
    is_corner = is_first | np.append(is_first[1:], True)
    return values[is_corner], fitted[is_corner]


def apply_isotonic(logits: np.ndarray, *, scores: list[float], probabilities: list[float]) -> np.ndarray:
    """Calibrated probabilities [images]; beyond the first and last corner the curve is flat."""
    return np.interp(logits, scores, probabilities)
