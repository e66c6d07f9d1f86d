"""Probabilities moved to another prevalence: the odds change, what the image says does not.

Reference: Saerens, Latinne & Decaestecker, Neural Computation 2002; 14:21, equations 4 and 9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

from medcli.errors import UsageError

_ROUNDS = 10_000


def prevalences(targets: np.ndarray) -> np.ndarray:
    """Share of each class among its known labels, [classes]; NaN where no label is known."""
    known = ~np.isnan(targets)
    counts = known.sum(axis=0)
    return np.where(counts > 0, np.nansum(targets, axis=0) / np.maximum(counts, 1), np.nan)


def shifts(before: np.ndarray, after: np.ndarray, *, exclusive: bool) -> np.ndarray:
    """What is added to each class's log-odds (of a label) or log-probability (of exclusive classes).

    Zero where the prevalence is unknown, or 0 or 1 and no shift can be told.

    Args:
        before: Prevalence that the probabilities were made for, [classes].
        after: That of the population in mind, [classes].
    """
    usable = (before > 0) & (before < 1) & (after > 0) & (after < 1)
    first, second = np.where(usable, before, 0.5), np.where(usable, after, 0.5)
    return np.log(second / first) if exclusive else logit(second) - logit(first)


def apply_shifts(probabilities: np.ndarray, added: np.ndarray, *, exclusive: bool) -> np.ndarray:
    """Probabilities [images, classes] after adding to log-odds, or to log-probabilities of a softmax."""
    if exclusive:
        weighed = probabilities * np.exp(added)
        return weighed / weighed.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.where(added == 0, probabilities, expit(logit(probabilities) + added))


def shift_values(section: dict[str, Any]) -> np.ndarray:
    """What a manifest's `prevalence_shift` adds to each class, [classes]."""
    return np.array([entry["shift"] for entry in section["classes"]])


def spread_over_classes(given: dict[int, float], before: np.ndarray) -> np.ndarray:
    """Prevalences of exclusive classes of which some are given; the others keep their proportions.

    Raises:
        UsageError: If those given exceed 1, or all are given and their sum is not 1.
    """
    total = sum(given.values())
    others = [column for column in range(len(before)) if column not in given]
    if total > 1 + 1e-9 or (not others and abs(total - 1) > 1e-6):
        raise UsageError(f"the prevalences of all classes must sum to 1, these sum to {total:g}")
    after = before.copy()
    for column, value in given.items():
        after[column] = value
    if others:
        after[others] *= (1 - total) / before[others].sum()
    return after


def estimate_prevalences(probabilities: np.ndarray, before: np.ndarray, *, exclusive: bool) -> np.ndarray:
    """Prevalences [classes] that make unlabelled images most likely, when only the prevalence has changed.

    What images of a class look like must be the same as before, and probabilities must be calibrated there.

    Args:
        probabilities: Calibrated for `before`, of the unlabelled images, [images, classes].
        before: Prevalence of each class, [classes]; NaN stays NaN.
        exclusive: Whether exactly one class is true.
    """
    if exclusive:
        return _settle(probabilities, before)
    after = np.full(len(before), np.nan)
    for column, share in enumerate(before):
        if 0 < share < 1:
            own = probabilities[:, column]
            after[column] = _settle(np.stack([own, 1 - own], axis=1), np.array([share, 1 - share]))[0]
    return after


def _settle(probabilities: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Expectation and maximisation in turn until the prevalences stay."""
    likelihoods = np.divide(probabilities, before, out=np.zeros_like(probabilities), where=before > 0)
    after = before
    for _ in range(_ROUNDS):
        weighed = likelihoods * after
        moved = np.mean(weighed / weighed.sum(axis=1, keepdims=True), axis=0)
        if np.abs(moved - after).max() < 1e-10:
            return moved
        after = moved
    return after
