"""Windows against the standard's formula and pydicom; percentiles against numpy and by laws."""

from __future__ import annotations

import numpy as np
import pydicom.pixels
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom.dataset import Dataset

from medcli.errors import DataError
from medcli.images.intensity import (
    apply_window,
    full_range_ramp,
    invert,
    stretch_percentiles,
    to_8_bit,
)

HU = arrays(np.int16, (5, 4), elements=st.integers(-1024, 3071))
FLOATS = arrays(np.float32, (5, 4), elements=st.floats(allow_nan=False, allow_infinity=False, width=32))


def test_window_of_the_standard_worked_by_hand() -> None:
    # DICOM PS3.3 C.11.2.1.2.1 with c = 2048, w = 4096: x <= 0 gives the minimum, x > 4095 the maximum.
    pixels = np.array([-5, 0, 1, 2047, 2048, 4095, 4096], np.int16)
    expected = [0, 0, 1 / 4095, 2047 / 4095, 2048 / 4095, 1, 1]
    assert apply_window(pixels, center=2048, width=4096) == pytest.approx(expected, abs=1e-6)


def test_window_of_width_one_is_a_threshold() -> None:
    # The standard's example: c = 0, w = 1: x <= -0.5 gives the minimum, else the maximum.
    pixels = np.array([-1, -0.5, -0.4, 0, 1], np.float32)
    assert apply_window(pixels, center=0, width=1).tolist() == [0, 0, 1, 1, 1]


@given(HU, st.integers(-1000, 1000), st.integers(2, 4000))
def test_window_agrees_with_pydicom(pixels: np.ndarray, center: int, width: int) -> None:
    header = Dataset()
    header.WindowCenter, header.WindowWidth = center, width
    header.PhotometricInterpretation, header.BitsStored, header.PixelRepresentation = "MONOCHROME2", 16, 1
    theirs = pydicom.pixels.apply_windowing(pixels, header)  # onto -32768 to 32767
    assert apply_window(pixels, center=center, width=width) == pytest.approx(
        (theirs + 32768) / 65535, abs=1e-5
    )


@given(FLOATS, st.floats(-1e6, 1e6), st.floats(1, 1e6))
def test_window_is_monotone_and_within_zero_and_one(pixels: np.ndarray, center: float, width: float) -> None:
    brightness = apply_window(pixels, center=center, width=width)
    assert brightness.dtype == np.float32
    assert brightness.min() >= 0
    assert brightness.max() <= 1
    order = np.argsort(pixels, axis=None, kind="stable")
    assert bool((np.diff(brightness.ravel()[order]) >= 0).all())


def test_a_width_that_vanishes_beside_its_centre_is_a_step() -> None:
    pixels = np.array([0.0, 1e17, 3e17])
    assert apply_window(pixels, center=1e17, width=1.0).tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("width", [0.99, 0, -100, float("nan"), float("inf")])
def test_an_impossible_window_is_refused(width: float) -> None:
    with pytest.raises(DataError) as caught:
        apply_window(np.zeros((2, 2), np.int16), center=40, width=width)
    assert caught.value.code == "recipe/bad-window"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_refused(bad: float) -> None:
    pixels = np.array([[0, bad]], np.float32)
    with pytest.raises(DataError, match="NaN or infinite"):
        apply_window(pixels, center=0, width=10)
    with pytest.raises(DataError, match="NaN or infinite"):
        stretch_percentiles(pixels, low=1, high=99)


def test_percentiles_worked_by_hand() -> None:
    pixels = np.arange(101, dtype=np.uint16)
    assert stretch_percentiles(pixels, low=10, high=60) == pytest.approx(
        np.clip((np.arange(101) - 10) / 50, 0, 1), abs=1e-6
    )


@given(FLOATS, st.floats(0, 49), st.floats(51, 100))
def test_percentiles_are_monotone_finite_and_use_the_range(
    pixels: np.ndarray, low: float, high: float
) -> None:
    brightness = stretch_percentiles(pixels, low=low, high=high)
    assert bool(np.isfinite(brightness).all())
    order = np.argsort(pixels, axis=None, kind="stable")
    assert bool((np.diff(brightness.ravel()[order]) >= 0).all())
    is_constant = pixels.min() == pixels.max()
    assert (brightness.min(), brightness.max()) == ((0, 0) if is_constant else (0, 1))


@given(arrays(np.int16, (6, 6), elements=st.integers(-500, 500)), st.integers(1, 20), st.integers(-900, 900))
def test_percentiles_do_not_see_gain_and_offset(pixels: np.ndarray, gain: int, offset: int) -> None:
    once = stretch_percentiles(pixels, low=5, high=95)
    again = stretch_percentiles(pixels.astype(np.float32) * gain + offset, low=5, high=95)
    assert again == pytest.approx(once, abs=1e-5)


def test_flat_ground_with_a_small_bright_thing_keeps_the_thing() -> None:
    pixels = np.zeros((100, 100), np.int16)
    pixels[3, 4] = 700
    brightness = stretch_percentiles(pixels, low=0.5, high=99.5)
    assert brightness[3, 4] == 1
    assert brightness.sum() == 1


def test_large_numbers_keep_their_digits() -> None:
    pixels = np.array([2**30, 2**30 + 1, 2**30 + 2], np.int32)
    assert stretch_percentiles(pixels, low=0, high=100).tolist() == [0, 0.5, 1]


def test_percentiles_out_of_order_are_refused() -> None:
    with pytest.raises(DataError, match="must rise"):
        stretch_percentiles(np.zeros((2, 2)), low=60, high=40)


def test_full_range_goes_to_16_bits_and_back_unchanged() -> None:
    grey = np.arange(256, dtype=np.uint8)
    deep = full_range_ramp(grey.dtype).grey(grey)
    assert deep.tolist() == [257 * value for value in range(256)]
    assert to_8_bit(deep).tolist() == grey.tolist()
    assert to_8_bit(invert(deep)).tolist() == (255 - grey).tolist()
    every = np.arange(65536, dtype=np.uint16)
    assert full_range_ramp(every.dtype).grey(every).tolist() == every.tolist()


def test_full_range_of_signed_or_floating_pixels_is_unknown() -> None:
    with pytest.raises(DataError, match="int16") as caught:
        full_range_ramp(np.dtype(np.int16))
    assert caught.value.code == "recipe/no-range"


def test_8_bits_are_the_nearest_of_16() -> None:
    every = np.arange(65536)
    assert to_8_bit(every.astype(np.uint16)).tolist() == np.rint(every / 257).astype(int).tolist()
