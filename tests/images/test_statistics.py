"""Statistics of a training part: what they are of, in any order, and what has none."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.config import Depth, Fit, Normalize, PreprocessConfig
from medcli.errors import DataError, UsageError
from medcli.images.recipe import Picture, check_recipe, measure, prepare
from medcli.images.statistics import Sample, Statistics, combine, num_quantiles

TRAIN = PreprocessConfig(size=32, normalize=Normalize.train, fit=Fit.stretch)
SPLITS = "5" * 64
GENERATOR = np.random.default_rng(4)


def statistics_of(pictures: list[Picture], recipe: PreprocessConfig = TRAIN, **options: object) -> Statistics:
    samples = [measure(picture, recipe, quantiles=num_quantiles(len(pictures))) for picture in pictures]
    return combine(samples, **{"splits": SPLITS, "shares": recipe.percentiles, **options})  # type: ignore[arg-type]


def hounsfield(seed: int) -> Picture:
    return Picture(np.random.default_rng(seed).normal(-200, 300, (40, 30)).round().astype(np.int16))


def test_they_are_those_of_all_pixels_of_pictures_of_one_size() -> None:
    pictures = [hounsfield(seed) for seed in range(12)]
    found = statistics_of(pictures)
    pixels = np.stack([picture.pixels for picture in pictures])
    assert found.means == pytest.approx((pixels.mean(),), abs=1e-9)
    assert found.deviations == pytest.approx((pixels.std(),), abs=1e-9)
    expected = np.percentile(pixels, (0.5, 99.5))
    assert (found.lows[0], found.highs[0]) == pytest.approx(expected, abs=12)
    assert (found.num_images, found.splits, found.is_inverted) == (12, SPLITS, False)


def test_a_large_picture_counts_as_much_as_a_small_one() -> None:
    small, large = np.full((8, 8), 10, np.int16), np.full((80, 80), 30, np.int16)
    small[0], large[0] = 20, 40
    found = statistics_of([Picture(small), Picture(large)], replace(TRAIN, percentiles=(0, 100)))
    assert found.means == ((small.mean() + large.mean()) / 2,)
    assert found.lows + found.highs == (10, 40)


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.sampled_from([np.int16, np.float32]))
def test_the_order_of_pictures_does_not_show(seed: int, dtype: type) -> None:
    pictures = [Picture(GENERATOR.normal(0, 100, (9, 7)).astype(dtype)) for _ in range(5)]
    shuffled = random.Random(seed).sample(pictures, len(pictures))
    assert statistics_of(pictures) == statistics_of(shuffled)


def test_sequences_have_their_own_and_colour_shares_one() -> None:
    sequences = [Picture(GENERATOR.normal(0, 1, (16, 16, 4)).astype(np.float32) * (1, 10, 100, 1000))]
    found = statistics_of(sequences, replace(TRAIN, channels=4))
    assert np.array(found.deviations) == pytest.approx([1, 10, 100, 1000], rel=0.2)
    colour = [Picture(GENERATOR.integers(0, 256, (16, 16, 3)).astype(np.uint8))]
    assert len(statistics_of(colour, replace(TRAIN, channels=3)).means) == 1


def test_images_are_cut_off_at_the_percentiles_and_scored_by_the_mean() -> None:
    pictures = [hounsfield(seed) for seed in range(8)]
    found = statistics_of(pictures)
    image = np.array([[-4000, found.lows[0], 0], [found.means[0], found.highs[0], 4000]])
    recipe = replace(TRAIN, size=8)

    def made(depth: Depth, **options: object) -> np.ndarray:
        picture = Picture(image.repeat(4, axis=0)[:, [0, 0, 0, 1, 1, 1, 2, 2]])
        return prepare(picture, replace(recipe, depth=depth, **options), statistics=found)[0].pixels[
            ::4, ::3, 0
        ]

    share = (image - found.lows[0]) / (found.highs[0] - found.lows[0])
    assert made(Depth.uint8) == pytest.approx(share.clip(0, 1) * 255, abs=0.51)
    assert made(Depth.uint16) == pytest.approx(share.clip(0, 1) * 65535, abs=0.51)
    scores = (image.clip(found.lows[0], found.highs[0]) - found.means[0]) / found.deviations[0]
    assert made(Depth.float16).astype(float) == pytest.approx(scores, abs=2e-3)
    filtered = made(Depth.float16, denoise=True, denoise_strength=1e-2)
    assert filtered.astype(float) == pytest.approx(scores, abs=5e-3)


def test_negatives_are_measured_and_applied_as_they_are_stored() -> None:
    bright = [hounsfield(seed) for seed in range(4)]
    stored = [replace(picture, pixels=-picture.pixels, is_inverted=True) for picture in bright]
    ours, theirs = statistics_of(bright), statistics_of(stored)
    assert theirs.is_inverted
    for depth in Depth:
        recipe = replace(TRAIN, depth=depth)
        upright = prepare(bright[0], recipe, statistics=ours)[0].pixels.astype(float)
        inverted = prepare(stored[0], recipe, statistics=theirs)[0].pixels.astype(float)
        assert inverted == pytest.approx(upright, abs=1e-2 if depth is Depth.float16 else 1)
    with pytest.raises(DataError, match="some images of the training part store bright as low"):
        statistics_of(bright + stored)
    with pytest.raises(DataError, match="other than in the training part") as caught:
        prepare(stored[0], TRAIN, statistics=ours)
    assert caught.value.code == "recipe/inverted"


def test_pictures_of_other_units_are_marked() -> None:
    found = statistics_of([hounsfield(seed) for seed in range(4)])
    plain = hounsfield(9).pixels.astype(np.float64)

    def flags(pixels: np.ndarray, statistics: Statistics = found, **known: bool) -> tuple[str, ...]:
        return prepare(Picture(pixels, **known), TRAIN, statistics=statistics)[0].flags  # type: ignore[arg-type]

    assert flags(plain) == flags(np.where(plain > -300, plain, -3000)) == ()
    assert flags(plain * 20 + 9000) == flags(plain / 1000 - 900) == ("unlike-training",)
    stored = statistics_of(
        [replace(hounsfield(s), pixels=-hounsfield(s).pixels, is_inverted=True) for s in range(4)]
    )
    assert flags(-plain, stored, is_inverted=True) == ()
    assert flags(-plain * 20 - 9000, stored, is_inverted=True) == ("unlike-training",)
    percentile = replace(TRAIN, normalize=Normalize.percentile)
    assert prepare(Picture(plain * 20), percentile)[0].flags == ()


def test_what_has_no_statistics_is_said() -> None:
    with pytest.raises(DataError, match=r"percentiles 0.5 and 99.5 of the training part are both 7"):
        statistics_of([Picture(np.full((8, 8), 7, np.uint8))])
    with pytest.raises(DataError, match="differ in channels"):
        colour = Picture(GENERATOR.integers(0, 9, (8, 8)).astype(np.uint8))
        sequences = Picture(GENERATOR.normal(0, 9, (8, 8, 3)))
        statistics_of([colour, sequences], replace(TRAIN, channels=3))
    one = statistics_of([hounsfield(0)])
    with pytest.raises(DataError, match="it has 3 channels, the statistics of the training part 1"):
        prepare(Picture(GENERATOR.normal(0, 9, (8, 8, 3))), replace(TRAIN, channels=3), statistics=one)
    with pytest.raises(UsageError, match="--window contradicts --normalize train"):
        check_recipe(replace(TRAIN, window=((40.0, 400.0),)))


def test_the_foreground_leaves_air_out() -> None:
    image = np.zeros((20, 20), np.int16)
    image[5:10, 5:15] = GENERATOR.integers(500, 600, (5, 10))
    found = statistics_of([Picture(image)], replace(TRAIN, foreground=True))
    assert 500 <= found.lows[0] < found.means[0] < found.highs[0] <= 600
    assert statistics_of([Picture(image)]).lows == (0,)


def test_they_come_back_from_a_recipe() -> None:
    found = statistics_of([hounsfield(0), hounsfield(1)])
    assert Statistics.from_recorded(found.recorded()) == found
    for broken in ({}, {"means": [1]}, [], {**found.recorded(), "other": 1}):
        with pytest.raises(DataError, match="not as preprocess records them"):
            Statistics.from_recorded(broken)  # type: ignore[arg-type]


def test_samples_stay_small_however_many_pictures_there_are() -> None:
    assert num_quantiles(1) == num_quantiles(2000) == 1000
    assert num_quantiles(112_120) == 100
    assert isinstance(measure(hounsfield(0), TRAIN, quantiles=100), Sample)
