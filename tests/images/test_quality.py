"""Image statistics: hand-worked cases, and noise that was put in is found again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from medcli.images.quality import describe, noise_deviation, sample_slices


def smooth(side: int = 64) -> np.ndarray:
    ramp = np.linspace(20, 200, side)
    return np.add.outer(ramp, ramp)[:side, :side] / 2


def test_a_hand_worked_image() -> None:
    pixels = np.zeros((40, 50), np.uint8)
    pixels[:20] = 100
    pixels[10, 10:14] = (97, 98, 99, 99)
    facts = describe(pixels, is_volume=False, bits=8)
    assert facts["size"] == [40, 50]
    assert (facts["low"], facts["high"], facts["mean"]) == (0, 100, 49.9965)
    assert (facts["dark_share"], facts["bright_share"]) == (0.5, 0.498)
    assert facts["contrast"] == pytest.approx(0.5, abs=0.001)
    assert facts["noise"] < 0.03
    json.dumps(facts, allow_nan=False)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_a_constant_image_is_called_so_and_nothing_else(dtype: type) -> None:
    facts = describe(np.full((40, 40), 7, dtype), is_volume=False, bits=8)
    assert facts["flags"] == ["constant"]
    assert facts["contrast"] is facts["noise"] is None


def test_a_nearly_empty_image_is_blank() -> None:
    pixels = np.full((100, 100), 30, np.uint8)
    pixels[:3, :3] = np.arange(9).reshape(3, 3) * 20 + 90
    assert describe(pixels, is_volume=False, bits=8)["flags"] == ["blank"]


def test_background_is_not_clipping_but_a_burnt_out_middle_is() -> None:
    framed = np.zeros((100, 100), np.uint8)
    framed[25:75, 25:75] = smooth(50).astype(np.uint8)
    assert describe(framed, is_volume=False, bits=8)["flags"] == []
    burnt = smooth(100)
    burnt[40:60, 40:60] = 255
    assert describe(burnt.astype(np.uint8), is_volume=False, bits=8)["flags"] == ["clipped"]


def test_a_mask_is_told_from_a_picture() -> None:
    mask = np.zeros((80, 80), np.uint8)
    mask[20:60, 20:60] = 255
    facts = describe(mask, is_volume=False, bits=8)
    assert facts["flags"] == ["few-values"]
    assert facts["contrast"] is facts["noise"] is None


def test_three_equal_channels_are_one() -> None:
    grey = smooth(50).astype(np.uint8)
    facts = describe(grey, is_volume=False, bits=8)
    assert describe(grey[..., None].repeat(3, axis=2), is_volume=False, bits=8) == facts
    assert describe(np.stack([grey, grey, grey // 2], axis=2), is_volume=False, bits=8)["channels"] == 3


def test_a_small_image_is_tiny_whatever_else_it_is() -> None:
    facts = describe(smooth(28).astype(np.uint8)[None].repeat(28, 0), is_volume=True, bits=8)
    assert facts["flags"] == ["tiny"]
    assert facts["size"] == [28, 28, 28]


@pytest.mark.parametrize("deviation", [2.0, 10.0, 40.0])
def test_noise_that_was_put_in_is_found(deviation: float) -> None:
    rng = np.random.default_rng(0)
    image = smooth(256) + rng.normal(0, deviation, (256, 256))
    assert noise_deviation(image) == pytest.approx(deviation, rel=0.05)
    padded = np.pad(image, 200)
    assert noise_deviation(padded) == pytest.approx(deviation, rel=0.05)


def test_of_a_large_image_a_bounded_part_is_looked_at_and_the_range_is_exact() -> None:
    large = np.random.default_rng(0).integers(500, 1500, (3000, 3000), dtype=np.uint16)
    large[1, 1] = 4095
    facts = describe(large, is_volume=False, bits=12)
    whole = np.percentile(large, (0.5, 50, 99.5))
    assert facts["high"] == 4095
    assert np.array(facts["percentiles"])[[0, 3, 6]] == pytest.approx(whole, rel=0.02)


@pytest.mark.parametrize("count", [1, 8, 9, 10, 100])
def test_slices_are_spread_and_bounded(count: int) -> None:
    places = [
        int(plane[0, 0]) for plane in sample_slices(np.arange(count)[:, None, None] * np.ones((1, 2, 2)))
    ]
    assert len(places) == min(count, 9)
    assert places == sorted(set(places))
    if count == 100:
        assert places == [5, 16, 27, 38, 50, 61, 72, 83, 94]
