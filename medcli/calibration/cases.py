"""Whether a label can be calibrated on these images, and what to do where its scores separate the classes."""

from __future__ import annotations

from typing import Any

import numpy as np

# Fewer cases of a kind than this share their slope with other labels, or are flagged.
FEW = 10
_ROUNDING = 1e-12


def why_unfit(targets: np.ndarray) -> str | None:
    """Why nothing can be fitted to these targets (1 or 0, [images]); None when it can."""
    positives = int(np.sum(targets == 1))
    if 0 < positives < len(targets):
        return None
    if len(targets) == 0:
        return "no known label"
    return f"no {'positive' if positives == 0 else 'negative'} case to fit on"


def few_flags(targets: np.ndarray) -> list[str]:
    """A word on few cases."""
    positives = int(np.sum(targets == 1))
    negatives = len(targets) - positives
    if min(positives, negatives) >= FEW:
        return []
    return [f"few cases to fit on ({positives} positive, {negatives} negative)"]


def are_equal(logits: np.ndarray) -> bool:
    """Whether all scores are equal, up to rounding: their range does not lie as their deviation does."""
    return bool(np.ptp(logits) <= _ROUNDING * max(abs(float(np.mean(logits))), 1.0))


def held_outcomes(logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Targets as they are, or Platt's smoothed ones where the scores separate the classes, with the flag.

    Reference: Platt, Advances in Large Margin Classifiers, 1999, section 2.2.
    """
    is_positive = targets == 1
    outcomes = is_positive.astype(float)
    if logits[is_positive].min() < logits[~is_positive].max():
        return outcomes, []
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    smoothed = np.where(is_positive, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    return smoothed, ["the scores separate the classes: Platt's smoothed targets hold the slope"]


def result(
    values: dict[str, Any], *, flags: list[str] | None = None, reason: str | None = None
) -> dict[str, Any]:
    """Parameters of one label with what there is to say of them."""
    return {**values, "flags": flags or [], "reason": reason}
