"""What an image is like: worked examples, planted changes, and one scale whatever the depth."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from medcli.config import Depth, Normalize, PreprocessConfig
from medcli.images.appearance import appearance
from medcli.images.recipe import Picture, prepare


def texture(seed: int = 0, size: int = 96) -> np.ndarray:
    """Smooth blobs between 0.2 and 0.8, float32 [size, size, 1]."""
    blobs = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(size, size)), (0, 0), 2)
    return (0.2 + 0.6 * (blobs - blobs.min()) / np.ptp(blobs)).astype(np.float32)[..., None]


def test_an_even_image_has_brightness_and_nothing_else():
    found = appearance(np.full((40, 40, 1), 0.25), is_colour=False)
    assert found == {"brightness": 0.25, "contrast": 0.0, "noise": 0.0}


def test_worked_by_hand():
    half = np.repeat([0.0, 1.0], 20)[None].repeat(40, axis=0)[..., None]
    found = appearance(half, is_colour=False)
    assert (found["brightness"], found["contrast"]) == (0.5, 0.5)
    # Across a step Sobel's gradient is 1/2 in two columns. A Gaussian of five taps makes the step rise by its
    # weights, whose differences are the Laplacian.
    weights = np.exp(-np.array([4, 1, 0, 1, 4]) / 2)
    weights /= weights.sum()
    turns = np.diff(weights, prepend=0, append=0)
    assert found["sharpness"] == pytest.approx(math.sqrt(np.sum(turns**2) / (2 * 0.5**2)), abs=1e-4)
    colours = np.zeros((10, 10, 3))
    colours[:5], colours[5:] = (1, 0.5, 0.5), (0.2, 0.2, 0)
    found = appearance(colours, is_colour=True)
    assert found["saturation"] == pytest.approx(0.75)
    luma = np.array([0.299 + 0.587 * 0.5 + 0.114 * 0.5, 0.2 * (0.299 + 0.587)])
    assert found["brightness"] == pytest.approx(luma.mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        (lambda x, _: x + 0.1, {"brightness": +0.1}),
        (lambda x, _: (x + x.mean()) / 2, {"contrast": -0.5}),
        (lambda x, _: cv2.GaussianBlur(x, (0, 0), 1.5)[..., None], {"sharpness": -0.1}),
        (lambda x, noise: x + 0.02 * noise, {"noise": +4.0}),
    ],
    ids=("brighter", "flatter", "blurred", "noisy"),
)
def test_a_planted_change_moves_its_own_number(change, moved):
    ours, noise = texture(), np.random.default_rng(1).normal(size=(96, 96, 1)).astype(np.float32)
    before = appearance(ours, is_colour=False)
    after = appearance(change(ours, noise).astype(np.float32), is_colour=False)
    for name, least in moved.items():
        assert (after[name] / before[name] - 1) * np.sign(least) >= abs(least), name
    for name in {"brightness", "sharpness"} - moved.keys():
        if "noise" not in moved:
            assert after[name] == pytest.approx(before[name], rel=0.02), name


def test_noise_is_found_as_it_was_planted():
    noise = np.random.default_rng(2).normal(size=(128, 128, 1))
    found = appearance(0.5 + 0.03 * noise, is_colour=False)
    assert found["noise"] == pytest.approx(0.03, rel=0.05)
    assert found["contrast"] == pytest.approx(0.03, rel=0.05)


def test_sequences_count_alike_and_equal_channels_once():
    first, second = texture(1), texture(2) * 0.5
    both = appearance(np.concatenate([first, second], axis=2), is_colour=False)
    alone = [appearance(plane, is_colour=False) for plane in (first, second)]
    assert both == pytest.approx({name: (alone[0][name] + alone[1][name]) / 2 for name in both}, rel=1e-3)
    assert appearance(first.repeat(3, axis=2), is_colour=False) == alone[0]


@pytest.mark.parametrize("normalize", [Normalize.percentile, Normalize.zscore])
@pytest.mark.parametrize("is_inverted", [False, True])
def test_every_depth_has_one_scale(normalize, is_inverted):
    picture = Picture((texture(3)[..., 0] * 4000).astype(np.uint16), is_inverted=is_inverted)
    found = {}
    for depth in Depth:
        recipe = PreprocessConfig(size=96, normalize=normalize, depth=depth, channels=1)
        found[depth] = prepare(picture, recipe)[0].appearance
    assert found[Depth.uint8] == pytest.approx(found[Depth.uint16], rel=0.02, abs=2e-3)
    assert found[Depth.float16] == pytest.approx(found[Depth.uint16], rel=0.01, abs=1e-3)


def test_a_slice_has_its_own_numbers_also_between_neighbours():
    volume = np.stack([np.full((32, 32), value) for value in (0, 50, 200)]).astype(np.uint8)
    settings = {"size": 32, "normalize": Normalize.none, "slices": "all"}
    for neighbours, channels in ((0, 1), (1, 3)):
        recipe = PreprocessConfig(**settings, neighbours=neighbours, channels=channels)
        made = prepare(Picture(volume, is_volume=True), recipe)
        assert [one.appearance["brightness"] for one in made] == pytest.approx(
            [0, 50 / 255, 200 / 255], abs=1e-4
        )
