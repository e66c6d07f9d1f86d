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


@given(
    arrays(np.int8, (4, 5), elements=st.integers(0, 4)).filter(np.any),
    arrays(bool, (4, 5)).filter(np.any),
    st.integers(0, 5),
)
def test_every_figure_is_what_counting_pixels_says(values, mask, tolerance) -> None:
    found = localise(values.astype(float), mask, tolerance=tolerance)
    pixels = [(row, column) for row in range(4) for column in range(5)]
    inside = [pixel for pixel in pixels if mask[pixel]]
    near = [p for p in pixels if any(np.hypot(p[0] - q[0], p[1] - q[1]) <= tolerance for q in inside)]
    best = [pixel for pixel in pixels if values[pixel] == values.max()]
    assert found.hit == pytest.approx(sum(pixel in near for pixel in best) / len(best))
    high = [pixel for pixel in pixels if 2 * values[pixel] >= values.max()]
    assert found.iou == pytest.approx(len(set(high) & set(inside)) / len(set(high) | set(inside)))
    # As many of the highest as the mask has, over every order of the ties: their mean share inside.
    edge = sorted((int(values[pixel]) for pixel in pixels), reverse=True)[len(inside) - 1]
    above = [pixel for pixel in pixels if values[pixel] > edge]
    level = [pixel for pixel in pixels if values[pixel] == edge]
    drawn = (len(inside) - len(above)) * sum(pixel in inside for pixel in level) / len(level)
    assert found.dice == pytest.approx((sum(pixel in inside for pixel in above) + drawn) / len(inside))


@given(st.integers(1, 19), st.integers(1, 19), st.integers(0, 10**6))
def test_overlap_by_chance_is_that_of_as_many_pixels_anywhere(size, high, seed) -> None:
    generator = np.random.default_rng(seed)
    mask, values = np.zeros(20, dtype=bool), np.zeros(20)
    mask[:size], values[generator.permutation(20)[:high]] = True, 1
    found = localise(values.reshape(4, 5), mask.reshape(4, 5))
    shared = size * high / 20
    assert found.chance_iou == pytest.approx(shared / (size + high - shared))


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
