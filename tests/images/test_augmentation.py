"""Augmentation: a pure function of seed, epoch and record, and safe for left and right."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from medcli.images.augmentation import Augmenter


def arrow() -> np.ndarray:
    """A bright patch top left on a grey ground."""
    image = np.full((48, 48, 1), 90, dtype=np.uint8)
    image[6:18, 6:18] = 220
    return image


@pytest.mark.parametrize("kind", ["safe", "flips"])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_depends_on_seed_epoch_and_record_alone(kind: str, channels: int) -> None:
    image = np.repeat(arrow(), channels, axis=2)
    first = Augmenter(kind, seed=1)
    expected = first(image, 4, "a")
    assert expected.shape == image.shape
    assert expected.dtype == np.uint8
    for other in (first(image, 5, "a"), first(image, 4, "b"), Augmenter(kind, seed=2)(image, 4, "a")):
        assert (other != expected).any()
    np.random.default_rng().random()
    copied = copy.deepcopy(first)
    np.testing.assert_array_equal(copied(image, 4, "a"), expected)
    np.testing.assert_array_equal(first(image, 4, "a"), expected)
    np.testing.assert_array_equal(image, np.repeat(arrow(), channels, axis=2))


def corner(image: np.ndarray) -> int:
    """Which quadrant is brightest: 0 top left, 1 top right, 2 bottom left, 3 bottom right."""
    values = image[..., 0].astype(float)
    quadrants = [values[:24, :24], values[:24, 24:], values[24:, :24], values[24:, 24:]]
    return int(np.argmax([quadrant.mean() for quadrant in quadrants]))


def test_safe_never_mirrors_and_flips_reaches_every_corner() -> None:
    safe, flips = Augmenter("safe", seed=0), Augmenter("flips", seed=0)
    assert {corner(safe(arrow(), 0, str(i))) for i in range(60)} == {0}
    assert {corner(flips(arrow(), 0, str(i))) for i in range(60)} == {0, 1, 2, 3}


def test_none_changes_nothing() -> None:
    image = arrow()
    np.testing.assert_array_equal(Augmenter("none", seed=0)(image, 3, "a"), image)


@pytest.mark.parametrize("dtype", [np.uint16, np.float16])
def test_deep_images_change_as_those_of_eight_bits_and_keep_their_depth(dtype: type) -> None:
    white = 65535 if dtype is np.uint16 else 1
    augment = Augmenter("flips", seed=1)
    for epoch in range(8):
        deep = augment((arrow() / 255 * white).astype(dtype), epoch, "a")
        assert (deep.dtype, deep.shape) == (dtype, (48, 48, 1))
        assert np.abs(deep / float(white) * 255 - augment(arrow(), epoch, "a")).mean() < 2


def test_scores_are_not_cut_off_at_white() -> None:
    scores = np.where(arrow() > 100, 6, -2).astype(np.float16)
    for epoch in range(8):
        changed = Augmenter("safe", seed=1)(scores, epoch, "a")
        assert changed.max() > 4.5
        assert changed.min() < -1
        assert np.isfinite(changed).all()
