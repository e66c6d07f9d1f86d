"""Pairs of hashes that differ in few bits, among hundreds of thousands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

MAX_DISTANCE = 11
"""Largest distance that the search is exact for: bits in four bands, at most two flipped in one of them."""

MAX_PAIRS = 500_000
"""Pairs kept in memory; a cohort with more is full of copies, and the search says that it stopped."""

_BANDS, _BITS = 4, 16
_CHUNK = 1 << 22


@dataclass(frozen=True)
class Near:
    """Pairs within the distance, sorted by distance, then by position.

    Attributes:
        pairs: int [pairs, 2], the lower position first.
        distances: Differing bits of each pair.
        is_complete: Whether these are all; False when the search stopped at its limit.
    """

    pairs: np.ndarray
    distances: np.ndarray
    is_complete: bool = True


def find_near(
    hashes: np.ndarray,
    *,
    distance: int,
    details: np.ndarray | None = None,
    detail_distance: int = 0,
    max_pairs: int = MAX_PAIRS,
) -> Near:
    """All pairs of 64-bit hashes that differ in at most `distance` bits.

    Of two such hashes at least one of four 16-bit bands differs in at most two bits, so only hashes that
    share a band up to two flips are compared (137 look-ups a band and hash).

    Args:
        hashes: uint64 [images].
        distance: At most `MAX_DISTANCE`.
        details: uint64 [images, words], a second hash, which must confirm a pair: films of the chest share
            their lowest frequencies by the million.
        detail_distance: Bits in which the second hashes may differ.

    Reference: Norouzi, Punjani & Fleet, Fast search in Hamming space with multi-index hashing, CVPR 2012.
    """
    assert 0 <= distance <= MAX_DISTANCE, distance
    found: list[np.ndarray] = []
    num_found, is_complete = 0, True
    for low, high in _candidates(hashes, radius=distance // _BANDS):
        is_near = np.bitwise_count(hashes[low] ^ hashes[high]) <= distance
        first, second = low[is_near], high[is_near]
        if details is not None:
            is_near = np.bitwise_count(details[first] ^ details[second]).sum(axis=1) <= detail_distance
            first, second = first[is_near], second[is_near]
        found.append(np.unique(first.astype(np.int64) << 32 | second))
        num_found += len(found[-1])
        if num_found > 2 * max_pairs:
            found = [np.unique(np.concatenate(found))]
            num_found = len(found[0])
            if num_found > max_pairs:
                is_complete = False
                break
    packed = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
    is_complete = is_complete and len(packed) <= max_pairs
    pairs = np.stack([packed >> 32, packed & 0xFFFFFFFF], axis=1)
    distances = np.bitwise_count(hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]).astype(np.int64)
    order = np.argsort(distances, kind="stable")[:max_pairs]
    return Near(pairs[order], distances[order], is_complete)


def _candidates(hashes: np.ndarray, *, radius: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions of hashes that agree in one band up to `radius` flips, in chunks of bounded size."""
    masks = [
        sum(1 << bit for bit in bits)
        for flips in range(radius + 1)
        for bits in combinations(range(_BITS), flips)
    ]
    for band in range(_BANDS):
        keys = (hashes >> np.uint64(band * _BITS) & np.uint64(0xFFFF)).astype(np.int64)
        order = np.argsort(keys, kind="stable")
        starts = np.searchsorted(keys[order], np.arange((1 << _BITS) + 1))
        for mask in masks:
            wanted = keys ^ mask
            yield from _expanded(starts[wanted], starts[wanted + 1], order)


def _expanded(
    first: np.ndarray, last: np.ndarray, order: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every position with every member of its range of `order`, each pair once, the lower one first."""
    lengths = last - first
    ends = np.cumsum(lengths)
    begin = 0
    while begin < len(lengths):
        done = ends[begin - 1] if begin else 0
        stop = max(begin + 1, int(np.searchsorted(ends, done + _CHUNK, side="right")))
        sizes = lengths[begin:stop]
        total = int(sizes.sum())
        if total:
            mine = np.repeat(np.arange(begin, stop), sizes)
            offsets = np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            theirs = order[np.repeat(first[begin:stop], sizes) + offsets]
            is_first = mine < theirs
            yield mine[is_first], theirs[is_first]
        begin = stop
