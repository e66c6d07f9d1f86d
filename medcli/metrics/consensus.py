"""One truth from several readers: majority with its ties, a panel, and a reference without one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.errors import DataError


@dataclass(frozen=True)
class Consensus:
    """What readers agree on.

    Attributes:
        labels: 1, 0 or NaN (no reading, or an undecided tie), float [images].
        ties: Numbers of the images where as many readers say yes as no.
        unread: Numbers of the images without a reading.
        share: Of the readers who say yes, float [images], NaN where there are none.
    """

    labels: np.ndarray
    ties: list[int]
    unread: list[int]
    share: np.ndarray


def majority(ratings: np.ndarray, *, ties: str = "unknown") -> Consensus:
    """What more than half of the readers say; ties are listed, whatever becomes of them.

    Args:
        ratings: 1, 0 or NaN (not read), float [images, readers].
        ties: `unknown`, `positive` or `negative`.
    """
    values = {"unknown": np.nan, "positive": 1.0, "negative": 0.0}
    if ties not in values:
        raise DataError(f"ties become {', '.join(values)}, not {ties!r}")
    yes, readings = _votes(ratings)
    labels = np.select(
        [readings == 0, 2 * yes > readings, 2 * yes < readings], [np.nan, 1.0, 0.0], values[ties]
    )
    is_tie = (readings > 0) & (2 * yes == readings)
    return _consensus(labels, yes, readings, is_tie)


def panel(ratings: np.ndarray, *, least: int) -> Consensus:
    """Positive where at least `least` readers say so: 1 is any reader, all of them is unanimity.

    Args:
        ratings: 1, 0 or NaN (not read), float [images, readers].
        least: From 1 to the number of readers.
    """
    yes, readings = _votes(ratings)
    if not 1 <= least <= np.shape(ratings)[1]:
        raise DataError(f"a panel of {np.shape(ratings)[1]} readers cannot ask for {least}")
    labels = np.where(readings == 0, np.nan, (yes >= least).astype(float))
    # With readings missing, what is not reached might have been.
    is_open = (readings > 0) & (yes < least) & (yes + np.shape(ratings)[1] - readings >= least)
    labels[is_open] = np.nan
    return _consensus(labels, yes, readings, np.zeros(len(yes), dtype=bool))


def majority_of_categories(ratings: np.ndarray, *, num_categories: int) -> Consensus:
    """The most frequent category; NaN and listed where two are as frequent.

    Args:
        ratings: Categories from 0, float [images, readers]; NaN is not read.

    Returns:
        `labels` are categories, and `share` is that of the most frequent one.
    """
    counts = np.stack([np.sum(np.asarray(ratings) == k, axis=1) for k in range(num_categories)], axis=1)
    readings, most = counts.sum(axis=1), counts.max(axis=1)
    is_tie = (readings > 0) & (np.sum(counts == most[:, None], axis=1) > 1)
    labels = np.where((readings == 0) | is_tie, np.nan, counts.argmax(axis=1))
    return _consensus(labels, most, readings, is_tie)


def settled_by(ratings: np.ndarray, adjudicator: int) -> Consensus:
    """What all others say where they agree, and what the adjudicator says where they do not.

    Args:
        ratings: Categories from 0, float [images, readers]; NaN is not read.
        adjudicator: Column of the reader who settles.

    Returns:
        `ties` are the images that he should have settled and did not read.
    """
    ratings = np.asarray(ratings, dtype=float)
    others, own = np.delete(ratings, adjudicator, axis=1), ratings[:, adjudicator]
    readings = np.sum(~np.isnan(others), axis=1)
    low, high = (
        np.where(readings > 0, edge(np.where(np.isnan(others), fill, others), axis=1), np.nan)
        for edge, fill in ((np.min, np.inf), (np.max, -np.inf))
    )
    agree = (readings > 1) & (low == high)
    labels = np.where(agree, low, own)
    is_open = (readings > 0) & np.isnan(labels)
    votes = np.sum(ratings == labels[:, None], axis=1)
    return _consensus(labels, votes, np.sum(~np.isnan(ratings), axis=1), is_open)


def leave_one_out_references(ratings: np.ndarray, *, ties: str = "unknown") -> list[Consensus]:
    """For each reader the majority of the others: what he may be compared with if he sat on the panel.

    Args:
        ratings: 1, 0 or NaN (not read), float [images, readers].
        ties: As of `majority`.
    """
    ratings = np.asarray(ratings, dtype=float)
    return [majority(np.delete(ratings, reader, axis=1), ties=ties) for reader in range(ratings.shape[1])]


def _votes(ratings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ratings = np.asarray(ratings, dtype=float)
    if ratings.ndim != 2:
        raise DataError(f"readings have shape {list(ratings.shape)}, they must be [images, readers]")
    other = ratings[~np.isnan(ratings) & (ratings != 0) & (ratings != 1)]
    if len(other):
        raise DataError(f"readings are 1, 0 or missing, not {other[0]:g}")
    return np.sum(ratings == 1, axis=1), np.sum(~np.isnan(ratings), axis=1)


def _consensus(labels: np.ndarray, votes: np.ndarray, readings: np.ndarray, is_tie: np.ndarray) -> Consensus:
    share = np.divide(votes, readings, out=np.full(len(votes), np.nan), where=readings > 0)
    ties, unread = np.flatnonzero(is_tie).tolist(), np.flatnonzero(readings == 0).tolist()
    return Consensus(np.asarray(labels, dtype=float), ties, unread, share)
