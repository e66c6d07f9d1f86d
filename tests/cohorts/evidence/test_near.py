"""The search for near hashes finds what comparing all pairs finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.cohorts.evidence.near import find_near


def by_comparing_all(hashes: np.ndarray, distance: int) -> dict[tuple[int, int], int]:
    first, second = np.triu_indices(len(hashes), 1)
    bits = np.bitwise_count(hashes[first] ^ hashes[second])
    return {(int(a), int(b)): int(d) for a, b, d in zip(first, second, bits, strict=True) if d <= distance}


def as_dict(hashes: np.ndarray, distance: int) -> dict[tuple[int, int], int]:
    near = find_near(hashes, distance=distance)
    return {(int(a), int(b)): int(d) for (a, b), d in zip(near.pairs, near.distances, strict=True)}


@given(st.integers(0, 2**32 - 1), st.integers(0, 11), st.integers(0, 60))
def test_the_search_agrees_with_comparing_all(seed: int, distance: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2**64, 4, dtype=np.uint64)
    flips = np.packbits(rng.random((size, 64)) < 0.1, axis=1).view(np.uint64).ravel()
    hashes = centres[rng.integers(0, 4, size)] ^ flips
    assert as_dict(hashes, distance) == by_comparing_all(hashes, distance)


def test_pairs_come_nearest_first_and_always_in_the_same_order() -> None:
    hashes = np.array([0, 1, 3, 0, 2**63], np.uint64)
    near = find_near(hashes, distance=2)
    assert near.pairs.tolist() == [[0, 3], [0, 1], [0, 4], [1, 2], [1, 3], [3, 4], [0, 2], [1, 4], [2, 3]]
    assert near.distances.tolist() == [0, 1, 1, 1, 1, 1, 2, 2, 2]
    assert near.is_complete


def test_a_second_hash_must_confirm() -> None:
    hashes = np.zeros(4, np.uint64)
    details = np.array([[0, 0], [1, 1], [3, 3], [2**40, 0]], np.uint64)
    near = find_near(hashes, distance=8, details=details, detail_distance=2)
    assert near.pairs.tolist() == [[0, 1], [0, 3], [1, 2]]


@pytest.mark.parametrize("size", [0, 1])
def test_nothing_to_compare(size: int) -> None:
    assert len(find_near(np.zeros(size, np.uint64), distance=8).pairs) == 0


def test_copies_without_end_stop_the_search_and_it_says_so() -> None:
    near = find_near(np.zeros(300, np.uint64), distance=8, max_pairs=1000)
    assert len(near.pairs) == 1000
    assert not near.is_complete
