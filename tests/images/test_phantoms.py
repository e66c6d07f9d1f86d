"""Phantoms: findings change the image where they are said to be, and only there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medcli.images.phantoms import brain, canvas, chest, chest_findings, ct, ct_anatomy, skin

LOCAL_FINDINGS = [name for name in chest_findings.FINDINGS if name != "Cardiomegaly"]
seeds = st.integers(0, 2**31)


@pytest.mark.parametrize("finding", LOCAL_FINDINGS)
@settings(max_examples=3, deadline=None)
@given(seed=seeds)
def test_a_chest_finding_changes_the_film_inside_its_region_and_hardly_elsewhere(
    finding: str, seed: int
) -> None:
    clean = chest.chest_film(seed, size=192).pixels.astype(int)
    film = chest.chest_film(seed, size=192, findings=(finding,))
    region = film.regions[finding]
    change = np.abs(film.pixels.astype(int) - clean)
    assert region.any()
    assert change[region].mean() > 8 * change[~region].mean()
    # A band around a region may fade out; beyond it nothing happens but rounding of the noise's strength.
    far = canvas.soften(region.astype(np.float32), 0.03) < 0.02
    assert change[far].mean() < 4


@settings(max_examples=3, deadline=None)
@given(seed=seeds)
def test_an_enlarged_heart_darkens_nothing_and_lies_around_the_smaller_one(seed: int) -> None:
    clean = chest.chest_film(seed, size=192).pixels.astype(int)
    film = chest.chest_film(seed, size=192, findings=("Cardiomegaly",))
    brighter = film.pixels.astype(int) - clean > 300
    assert (brighter & film.regions["Cardiomegaly"]).sum() > 0.9 * brighter.sum()


def test_effusions_are_bright_and_pneumothoraces_dark() -> None:
    signs = {}
    for finding in ("Effusion", "Pneumothorax", "Nodule", "Atelectasis"):
        clean = chest.chest_film(5, size=192).pixels.astype(int)
        film = chest.chest_film(5, size=192, findings=(finding,))
        signs[finding] = np.sign((film.pixels - clean)[film.regions[finding]].mean())
    assert signs == {"Effusion": 1, "Pneumothorax": -1, "Nodule": 1, "Atelectasis": 1}


def test_a_finding_stays_where_it_is_when_another_one_joins() -> None:
    alone = chest.chest_film(11, size=128, findings=("Nodule",)).regions["Nodule"]
    joined = chest.chest_film(11, size=128, findings=("Effusion", "Nodule")).regions
    np.testing.assert_array_equal(joined["Nodule"], alone)
    assert list(joined) == ["Effusion", "Nodule"]


def test_films_of_a_patient_show_the_same_anatomy_with_other_noise() -> None:
    def likeness(a: np.ndarray, b: np.ndarray) -> float:
        fine = [canvas.soften(x.astype(np.float32), 0.012)[24:-24, 24:-24].ravel() for x in (a, b)]
        return float(np.corrcoef(*fine)[0, 1])

    first = chest.chest_film(3, size=128, film=0).pixels
    assert not np.array_equal(first, chest.chest_film(3, size=128, film=1).pixels)
    assert likeness(first, chest.chest_film(3, size=128, film=1).pixels) > 0.9


def test_devices_differ_in_noise_and_shape() -> None:
    flat = np.full((128, 128), 0.5, np.float32)
    noise = {
        name: chest.expose(flat, detector, canvas.generator(0)).std()
        for name, detector in chest.DETECTORS.items()
    }
    assert noise["dx-100"] < noise["dx-200"] < noise["cr-300"]
    shapes = {chest.chest_film(0, size=100, device=name).pixels.shape for name in chest.DETECTORS}
    assert shapes == {(100, 100), (100, 90), (100, 82)}


@pytest.mark.parametrize("diagnosis", skin.CLASSES)
def test_a_lesion_changes_the_skin_where_its_region_is(diagnosis: str) -> None:
    bare = skin.skin_image(7, size=128, diagnosis=None).pixels.astype(int)
    image = skin.skin_image(7, size=128, diagnosis=diagnosis)
    change = np.abs(image.pixels - bare).max(axis=2) > 12
    assert 0.02 < image.region.mean() < 0.6
    assert (change & image.region).sum() > 0.75 * change.sum()
    assert change[image.region].mean() > 0.5


def test_images_of_a_lesion_differ_while_colours_and_size_stay() -> None:
    first, second = (skin.skin_image(21, size=128, diagnosis="mel", hair=0, image=k) for k in (0, 1))
    assert not np.array_equal(first.pixels, second.pixels)
    assert 0.6 < first.region.sum() / second.region.sum() < 1.7


def test_ct_has_the_radiodensities_of_air_lung_blood_and_bone() -> None:
    series = ct.ct_series(2, size=128, malignancy=4.5)
    hu = series.volume_hu
    middle = hu[len(hu) // 2]
    assert abs(float(np.median(middle[3:8, 50:80])) - ct.AIR_HU) < 15
    # The aorta beside the spine holds blood with contrast agent; its centre is at (0.05, 0.6) of the height.
    assert abs(float(hu[:, 76:78, 70:72].mean()) - ct_anatomy.BLOOD_HU) < 30
    lung = (middle > -950) & (middle < -750)
    assert 0.08 < lung.mean() < 0.4
    assert hu.max() > 400
    assert hu.dtype == np.int16
    assert 16 <= len(hu) <= 24
    solid = series.region & (canvas_erode(series.region))
    assert -30 < float(hu[solid].mean()) < 90


def canvas_erode(region: np.ndarray) -> np.ndarray:
    """The region without its rim, slice by slice."""
    return np.stack([canvas.depth(plane.astype(np.float32)) * plane.shape[0] > 1.5 for plane in region])


@settings(max_examples=3, deadline=None)
@given(seed=seeds, malignancy=st.floats(1, 5))
@example(seed=7496004, malignancy=4.0)
def test_a_nodule_is_the_only_difference_from_the_clean_series(seed: int, malignancy: float) -> None:
    clean = ct.ct_series(seed, size=96).volume_hu.astype(int)
    series = ct.ct_series(seed, size=96, malignancy=malignancy)
    change = np.abs(series.volume_hu - clean)
    near = np.stack([canvas.soften(plane.astype(np.float32), 0.012) > 0.02 for plane in series.region])
    # Lung and nodule differ by 870 HU: what changes by more than half of that is mostly nodule: region.
    assert not ((change > 450) & ~near).any()
    # Spikes end within 1.9 radii of the centre; those thinner than a pixel are no region, but do show.
    assert series.nodule_diameter_mm is not None
    reach = 0.9 * series.nodule_diameter_mm / 2 / ct.FIELD_OF_VIEW_MM + 0.03
    away = np.stack([canvas.depth((~plane).astype(np.float32)) for plane in series.region])
    assert not change[away > reach].any()
    touched = np.flatnonzero(series.region.any(axis=(1, 2)))
    assert abs(len(touched) * ct.SLICE_DISTANCE_MM - series.nodule_diameter_mm) <= 2 * ct.SLICE_DISTANCE_MM
    assert touched.tolist() == list(range(touched[0], touched[-1] + 1))


@settings(max_examples=2, deadline=None)
@given(seed=seeds)
def test_a_tumour_is_the_only_difference_from_the_clean_brain_and_crosses_the_middle(seed: int) -> None:
    clean = brain.brain_volume(seed, size=64, has_tumour=False)
    volume = brain.brain_volume(seed, size=64, has_tumour=True)
    assert not clean.region.any()
    assert volume.region[:, :, brain.NUM_SLICES // 2].any()
    change = np.abs(volume.volume.astype(int) - clean.volume).max(axis=3) > 150
    rows, columns, slices = np.nonzero(change & ~volume.region)
    for row, column, number in zip(rows, columns, slices, strict=True):
        around = volume.region[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4, number]
        assert around.any()
    flair = brain.CHANNELS.index("flair")
    brighter = (volume.volume.astype(int) - clean.volume)[..., flair][volume.region]
    assert brighter.mean() > 60


def test_water_is_bright_in_t2_and_dark_in_flair() -> None:
    brightness = brain._BRIGHTNESS
    order = {name: np.argsort(brightness[name][:3]).tolist() for name in brain.CHANNELS}
    water, grey, white = 0, 1, 2
    assert order["t1"] == [water, grey, white]
    assert order["t2"] == [white, grey, water]
    assert order["flair"][0] == water


@pytest.mark.parametrize("size", [32, 75, 300])
def test_any_size_works_and_regions_fit(size: int) -> None:
    film = chest.chest_film(1, size=size, device="cr-300", findings=chest_findings.FINDINGS)
    assert film.pixels.shape[0] == size
    assert {region.shape for region in film.regions.values()} == {film.pixels.shape}
    assert all(region.any() for region in film.regions.values())
    lesion = skin.skin_image(1, size=size, diagnosis="df")
    assert lesion.pixels.shape == (round(size * 3 / 4), size, 3)
    assert lesion.region.shape == lesion.pixels.shape[:2]


def test_strokes_thinner_than_a_pixel_fade_instead_of_growing() -> None:
    line = [(-0.4, 0.5), (0.4, 0.5)]
    thin, thick = (canvas.stroke((50, 50), line, width=width).sum() for width in (0.005, 0.02))
    assert 0.15 < thin / thick < 0.4


def test_a_small_region_survives_shrinking() -> None:
    region = np.zeros((256, 256), bool)
    region[100:103, 100:103] = True
    assert canvas.shrink_region(region, (32, 32)).any()
    assert not canvas.shrink_region(np.zeros((256, 256), bool), (32, 32)).any()
