"""A truth that nobody saw, from readers who err each in his own way: Dawid and Skene's model.

Reference: Dawid & Skene, Applied Statistics 1979; 28:20.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

_MAX_ROUNDS = 2000


@dataclass(frozen=True)
class LatentTruth:
    """What the model says of images and readers.

    Attributes:
        probabilities: Of each true category, [images, categories]; NaN where nobody read.
        prevalence: [categories].
        confusion: Chance that a reader says the second category when the first is true,
            [readers, categories, categories]; NaN for a category that never is true.
        log_likelihood: Of the readings, at the end.
        rounds: Of the algorithm.
        flags: What a statistician would say.
    """

    probabilities: np.ndarray
    prevalence: np.ndarray
    confusion: np.ndarray
    log_likelihood: float
    rounds: int
    flags: list[str]


def dawid_skene(ratings: np.ndarray, *, num_categories: int, tolerance: float = 1e-10) -> LatentTruth:
    """The model of readers who read an image once each.

    Args:
        ratings: Categories from 0, float [images, readers]; NaN is not read.
        num_categories: How many categories there are.
        tolerance: As of `latent_truth`.
    """
    ratings = np.asarray(ratings, dtype=float)
    said = np.stack([ratings == k for k in range(num_categories)], axis=2).astype(float)
    return latent_truth(said, tolerance=tolerance)


def latent_truth(said: np.ndarray, *, tolerance: float = 1e-10) -> LatentTruth:
    """Fit by expectation and maximisation, started from the shares of the readings.

    Readers are taken to err independently of each other, given the truth. The likelihood rises in every
    round; no random start is used, so results repeat.

    Args:
        said: How often each reader put each image into each category, float [images, readers, categories].
        tolerance: Rise of the log-likelihood an image at which it ends.
    """
    images, num_readers, num_categories = said.shape
    readings = said.sum(axis=(1, 2))
    is_read = readings > 0
    kept = said[is_read]
    flags = _flags(num_readers)
    if len(kept) == 0:
        empty = np.full((num_readers, num_categories, num_categories), np.nan)
        nothing = np.full((images, num_categories), np.nan)
        return LatentTruth(nothing, np.full(num_categories, np.nan), empty, 0.0, 0, ["no reading"])
    beliefs = kept.sum(axis=1) / readings[is_read][:, None]
    before, rounds = -np.inf, 0
    while True:
        rounds += 1
        prevalence, confusion = _maximise(kept, beliefs)
        beliefs, likelihood = _expect(kept, prevalence, confusion)
        if likelihood - before < tolerance * len(kept):
            break
        if rounds == _MAX_ROUNDS:
            flags.append(f"stopped after {_MAX_ROUNDS} rounds")
            break
        before = likelihood
    probabilities = np.full((images, num_categories), np.nan)
    probabilities[is_read] = beliefs
    return LatentTruth(probabilities, prevalence, confusion, likelihood, rounds, flags)


def _maximise(said: np.ndarray, beliefs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    prevalence = beliefs.mean(axis=0)
    counts = np.einsum("ik,irj->rkj", beliefs, said)
    totals = counts.sum(axis=2, keepdims=True)
    return prevalence, np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)


def _expect(said: np.ndarray, prevalence: np.ndarray, confusion: np.ndarray) -> tuple[np.ndarray, float]:
    with np.errstate(divide="ignore"):
        log_confusion = np.log(np.nan_to_num(confusion, nan=1.0))
        log_prevalence = np.log(prevalence)
    # 0 times the logarithm of 0 is 0: what a reader did not say does not count.
    safe = np.maximum(log_confusion, -1e300)
    joint = np.einsum("irj,rkj->ik", said, safe) + np.maximum(log_prevalence, -1e300)
    whole = logsumexp(joint, axis=1)
    return np.exp(joint - whole[:, None]), float(whole.sum())


def _flags(readers: int) -> list[str]:
    if readers < 3:
        return [f"{readers} readers: their errors and the truth cannot be told apart; three are needed"]
    return []
