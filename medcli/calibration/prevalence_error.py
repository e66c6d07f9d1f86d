"""How sure a prevalence is that was estimated without labels.

The error has two sources: which unlabelled images there happen to be, and what the calibration and its
prevalence were fitted on. The second is told as of an intercept for each class and one slope, fitted anew.

Reference: Newey & McFadden, Handbook of Econometrics 4, 1994, section 6 (two-step estimators); Liang & Zeger,
Biometrika 1986; 73:13 (sums by patient).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

_STEP = 1e-5
_LEAST = 1e-12


@dataclass(frozen=True)
class Images:
    """Images with calibrated probabilities.

    Attributes:
        probabilities: [images, classes].
        clusters: Patient of each image.
        targets: 1, 0 or NaN, [images, classes]; None where labels are not known.
    """

    probabilities: np.ndarray
    clusters: np.ndarray
    targets: np.ndarray | None = None


def prevalence_errors(
    new: Images, old: Images, *, before: np.ndarray, after: np.ndarray, fitted: list[bool], exclusive: bool
) -> np.ndarray:
    """Standard errors of prevalences that `estimate_prevalences` found; NaN at 0, at 1 and where unknown.

    Args:
        new: Without labels.
        old: That the probabilities were calibrated on, with labels.
        before: Prevalence of each class among them, [classes].
        after: What was found, [classes].
        fitted: Whether the probabilities of a class were calibrated, or left as they are.
        exclusive: Whether exactly one class is true.
    """
    assert old.targets is not None
    found = np.full(len(after), np.nan)
    if exclusive:
        used = np.flatnonzero((before > 0) & (after > 1e-6))
        if len(used) > 1:
            one, other = (
                Images(_shares(side.probabilities[:, used]), side.clusters, targets)
                for side, targets in ((new, None), (old, old.targets[:, used]))
            )
            found[used] = _errors(one, other, before[used], after[used], is_fitted=any(fitted))
        return found
    for column in np.flatnonzero((after > 1e-6) & (after < 1 - 1e-6)):
        known = ~np.isnan(old.targets[:, column])
        truth = _yes_and_no(old.targets[known, column])
        one = Images(_yes_and_no(new.probabilities[:, column]), new.clusters)
        other = Images(_yes_and_no(old.probabilities[known, column]), old.clusters[known], truth)
        rates = _yes_and_no(before[column]), _yes_and_no(after[column])
        found[column] = _errors(one, other, *rates, is_fitted=fitted[column])[1]
    return found


def _yes_and_no(values: np.ndarray) -> np.ndarray:
    return np.stack([1 - values, values], axis=-1)


def _shares(values: np.ndarray) -> np.ndarray:
    return values / values.sum(axis=1, keepdims=True)


def _errors(
    new: Images, old: Images, before: np.ndarray, after: np.ndarray, *, is_fitted: bool
) -> np.ndarray:
    """Of each of the classes, all of which occur; the first is what the others leave."""
    assert old.targets is not None
    truth, size = old.targets, len(before)
    logs = np.log(np.maximum(new.probabilities, _LEAST))

    def slopes(weights: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Derivative of each image's log-likelihood by the prevalences [images, classes - 1]."""
        moved = softmax(np.append(0.0, weights[:-1]) + weights[-1] * logs, axis=1)
        likelihoods = moved / np.append(1 - rates.sum(), rates)
        return (likelihoods[:, 1:] - likelihoods[:, :1]) / (likelihoods @ after)[:, None]

    as_fitted = np.append(np.zeros(size - 1), 1.0)
    each = slopes(as_fitted, before[1:])
    bread = np.linalg.pinv(each.T @ each / len(each), hermitian=True)
    variance = _by_patient(each @ bread / len(each), new.clusters)
    by_rates = _jacobian(lambda rates: slopes(as_fitted, rates).mean(axis=0), before[1:])
    parts = (truth[:, 1:] - before[1:]) / len(truth) @ by_rates.T
    if is_fitted:
        by_weights = _jacobian(lambda weights: slopes(weights, before[1:]).mean(axis=0), as_fitted)
        parts = parts + _recalibration(old.probabilities, truth) @ by_weights.T
    variance = variance + _by_patient(parts @ bread, old.clusters)
    of_first = variance.sum()
    return np.sqrt(np.maximum(0.0, np.append(of_first, np.diag(variance))))


def _recalibration(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """What each image adds to refitted intercepts and slope, [images, classes]."""
    logs = np.log(np.maximum(probabilities, _LEAST))
    residuals = truth - probabilities
    scores = np.column_stack([residuals[:, 1:], np.sum(residuals * logs, axis=1)])
    size = probabilities.shape[1]
    design = np.zeros((len(logs), size, size))
    design[:, range(1, size), range(size - 1)] = 1
    design[:, :, -1] = logs
    centred = design - np.einsum("ik,ikj->ij", probabilities, design)[:, None]
    information = np.einsum("ik,ikj,ikl->jl", probabilities, centred, centred)
    return scores @ np.linalg.pinv(information, hermitian=True)


def _by_patient(parts: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Covariance of a sum of what images add, whose sums by patient are independent."""
    _, codes = np.unique(clusters, return_inverse=True)
    sums = np.stack([np.bincount(codes, column) for column in parts.T], axis=1)
    return sums.T @ sums * (len(sums) / max(1, len(sums) - 1))


def _jacobian(function: Callable[[np.ndarray], np.ndarray], place: np.ndarray) -> np.ndarray:
    """Derivatives by central differences, [values, arguments]."""
    columns = []
    for number in range(len(place)):
        step = np.zeros(len(place))
        step[number] = _STEP
        columns.append((function(place + step) - function(place - step)) / (2 * _STEP))
    return np.stack(columns, axis=1)
