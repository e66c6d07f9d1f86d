"""A lesion stays under its mask and its box through every turn, resampling, crop and fit."""

from __future__ import annotations

from dataclasses import replace

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.config import Crop, Fit, Normalize, Plane, PreprocessConfig
from medcli.errors import DataError, UsageError
from medcli.images.recipe import Picture, Prepared, check_recipe, prepare
from medcli.images.volumes import as_volume, orient, resample

PLAIN = PreprocessConfig(size=48, normalize=Normalize.none)
CODES = st.sampled_from(["RAS", "LPS", "SPL", "IPR", "ARI", "PIL"])


def affine_of(code: str, spacing: tuple[float, ...]) -> np.ndarray:
    start = nibabel.orientations.axcodes2ornt(tuple("RAS"))
    turn = nibabel.orientations.ornt_transform(start, nibabel.orientations.axcodes2ornt(tuple(code)))
    turned = np.eye(4)
    for axis, (target, direction) in enumerate(turn):
        turned[axis, axis] = 0
        turned[axis, int(target)] = direction * spacing[int(target)]
    return turned


@st.composite
def lesions(draw: st.DrawFn) -> Picture:
    """A dark volume with one bright block, its mask and its box."""
    shape = tuple(draw(st.integers(14, 26)) for _ in range(3))
    low = [draw(st.integers(2, side - 9)) for side in shape]
    high = [edge + draw(st.integers(5, 7)) for edge in low]
    pixels, mask = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    block = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    pixels[block], mask[block] = 240, 2
    spacing = tuple(draw(st.sampled_from([0.7, 1.0, 1.6])) for _ in range(3))
    box = {"class": "b", "box": [low[2], low[1], high[2], high[1]], "slices": [low[0], high[0] - 1]}
    affine = affine_of(draw(CODES), spacing)
    return Picture(pixels, is_volume=True, spacing_mm=spacing, affine=affine, mask=mask, boxes=(box,))


def is_whole(made: Prepared) -> bool:
    """Whether the fit cut nothing of the lesion away."""
    edges = [edge for box in made.boxes for edge in box["box"]]
    return bool(edges) and min(edges) > 0 and max(edges) < len(made.mask)


def check_together(made: Prepared) -> None:
    bright, marked = made.pixels[..., 0] > 120, made.mask == 2
    assert len(made.boxes) == 1
    left, top, right, bottom = made.boxes[0]["box"]
    rows, columns = np.nonzero(marked)
    edges = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    # A mask takes the nearest label: half a resampled voxel, of which the block is at least 2.5 wide.
    slack = 1 + max(right - left, bottom - top) / 5
    assert np.abs(edges - [left, top, right, bottom]).max() <= slack
    assert np.logical_xor(bright, marked).sum() <= 2 * slack * ((right - left) + (bottom - top))


