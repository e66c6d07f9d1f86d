"""Windows and tables of a header are applied as pydicom applies them (PS3.3 C.11.2)."""

from __future__ import annotations

import numpy as np
import pydicom.pixels
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from medcli.config import Depth, Normalize, PreprocessConfig
from medcli.errors import DataError
from medcli.images.recipe import Picture, prepare
from medcli.images.voi import is_usable, voi_ramp
from medcli.voi import Table, VoiFunction, Window

HU = arrays(np.int16, (5, 4), elements=st.integers(-1024, 3071))


def header(**tags: object) -> Dataset:
    dataset = Dataset()
    dataset.PhotometricInterpretation, dataset.BitsStored, dataset.PixelRepresentation = "MONOCHROME2", 16, 1
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


@given(HU, st.integers(-1000, 1000), st.integers(2, 4000), st.sampled_from(VoiFunction))
def test_windows_agree_with_pydicom(
    pixels: np.ndarray, center: int, width: int, function: VoiFunction
) -> None:
    wanted = header(WindowCenter=center, WindowWidth=width, VOILUTFunction=function)
    theirs = pydicom.pixels.apply_voi_lut(pixels, wanted, prefer_lut=False)  # onto -32768 to 32767
    found = voi_ramp(Window(center, width, function)).brightness(pixels)
    assert found == pytest.approx((theirs + 32768) / 65535, abs=1e-5)


@settings(max_examples=30)
@given(HU, arrays(np.uint16, st.integers(2, 300)), st.integers(-1200, 1000))
def test_tables_agree_with_pydicom(pixels: np.ndarray, entries: np.ndarray, first: int) -> None:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [len(entries), first, 16], entries.tolist()
    item["LUTData"].VR = "US"
    theirs = pydicom.pixels.apply_voi_lut(pixels, header(VOILUTSequence=Sequence([item])))
    table = Table(first, 1.0, (entries / 65535).astype(np.float32))
    assert np.array_equal(np.rint(voi_ramp(table).brightness(pixels) * 65535.0), theirs)


def test_a_sigmoid_worked_by_hand() -> None:
    """C.11.2.1.3.1: the centre is half, and one width above it is 1 / (1 + exp(-4))."""
    ramp = voi_ramp(Window(40, 400, VoiFunction.sigmoid))
    found = ramp.brightness(np.array([40, 440, -360, -1e9, 1e9]))
    assert found == pytest.approx([0.5, 0.98201379, 0.01798621, 0, 1])


def test_black_and_white_of_an_exact_window() -> None:
    """C.11.2.1.3.2: half a width beside the centre, and a width below 1 is one."""
    found = voi_ramp(Window(0.5, 0.25, VoiFunction.linear_exact)).brightness(np.array([0.375, 0.5, 0.625]))
    assert found.tolist() == [0, 0.5, 1]
    assert is_usable(Window(0.5, 0.25, VoiFunction.linear_exact))
    assert not is_usable(Window(0.5, 0.25))
    with pytest.raises(DataError) as caught:
        voi_ramp(Window(0.5, 0.25))
    assert caught.value.code == "recipe/bad-window"


VOIS = [
    *(Window(700, 400, function) for function in VoiFunction),
    Table(100, 1.0, np.linspace(1, 0, 900, dtype=np.float32) ** 2),
]


@pytest.mark.parametrize("factor", [0.0004, 1.0, 30.0])
@pytest.mark.parametrize("voi", VOIS, ids=["linear", "exact", "sigmoid", "table"])
def test_other_units_change_no_brightness(voi: Window | Table, factor: float) -> None:
    values = np.arange(0, 1400, dtype=np.int32)
    scaled = voi_ramp(voi.times(factor)).brightness((values * factor).astype(np.float32))
    assert scaled == pytest.approx(voi_ramp(voi).brightness(values), abs=1e-5)


@pytest.mark.parametrize("voi", VOIS, ids=["linear", "exact", "sigmoid", "table"])
def test_the_recipe_follows_the_header_unless_a_window_is_given(voi: Window | Table) -> None:
    values = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) // 2
    recipe = PreprocessConfig(size=64, normalize=Normalize.window, depth=Depth.uint16)

    def made(recipe: PreprocessConfig, *, is_inverted: bool = False) -> np.ndarray:
        return prepare(Picture(values, voi=voi, is_inverted=is_inverted), recipe)[0].pixels[..., 0]

    expected = voi_ramp(voi).brightness(values) * 65535
    assert np.abs(made(recipe) - expected).max() <= 0.51
    assert np.abs(made(recipe, is_inverted=True) - (65535 - expected)).max() <= 0.51
    own = PreprocessConfig(size=64, window=((700.0, 400.0),), depth=Depth.uint16)
    assert np.abs(made(own) - voi_ramp(VOIS[0]).brightness(values) * 65535).max() <= 0.51
