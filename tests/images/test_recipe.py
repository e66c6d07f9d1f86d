"""The fixed order of the recipe, its defaults for grey, colour and sequences, and its refusals."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medcli.config import Depth, Fit, Normalize, PreprocessConfig, When
from medcli.errors import DataError, UsageError
from medcli.images.contrast import equalize_adaptive
from medcli.images.geometry import place_on_square, resize_image
from medcli.images.recipe import Picture, check_recipe, prepare
from medcli.images.statistics import Statistics
from medcli.voi import Window


def apply_recipe(pixels: np.ndarray, recipe: PreprocessConfig, **known: object) -> np.ndarray:
    """The one image that a 2-D picture gives."""
    (made,) = prepare(Picture(pixels, **known), recipe)  # type: ignore[arg-type]
    assert (made.slice, made.mask, made.boxes, made.applied) == (None, None, [], ())
    return made.pixels


PLAIN = PreprocessConfig(size=32, normalize=Normalize.none)
RANDOM = np.random.default_rng(11)
GREY = RANDOM.integers(0, 256, (40, 50)).astype(np.uint8)
SIDES = st.integers(1, 20)
COLOUR = RANDOM.integers(0, 256, (40, 50, 3)).astype(np.uint8)


def test_nothing_asked_and_the_same_size_is_the_image_itself() -> None:
    square = GREY[:32, :32]
    assert np.array_equal(apply_recipe(square, PLAIN)[..., 0], square)
    assert np.array_equal(apply_recipe(COLOUR[:32, :32], replace(PLAIN, channels=3)), COLOUR[:32, :32])


def test_window_in_hounsfield_units_by_hand() -> None:
    recipe = PreprocessConfig(size=8, window=((-600.0, 1500.0),))
    image = np.full((8, 8), -1400, np.int16)
    image[0, 0], image[0, 1], image[0, 2] = 200, -600, -1349
    pixels = apply_recipe(image, recipe, voi=Window(40.0, 400.0))
    # (x - (c - 0.5)) / (w - 1) + 0.5 in 255ths: 1 above, 749.5 / 1499 ..., 0 below
    assert pixels[0, :3, 0].tolist() == [
        255,
        round(255 * (0.5 / 1499 + 0.5)),
        round(255 * (-748.5 / 1499 + 0.5)),
    ]
    assert pixels[5, 5, 0] == 0


def test_the_window_comes_before_inverting() -> None:
    image = np.tile(np.array([0, 400, 800, 1200], np.uint16), (4, 1)).repeat(2, axis=0).repeat(2, axis=1)
    recipe = PreprocessConfig(size=8, normalize=Normalize.window)
    upright = apply_recipe(image, recipe, voi=Window(400.0, 801.0))
    inverted = apply_recipe(image, recipe, voi=Window(400.0, 801.0), is_inverted=True)
    assert np.array_equal(inverted, 255 - upright)
    # inverting first would move the window to the other end, and 800 and 1200 would differ
    assert upright[0, ::2, 0].tolist()[1:] == [128, 255, 255]


def test_the_header_window_is_used_when_asked_and_missed_when_absent() -> None:
    recipe = PreprocessConfig(size=8, normalize=Normalize.window)
    image = np.arange(64, dtype=np.uint16).reshape(8, 8)
    assert not np.array_equal(
        apply_recipe(image, recipe, voi=Window(10.0, 5.0)), apply_recipe(image, PreprocessConfig(size=8))
    )
    with pytest.raises(DataError, match="no window") as caught:
        apply_recipe(image, recipe)
    assert caught.value.code == "recipe/no-window"
    assert "--window" in caught.value.hint


def test_auto_leaves_colour_and_stretches_grey() -> None:
    auto = PreprocessConfig(size=32, channels=3)
    dull = (COLOUR[:32, :32] // 4 + 60).astype(np.uint8)
    assert np.array_equal(apply_recipe(dull, auto), dull)
    grey = apply_recipe(dull[..., 0], auto)
    assert (grey.min(), grey.max()) == (0, 255)
    joint = apply_recipe(dull, replace(auto, normalize=Normalize.percentile)).astype(float)
    slopes = [np.polyfit(dull[..., c].ravel(), joint[..., c].ravel(), 1) for c in range(3)]
    assert np.ptp([slope for slope, _ in slopes]) < 0.02 * slopes[0][0]


def test_equal_channels_are_grey() -> None:
    auto = PreprocessConfig(size=32)
    assert np.array_equal(apply_recipe(np.dstack([GREY] * 3), auto), apply_recipe(GREY, auto))
    assert np.array_equal(apply_recipe(GREY[..., None], auto), apply_recipe(GREY, auto))


def test_sequences_are_stretched_one_by_one() -> None:
    volume = np.dstack([GREY.astype(np.float32) * gain + gain for gain in (1, 10, 100, 1000)])
    pixels = apply_recipe(volume, PreprocessConfig(size=32, channels=4))
    assert pixels.shape == (32, 32, 4)
    for channel in range(1, 4):
        assert np.abs(pixels[..., channel].astype(int) - pixels[..., 0]).max() <= 1


def test_channels_repeat_or_become_luma() -> None:
    three = apply_recipe(GREY, replace(PLAIN, channels=3))
    assert np.array_equal(three[..., 0], three[..., 2])
    pure = np.zeros((32, 32, 3), np.uint8)
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        image = pure.copy()
        image[..., channel] = 255
        assert int(apply_recipe(image, PLAIN)[0, 0, 0]) == round(255 * weight)


@pytest.mark.parametrize(
    ("found", "wanted"), [(1, 2), (1, 4), (2, 1), (2, 3), (4, 1), (4, 3), (3, 4), (3, 2)]
)
def test_channels_that_do_not_fit_are_refused(found: int, wanted: int) -> None:
    image = RANDOM.integers(0, 99, (16, 16, found)).astype(np.uint8)
    with pytest.raises(DataError, match=f"has {found} channels, {wanted} are asked") as caught:
        apply_recipe(image, replace(PLAIN, channels=wanted))
    assert caught.value.code == "recipe/channels"


def test_clahe_works_on_eight_bits_before_resizing() -> None:
    recipe = replace(PLAIN, clahe=True, clahe_clip=3.0, clahe_tiles=4, fit=Fit.stretch)
    equalized = equalize_adaptive(GREY, clip=3.0, tiles=4)
    expected = resize_image(equalized, place_on_square(40, 50, size=32, fit=Fit.stretch))
    assert np.array_equal(apply_recipe(GREY, recipe)[..., 0], expected)


def test_every_depth_shows_the_same_picture() -> None:
    recipe = replace(PLAIN, fit=Fit.stretch, channels=3)
    eight, deep, half = (apply_recipe(GREY, replace(recipe, depth=depth)) for depth in Depth)
    assert (eight.dtype, deep.dtype, half.dtype) == (np.uint8, np.uint16, np.float16)
    assert np.abs(deep / 257.0 - eight).max() <= 0.5
    assert np.abs(half - deep / 65535).max() < 2**-11
    assert len(np.unique(deep)) > 300  # averages between grey levels are kept


def test_sixteen_bits_of_the_same_size_are_the_image_itself() -> None:
    image = RANDOM.integers(0, 65536, (32, 32)).astype(np.uint16)
    assert np.array_equal(apply_recipe(image, replace(PLAIN, depth=Depth.uint16))[..., 0], image)


def test_half_precision_holds_scores_that_eight_bits_cut_off() -> None:
    image = RANDOM.normal(1000, 50, (32, 24)).astype(np.float32)
    image[3, 4] = 1500
    recipe = PreprocessConfig(size=32, normalize=Normalize.zscore, depth=Depth.float16)
    scores = apply_recipe(image, recipe)[..., 0]
    inside = scores[:, 4:28].astype(float)
    expected = (image - image.mean(dtype=float)) / image.std(dtype=float)
    assert expected.max() > 8
    assert inside == pytest.approx(expected, rel=2**-11, abs=1e-3)
    assert (scores[:, :4] == scores[:, 4:28].min()).all()  # bars as dark as the image gets
    inverted = apply_recipe(image, recipe, is_inverted=True)[:, 4:28, 0].astype(float)
    assert inverted == pytest.approx(-expected, rel=2**-11, abs=1e-3)
    filtered = apply_recipe(image, replace(recipe, clahe=True, clahe_tiles=2))
    assert filtered.min() >= -4
    assert filtered.max() <= 4
    flat = apply_recipe(np.full((8, 8), 7.0), recipe)
    assert not flat.any()


def test_clahe_of_every_depth_has_the_contrast_of_eight_bits() -> None:
    grey = cv2.GaussianBlur(RANDOM.integers(0, 256, (64, 64)).astype(np.uint8), (0, 0), 3)
    recipe = PreprocessConfig(size=64, clahe=True, fit=Fit.stretch)
    eight, deep, half = (apply_recipe(grey, replace(recipe, depth=depth)) for depth in Depth)
    assert np.abs(deep / 257 - eight).mean() < 1.5
    assert np.abs(half.astype(float) - deep / 65535).max() < 2**-11


def test_clahe_does_not_hang_on_the_depth_of_the_source() -> None:
    recipe = PreprocessConfig(size=64, clahe=True)
    grey = cv2.GaussianBlur(RANDOM.integers(0, 256, (64, 64)).astype(np.uint8), (0, 0), 3)
    assert np.array_equal(apply_recipe(grey, recipe), apply_recipe(grey.astype(np.uint16) * 16, recipe))


@settings(max_examples=40)
@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.floats(-1e4, 1e4, width=16)
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from(list(Fit)),
    st.booleans(),
)
def test_any_finite_image_gives_bytes_of_the_right_shape(
    image: np.ndarray, denoise: bool, clahe: bool, fit: Fit, is_inverted: bool
) -> None:
    recipe = PreprocessConfig(size=16, channels=3, denoise=denoise, clahe=clahe, clahe_tiles=2, fit=fit)
    pixels = apply_recipe(image, recipe, is_inverted=is_inverted)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (16, 16, 3))


RECIPES = st.builds(
    PreprocessConfig,
    size=st.sampled_from([8, 16]),
    channels=st.sampled_from([1, 3]),
    depth=st.sampled_from(list(Depth)),
    fit=st.sampled_from(list(Fit)),
    normalize=st.sampled_from([method for method in Normalize if method is not Normalize.window]),
    percentiles=st.sampled_from([(0.5, 99.5), (0.0, 100.0), (30.0, 31.0)]),
    foreground=st.booleans(),
    denoise=st.booleans(),
    denoise_strength=st.sampled_from([None, 0.5, 20.0]),
    clahe=st.booleans(),
    clahe_clip=st.sampled_from([0.1, 2.0, 1000.0]),
    clahe_tiles=st.sampled_from([1, 2, 5]),
    when=st.sampled_from(list(When)),
)


@settings(max_examples=80)
@given(
    arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 18), st.integers(1, 18))
        | st.tuples(st.integers(1, 18), st.integers(1, 18), st.just(3)),
    ),
    RECIPES,
    st.booleans(),
)
def test_any_recipe_gives_the_same_bytes_again_in_the_range_of_its_depth(
    image: np.ndarray, recipe: PreprocessConfig, is_inverted: bool
) -> None:
    check_recipe(recipe)
    measured = Statistics("5" * 64, 9, is_inverted, (40.0,), (200.0,), (90.0,), (30.0,))
    picture = Picture(image, is_inverted=is_inverted)
    first, again = (prepare(picture, recipe, statistics=measured)[0].pixels for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert (first.dtype.name, first.shape) == (recipe.depth.name, (recipe.size, recipe.size, recipe.channels))
    if recipe.depth is not Depth.float16:
        return
    assert np.isfinite(first).all()
    if recipe.normalize is Normalize.train:
        bounds = sorted((-1 if is_inverted else 1) * (value - 90) / 30 for value in (40, 200))
        assert bounds[0] - 0.01 <= first.min() <= first.max() <= bounds[1] + 0.01
    elif recipe.normalize is not Normalize.zscore:
        assert 0 <= first.min() <= first.max() <= 1
    elif recipe.clahe and recipe.when is When.always:
        assert np.abs(first).max() <= 4


def test_mask_follows_the_image() -> None:
    image = np.zeros((60, 30), np.uint8)
    image[20:40, 5:15] = 250
    recipe = replace(PLAIN, size=20)
    (made,) = prepare(Picture(image, mask=(image > 0) * 2), recipe)
    mask = made.mask
    moved = apply_recipe(image, recipe)[..., 0]
    assert set(np.unique(mask)) == {0, 2}
    assert np.logical_xor(mask == 2, moved > 125).sum() <= 6


@pytest.mark.parametrize(
    "mask", [np.zeros((5, 6)), np.full((6, 6), 256), np.full((6, 6), 0.5), np.full((6, 6), -1)]
)
def test_masks_that_are_no_label_maps_are_refused(mask: np.ndarray) -> None:
    with pytest.raises(DataError) as caught:
        prepare(Picture(np.zeros((6, 6), np.uint8), mask=mask), PLAIN)
    assert caught.value.code == "recipe/bad-mask"


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"size": 4}, "--size"),
        ({"channels": 0}, "--channels"),
        ({"percentiles": (60.0, 40.0)}, "--percentiles"),
        ({"denoise_strength": 0.0}, "--denoise-strength"),
        ({"clahe_clip": 0.0}, "--clahe-clip"),
        ({"clahe_tiles": 0}, "--clahe-tiles"),
        ({"window": ((40.0, 0.0),)}, "--window"),
        ({"window": ((float("nan"), 10.0),)}, "--window"),
        ({"window": ((40.0, 400.0),), "normalize": Normalize.percentile}, "--window"),
    ],
)
def test_impossible_recipes_name_their_option(change: dict[str, object], option: str) -> None:
    check_recipe(PreprocessConfig())
    with pytest.raises(UsageError, match=option):
        check_recipe(replace(PreprocessConfig(), **change))  # type: ignore[arg-type]