@settings(max_examples=60)
@given(
    lesions(),
    st.sampled_from(list(Plane)),
    st.sampled_from(list(Fit)),
    st.sampled_from(list(Crop)),
    st.sampled_from([None, (0.8,), (1.3,), (0.9, 1.4), (1.2, 0.9, 0.8)]),
)
def test_a_lesion_stays_under_its_mask_and_its_box(
    picture: Picture, plane: Plane, fit: Fit, crop: Crop, spacing: tuple[float, ...] | None
) -> None:
    recipe = replace(PLAIN, plane=plane, fit=fit, crop=crop, spacing=spacing, slices="lesion", margin=0.5)
    made = prepare(picture, recipe)
    assert made
    # The outermost slices are blends with the dark ones next to them.
    middle = made[len(made) // 2]
    if fit not in {Fit.crop, Fit.centre} or is_whole(middle):
        check_together(middle)
    if fit is Fit.pad and crop is Crop.none:
        volume = orient(as_volume(picture), plane)
        volume = resample(volume, spacing, is_volume=True) if spacing else volume
        found = sorted(one.slice for one in made)
        assert {int(i) for i in np.nonzero(volume.mask.any(axis=(1, 2)))[0]} <= set(found)


def test_axial_slices_are_seen_from_the_feet_with_the_face_up() -> None:
    # (slice, row, column) run to the left, the front and the head: sagittal slices, head down.
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    affine = affine_of("LAS", (1, 1, 1))
    axial = orient(as_volume(Picture(pixels, is_volume=True, affine=affine)), Plane.axial)
    expected = np.transpose(pixels, (2, 1, 0))[:, ::-1]
    assert np.array_equal(axial.pixels, expected)
    coronal = orient(as_volume(Picture(pixels, is_volume=True, affine=affine)), Plane.coronal)
    assert np.array_equal(coronal.pixels, np.transpose(pixels, (1, 2, 0))[::-1, ::-1])


@given(lesions(), st.sampled_from([Plane.axial, Plane.coronal, Plane.sagittal]))
def test_a_turned_voxel_keeps_its_place_in_the_patient(picture: Picture, plane: Plane) -> None:
    volume = orient(as_volume(picture), plane)
    before = nibabel.affines.apply_affine(picture.affine, np.argwhere(picture.mask)).mean(axis=0)
    after = nibabel.affines.apply_affine(volume.affine, np.argwhere(volume.mask)).mean(axis=0)
    assert after == pytest.approx(before)
    assert nibabel.affines.voxel_sizes(volume.affine) == pytest.approx(volume.spacing_mm)


def test_resampling_by_hand() -> None:
    pixels = np.zeros((4, 2, 2), np.float32)
    pixels[:, 0, 0] = [0, 2, 4, 6]
    volume = as_volume(Picture(pixels, is_volume=True, spacing_mm=(1, 1, 1), affine=np.eye(4)))
    half = resample(volume, (2.0, 1.0, 1.0), is_volume=True)
    assert half.pixels[:, 0, 0].tolist() == [1, 5]
    assert half.affine[:3, 3].tolist() == [0.5, 0, 0]
    double = resample(volume, (0.5, 1.0, 1.0), is_volume=True)
    assert double.pixels[:, 0, 0].tolist() == [0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6]


def test_center_keeps_millimetres() -> None:
    film = np.zeros((60, 80), np.uint8)
    film[20:40, 30:50] = 255
    recipe = replace(PLAIN, spacing=(1.0,), fit=Fit.centre, size=64)
    (made,) = prepare(Picture(film, spacing_mm=(0.5, 0.5)), recipe)
    assert (made.pixels[..., 0] > 127).sum() == 10 * 10


def test_slices_stacks_and_windows() -> None:
    volume = np.repeat(np.arange(9, dtype=np.uint8)[:, None, None] * 20, 8, axis=1).repeat(8, axis=2)
    picture = Picture(volume, is_volume=True)
    recipe = replace(PLAIN, size=8)
    assert [one.slice for one in prepare(picture, recipe)] == [4]
    assert [one.slice for one in prepare(picture, replace(recipe, slices="3"))] == [1, 4, 7]
    assert [one.slice for one in prepare(picture, replace(recipe, slices="all"))] == list(range(9))
    stacks = prepare(picture, replace(recipe, slices="all", neighbours=1, channels=3))
    assert stacks[0].pixels[0, 0].tolist() == [0, 0, 20]
    assert stacks[8].pixels[0, 0].tolist() == [140, 160, 160]
    windows = replace(recipe, normalize=Normalize.auto, window=((40.0, 81.0), (100.0, 41.0)), channels=2)
    (made,) = prepare(picture, windows)
    assert made.pixels[0, 0].tolist() == [255, 3]  # (80 - 79.5) / 40 of 255


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"spacing": (1.0,)}, "recipe/no-spacing"),
        ({"plane": Plane.coronal}, "recipe/no-geometry"),
        ({"slices": "lesion"}, "recipe/no-lesion"),
        ({"crop": Crop.boxes}, "recipe/no-lesion"),
        ({"crop": Crop.mask}, "recipe/no-lesion"),
    ],
)
def test_what_is_missing_has_its_code(change: dict[str, object], code: str) -> None:
    with pytest.raises(DataError) as caught:
        prepare(Picture(np.zeros((3, 8, 8), np.uint8), is_volume=True), replace(PLAIN, **change))  # type: ignore[arg-type]
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"slices": "0"}, "--slices"),
        ({"slices": "some"}, "--slices"),
        ({"spacing": (0.0,)}, "--spacing"),
        ({"neighbours": 1}, "--neighbours 1 makes stacks of 3"),
        ({"window": ((0.0, 9.0),) * 2}, "2 times --window"),
        ({"margin": -1.0}, "--margin"),
        ({"rician": True}, "--rician"),
    ],
)
def test_impossible_choices_name_their_option(change: dict[str, object], option: str) -> None:
    with pytest.raises(UsageError, match=option):
        check_recipe(replace(PLAIN, **change))  # type: ignore[arg-type]
