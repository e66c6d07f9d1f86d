"""CLAHE is OpenCV's, on lightness alone for colour."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from medcli.errors import DataError
from medcli.images.contrast import equalize_adaptive

GREY = np.random.default_rng(3).normal(110, 12, (64, 80)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("clip", "tiles"), [(2.0, 8), (4.0, 4), (0.5, 1)])
def test_grey_is_opencv(clip: float, tiles: int) -> None:
    theirs = cv2.createCLAHE(clip, (tiles, tiles)).apply(GREY)
    assert np.array_equal(equalize_adaptive(GREY, clip=clip, tiles=tiles), theirs)


@pytest.mark.parametrize("shape", [(64, 80), (65, 83), (64, 83), (5, 9)])
@pytest.mark.parametrize(("clip", "tiles"), [(2.0, 8), (4.0, 4), (0.5, 1), (1000.0, 3)])
def test_sixteen_bits_are_opencvs_eight_within_one_of_their_levels(
    shape: tuple[int, int], clip: float, tiles: int
) -> None:
    grey = np.random.default_rng(3).normal(110, 12, shape).clip(0, 255).astype(np.uint8)
    theirs = cv2.createCLAHE(clip, (tiles, tiles)).apply(grey)
    deep = equalize_adaptive(grey.astype(np.uint16) * np.uint16(257), clip=clip, tiles=tiles)
    assert deep.dtype == np.uint16
    difference = np.abs(deep / 257 - theirs)
    assert difference.max() <= 1  # OpenCV rounds twice, curves and pixels
    assert difference.mean() < 0.4


def test_sixteen_bits_have_no_steps_between_levels_of_eight() -> None:
    ramp = np.linspace(20000, 30000, 64 * 64).astype(np.uint16).reshape(64, 64)
    deep = equalize_adaptive(ramp, clip=4.0, tiles=1).ravel()
    assert (np.diff(deep.astype(int)) >= 0).all()
    assert len(np.unique(deep)) > 3000
    assert np.diff(deep.astype(int)).max() < 257
    for clip in (2.0, 4.0, 8.0):  # in OpenCV's own 16 bits the clip makes no difference to this image
        spread = np.std(equalize_adaptive(ramp, clip=clip, tiles=1))
        eight = np.std(equalize_adaptive((ramp >> 8).astype(np.uint8), clip=clip, tiles=1))
        assert spread == pytest.approx(256 * eight, rel=0.02)


def test_the_brightest_and_the_darkest_pixel_of_sixteen_bits() -> None:
    random = np.random.default_rng(1).integers(0, 2, (40, 40)).astype(np.uint16) * np.uint16(65535)
    deep = equalize_adaptive(random, clip=1000.0, tiles=1)
    assert set(np.unique(deep[random == 65535])) == {65535}
    assert len(np.unique(deep[random == 0])) == 1


def test_channels_are_taken_one_by_one() -> None:
    stack = np.stack([GREY, GREY[::-1], 255 - GREY, GREY], axis=-1)
    equalized = equalize_adaptive(stack, clip=2.0, tiles=4)
    for channel in range(4):
        alone = equalize_adaptive(stack[..., channel], clip=2.0, tiles=4)
        assert np.array_equal(equalized[..., channel], alone)


def test_colour_changes_lightness_and_not_hue() -> None:
    low, high = np.array([120, 70, 60]), np.array([150, 90, 78])
    ramp = np.linspace(0, 1, 64)[None, :, None] * (high - low) + low
    skin = np.broadcast_to(np.rint(ramp), (64, 64, 3)).astype(np.uint8)
    equalized = equalize_adaptive(skin, clip=4.0, tiles=2, is_colour=True)
    before, after = (cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(int) for image in (skin, equalized))
    assert np.std(after[..., 0]) > 1.3 * np.std(before[..., 0])
    assert np.abs(after[..., 1:] - before[..., 1:]).max() <= 2
    deep = equalize_adaptive(skin.astype(np.uint16) * np.uint16(257), clip=4.0, tiles=2, is_colour=True)
    assert np.abs(deep / 257 - equalized).mean() < 2  # 8-bit Lab is rounded to steps of 0.4 and 1


def test_contrast_rises_and_the_input_stays() -> None:
    original = GREY.copy()
    assert np.std(equalize_adaptive(GREY, clip=2.0, tiles=8)) > 1.3 * np.std(GREY)
    assert np.array_equal(GREY, original)


def test_a_constant_image_stays_constant() -> None:
    flat = equalize_adaptive(np.full((32, 32), 90, np.uint8), clip=2.0, tiles=4)
    assert flat.min() == flat.max()


def test_other_depths_and_settings_are_refused() -> None:
    with pytest.raises(DataError, match="float32"):
        equalize_adaptive(GREY.astype(np.float32), clip=2.0, tiles=8)
    with pytest.raises(DataError, match="clip 0"):
        equalize_adaptive(GREY, clip=0.0, tiles=8)
