"""Error covariances of readers' figures: what cases, drawn anew, would do to all of them at once.

The figures of several readers (and modalities) on the same cases are correlated. Each method here gives the
covariance matrix of their errors, which `obuchowski_rockette` averages.
"""

from __future__ import annotations

import numpy as np

from medcli.errors import DataError
from medcli.metrics.roc import RocComponents, auc_covariance, placements, roc_components

METHODS = ("delong", "jackknife", "unbiased")


def auc_covariances(
    targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, method: str = "delong"
) -> tuple[np.ndarray, np.ndarray]:
    """AUC of each row of scores, and the covariance matrix of their errors.

    Args:
        targets: 1 or 0 of each case, with two patients of either kind; [cases], or [rows, cases] when the
            truth is not the same for all.
        scores: Ratings [rows, cases]; a row is a reader in one modality, or a model.
        clusters: Patient code of each case, from 0.
        method: `delong` (clustered by patient; a case that is NaN in a row is left out of that row),
            `jackknife` (a patient left out at a time), or `unbiased` (of Gallas; a case is a patient).

    Returns:
        float [rows], and float [rows, rows].

    Reference: DeLong, DeLong & Clarke-Pearson, Biometrics 1988; Gallas, Academic Radiology 2006; 13:353.
    """
    if method not in METHODS:
        raise DataError(f"covariances are {', '.join(METHODS)}, not {method!r}")
    if method != "delong" and np.isnan(scores).any():
        raise DataError(f"covariances by {method} need every reading", hint="leave out --covariance")
    if method == "unbiased" and len(np.unique(clusters)) < len(clusters):
        raise DataError("unbiased covariances need one case a patient", hint="leave out --covariance")
    if method == "unbiased":
        return _unbiased(targets, scores)
    if method == "jackknife":
        return _jackknifed_areas(targets, scores, clusters)
    parts = [
        _components(truth, row, clusters)
        for truth, row in zip(np.broadcast_to(targets, np.shape(scores)), scores, strict=True)
    ]
    kept = [part for part in parts if part is not None]
    if len(kept) < len(parts) or not all(part.has_variance for part in kept):
        raise DataError("covariances of AUCs need two patients of each kind")
    return np.array([part.auc for part in kept]), np.array(
        [[auc_covariance(a, b) for b in kept] for a in kept]
    )


def share_covariances(successes: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of successes of each row and their covariances, leaving out one patient at a time.

    Args:
        successes: 1 or 0, [rows, cases]: calls of the positive cases give sensitivities, for instance. A case
            that is NaN in a row is left out of that row.
        clusters: Patient of each case.

    Raises:
        DataError: If a row has cases of fewer than two patients.
    """
    _, codes = np.unique(clusters, return_inverse=True)
    known = ~np.isnan(np.asarray(successes, dtype=float))
    sizes = np.stack([np.bincount(codes, row) for row in known])
    sums = np.stack([np.bincount(codes, row) for row in np.where(known, successes, 0.0)])
    rest = sizes.sum(axis=1, keepdims=True) - sizes
    if not rest.all():
        raise DataError("covariances of shares need cases of two patients")
    left_out = (sums.sum(axis=1, keepdims=True) - sums) / rest
    return sums.sum(axis=1) / sizes.sum(axis=1), jackknife_covariance(left_out)


def pair_wins(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Whether each row puts a positive above a negative, ties one half: [rows, positives, negatives]."""
    is_positive = np.asarray(targets) == 1
    gaps = scores[:, is_positive][:, :, None] - scores[:, ~is_positive][:, None, :]
    return np.asarray((gaps > 0) + (gaps == 0) / 2)


def jackknife_covariance(left_out: np.ndarray) -> np.ndarray:
    """Covariance matrix from figures [rows, patients] that each leave out one patient."""
    count = left_out.shape[1]
    centred = left_out - left_out.mean(axis=1, keepdims=True)
    return (count - 1) / count * centred @ centred.T


def _components(targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray) -> RocComponents | None:
    known = ~(np.isnan(targets) | np.isnan(scores))
    size = int(clusters.max()) + 1
    return roc_components(targets[known], scores[known], clusters[known], num_clusters=size)


def _jackknifed_areas(
    targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All leave-one-out AUCs from placements: a patient's wins and losses are taken off the total."""
    _, codes = np.unique(clusters, return_inverse=True)
    is_positive = np.asarray(targets) == 1
    areas, rows = [], []
    for row in scores:
        placed = placements(targets, row)
        if placed is None:
            raise DataError("covariances of AUCs need two patients of each kind")
        wins = placed.auc * placed.num_positive * placed.num_negative
        # Pairs with a case of the patient on either side; pairs within the patient are counted twice.
        weight = np.where(is_positive, placed.num_negative, placed.num_positive)
        touched = np.bincount(codes, placed.values * weight) - _within(is_positive, row, codes)
        positives = placed.num_positive - np.bincount(codes, is_positive)
        negatives = placed.num_negative - np.bincount(codes, ~is_positive)
        if not (positives.all() and negatives.all()):
            raise DataError("covariances of AUCs need two patients of each kind")
        areas.append(placed.auc)
        rows.append((wins - touched) / (positives * negatives))
    return np.array(areas), jackknife_covariance(np.array(rows))


def _within(is_positive: np.ndarray, scores: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Wins of each patient's positive cases over his own negative ones."""
    wins = np.zeros(codes.max() + 1)
    if len(wins) == len(codes):
        return wins
    for code in np.unique(codes[is_positive]):
        own = codes == code
        above, below = scores[own & is_positive], scores[own & ~is_positive]
        gap = above[:, None] - below[None, :]
        wins[code] = np.sum(gap > 0) + np.sum(gap == 0) / 2
    return wins


def _unbiased(targets: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Product of two AUCs less the mean product over pairs that share no case."""
    wins = pair_wins(targets, scores)
    positives, negatives = wins.shape[1:]
    if min(positives, negatives) < 2:
        raise DataError("covariances of AUCs need two patients of each kind")
    flat, by_positive, by_negative = wins.reshape(len(wins), -1), wins.sum(axis=2), wins.sum(axis=1)
    total = flat.sum(axis=1)
    apart = np.outer(total, total) - by_positive @ by_positive.T - by_negative @ by_negative.T + flat @ flat.T
    mean = apart / (positives * (positives - 1) * negatives * (negatives - 1))
    areas = total / (positives * negatives)
    return areas, np.outer(areas, areas) - mean
