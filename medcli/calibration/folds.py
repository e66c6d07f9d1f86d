"""Folds of patients, for whatever must be judged on images that its fit has not seen."""

from __future__ import annotations

import numpy as np

FOLDS = 5


def patient_folds(scores: np.ndarray, targets: np.ndarray, clusters: np.ndarray, *, seed: int) -> np.ndarray:
    """Fold of each image, int [images]: five, or as many as there are patients.

    Patients are dealt in turn, those with the rarest finding first, else at random. They are told apart by
    what their images hold, so that neither the order of rows nor the names of patients matter.

    Args:
        scores: [images, classes].
        targets: 1, 0 or NaN, [images, classes].
        clusters: Patient code of each image.
        seed: Of the deal.
    """
    if len(targets) == 0:
        return np.zeros(0, dtype=int)
    codes = _by_content(scores, targets, clusters)
    num_patients = int(codes.max()) + 1
    has = np.zeros((num_patients, targets.shape[1]), dtype=bool)
    np.logical_or.at(has, codes, targets == 1)
    order = np.argsort(has.sum(axis=0), kind="stable")
    rarest = np.where(has.any(axis=1), has[:, order].argmax(axis=1), targets.shape[1])
    shuffled = np.random.Generator(np.random.PCG64(seed)).permutation(num_patients)
    dealt = shuffled[np.argsort(rarest[shuffled], kind="stable")]
    fold = np.empty(num_patients, dtype=int)
    fold[dealt] = np.arange(num_patients) % min(FOLDS, num_patients)
    return fold[codes]


def _by_content(scores: np.ndarray, targets: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Patients numbered from 0 in the order of their least image, by targets and scores."""
    content = np.hstack([np.nan_to_num(targets, nan=-1.0), scores])
    order = np.lexsort(content.T[::-1])
    _, first, found = np.unique(clusters[order], return_index=True, return_inverse=True)
    codes = np.empty(len(order), dtype=int)
    codes[order] = np.argsort(np.argsort(first))[found]
    return codes
