"""Localisation against hand-worked maps, ties and maps without content."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medcli.attribution.localisation import localise
from medcli.errors import DataError

MAP = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.2, 0.1, 0.0, 0.0, 0.0],
        [0.0, 0.4, 0.9, 0.3, 0.0, 0.0],
        [0.0, 0.1, 0.6, 0.5, 0.0, 0.0],
        [0.0, 0.0, 0.2, 0.1, 0.0, -0.3],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.7],
    ]
)
MASK = np.zeros((6, 6), dtype=bool)
MASK[2:4, 1:4] = True


def test_hand_worked_map() -> None:
    result = localise(MAP, MASK)
    assert result.hit == 1
    # 2.8 of the 4.1 that are positive
    assert result.energy == pytest.approx(0.6829268292682928, rel=1e-9)
    assert result.chance == pytest.approx(6 / 36)


def test_highest_pixel_outside_the_mask_is_a_miss() -> None:
    assert localise(MAP, ~MASK).hit == 0


def test_tied_pixels_count_by_their_share() -> None:
    result = localise(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1, 0], [0, 0]]))
    assert result.hit == 0.5


@given(arrays(bool, (5, 4)).filter(np.any))
def test_a_flat_map_scores_chance(mask: np.ndarray) -> None:
    result = localise(np.full((5, 4), 0.3), mask)
    assert result.hit == pytest.approx(result.chance)
    assert result.energy == pytest.approx(result.chance)


@given(arrays(bool, (5, 4)).filter(np.any), st.floats(0.1, 100))
def test_the_mask_itself_is_the_perfect_map_at_any_scale(mask: np.ndarray, scale: float) -> None:
    result = localise(mask * scale, mask)
    assert result.hit == 1
    assert result.energy == pytest.approx(1)


def test_a_map_without_positive_values_is_undefined() -> None:
    assert localise(np.zeros((6, 6)), MASK) is None
    assert localise(-np.ones((6, 6)), MASK) is None


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(DataError, match="mask is empty"):
        localise(MAP, np.zeros((6, 6), dtype=bool))


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(DataError, match=r"\[6, 6\], its mask \[3, 3\]"):
        localise(MAP, np.ones((3, 3), dtype=bool))
