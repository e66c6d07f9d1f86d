"""Image, label map and boxes stay together, whatever the size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medcli.config import Fit
from medcli.errors import DataError
from medcli.images.geometry import Placement, move_boxes, place_on_square, resize_image, resize_mask

SIDES = st.integers(1, 90)


def test_places_worked_by_hand() -> None:
    assert place_on_square(100, 200, size=50, fit=Fit.pad) == Placement(50, 0, 0, 100, 200, 12, 0, 25, 50)
    assert place_on_square(100, 200, size=50, fit=Fit.crop) == Placement(50, 0, 50, 100, 100, 0, 0, 50, 50)
    assert place_on_square(100, 200, size=50, fit=Fit.stretch) == Placement(50, 0, 0, 100, 200, 0, 0, 50, 50)
    assert place_on_square(1, 5000, size=50, fit=Fit.pad) == Placement(50, 0, 0, 1, 5000, 24, 0, 1, 50)


@given(SIDES, SIDES, st.integers(8, 64), st.sampled_from(list(Fit)))
def test_a_place_lies_on_the_canvas_and_in_the_source(height: int, width: int, size: int, fit: Fit) -> None:
    place = place_on_square(height, width, size=size, fit=fit)
    assert 0 <= place.top <= place.top + place.height <= size
    assert 0 <= place.left <= place.left + place.width <= size
    assert 0 <= place.source_top <= place.source_top + place.source_height <= height
    assert 0 <= place.source_left <= place.source_left + place.source_width <= width
    if fit is Fit.centre:
        assert (place.height, place.width) == (min(height, size), min(width, size))
        assert (place.source_height, place.source_width) == (place.height, place.width)
    elif fit is not Fit.pad:
        assert (place.height, place.width) == (size, size)
    else:
        assert size in {place.height, place.width}
        assert abs(2 * place.top + place.height - size) <= 1


@settings(max_examples=60)
@given(st.data(), st.integers(20, 90), st.integers(20, 90), st.integers(16, 120), st.sampled_from(list(Fit)))
def test_a_planted_square_stays_under_its_mask_and_box(
    data: st.DataObject, height: int, width: int, size: int, fit: Fit
) -> None:
    side = data.draw(st.integers(8, min(height, width) // 2))
    top = data.draw(st.integers(0, height - side))
    left = data.draw(st.integers(0, width - side))
    image = np.zeros((height, width), np.uint16)
    image[top : top + side, left : left + side] = 60000
    place = place_on_square(height, width, size=size, fit=fit)
    x0, y0, x1, y1 = move_boxes(np.array([[left, top, left + side, top + side]]), place)[0]
    assume(x1 - x0 >= 3)
    assume(y1 - y0 >= 3)
    moved = resize_image(image, place) > 30000
    mask = resize_mask((image > 0).astype(np.uint8), place) > 0
    rows, columns = np.nonzero(mask)
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.abs(np.array(edges) - [x0, y0, x1, y1]).max() <= 1
    overlap = np.logical_and(moved, mask).sum() / np.logical_or(moved, mask).sum()
    shell = 2 * ((x1 - x0) + (y1 - y0))
    assert np.logical_xor(moved, mask).sum() <= shell, overlap


@given(arrays(np.uint16, st.tuples(SIDES, SIDES)), st.integers(8, 64))
def test_no_value_outside_the_range_of_the_source_appears(pixels: np.ndarray, size: int) -> None:
    resized = resize_image(pixels, place_on_square(*pixels.shape, size=size, fit=Fit.stretch))
    assert pixels.min() <= resized.min()
    assert resized.max() <= pixels.max()


@given(arrays(np.uint8, st.tuples(SIDES, SIDES), elements=st.sampled_from([0, 3, 7])), st.integers(8, 64))
def test_a_mask_gets_no_new_label(mask: np.ndarray, size: int) -> None:
    resized = resize_mask(mask, place_on_square(*mask.shape, size=size, fit=Fit.crop))
    assert set(np.unique(resized)) <= set(np.unique(mask))


def test_shrinking_averages_areas() -> None:
    pixels = np.arange(16, dtype=np.float32).reshape(4, 4)
    place = place_on_square(4, 4, size=2, fit=Fit.pad)
    assert resize_image(pixels, place).tolist() == [[2.5, 4.5], [10.5, 12.5]]


def test_one_axis_may_shrink_while_the_other_grows() -> None:
    pixels = np.repeat(np.array([[0, 100]], np.uint8), 40, axis=0)
    resized = resize_image(pixels, place_on_square(40, 2, size=8, fit=Fit.stretch))
    expected = cv2.resize(np.array([[0, 100]], np.uint8), (8, 1), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(resized, np.repeat(expected, 8, axis=0))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_move_alike(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (30, 50, channels)).astype(np.uint8)
    place = place_on_square(30, 50, size=24, fit=Fit.pad)
    resized = resize_image(pixels, place)
    assert resized.shape == (24, 24, channels)
    for channel in range(channels):
        assert np.array_equal(resized[..., channel], resize_image(pixels[..., channel], place))


def test_the_same_size_changes_nothing() -> None:
    pixels = np.random.default_rng(0).integers(0, 65535, (32, 32)).astype(np.uint16)
    for fit in Fit:
        assert np.array_equal(resize_image(pixels, place_on_square(32, 32, size=32, fit=fit)), pixels)


def test_boxes_are_clipped_to_a_crop() -> None:
    place = place_on_square(100, 200, size=50, fit=Fit.crop)
    moved = move_boxes(np.array([[40.0, 10, 80, 30]]), place)
    assert moved.tolist() == [[0, 5, 15, 15]]


def test_nothing_can_not_be_placed() -> None:
    with pytest.raises(DataError, match="0x5"):
        place_on_square(0, 5, size=8, fit=Fit.pad)
