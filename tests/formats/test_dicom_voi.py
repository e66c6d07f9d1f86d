"""Which window or VOI LUT of a header counts, and what it says."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medcli.formats.dicom import decode_bytes
from medcli.voi import Table, Voi, VoiFunction, Window
from tests.formats.make import dicom_bytes, ramp

ENTRIES = (np.arange(256) * 256 + 7).astype(np.uint16)


def lut(data: object, *, first: int = 0, bits: int = 16, count: int = 256, vr: str = "OW") -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [count, first, bits]
    item.LUTData = data
    item["LUTData"].VR = vr
    return Sequence([item])


def voi_of(**tags: object) -> Voi | None:
    return decode_bytes(dicom_bytes(ramp(), **tags), kind="dicom").voi


@pytest.mark.parametrize("function", VoiFunction)
def test_a_window_means_what_its_function_says(function: VoiFunction) -> None:
    found = voi_of(WindowCenter="40", WindowWidth="80", VOILUTFunction=function.value)
    assert found == Window(40, 80, function)
    assert voi_of(WindowCenter="40", WindowWidth="80") == Window(40, 80)
    assert voi_of(WindowCenter="40", WindowWidth="80", VOILUTFunction="SPLINE") is None


def test_a_window_comes_before_a_table() -> None:
    table = lut(ENTRIES.tobytes())
    assert voi_of(WindowCenter="40", WindowWidth="80", VOILUTSequence=table) == Window(40, 80)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("vr", ["OW", "US"])
def test_tables_are_read_in_every_byte_order(syntax: str, vr: str) -> None:
    order = ">u2" if syntax == ExplicitVRBigEndian else "<u2"
    data = ENTRIES.astype(order).tobytes() if vr == "OW" else ENTRIES.tolist()
    content = dicom_bytes(ramp(), syntax=syntax, VOILUTSequence=lut(data, first=100, vr=vr))
    found = decode_bytes(content, kind="dicom").voi
    assert isinstance(found, Table)
    assert (found.first, found.step) == (100, 1)
    assert np.array_equal(found.brightness, (ENTRIES / 65535).astype(np.float32))


def test_entries_of_8_and_12_bits_reach_white() -> None:
    packed = voi_of(VOILUTSequence=lut(bytes(range(256)), bits=8))
    assert isinstance(packed, Table)
    assert np.allclose(packed.brightness, np.arange(256) / 255)
    falling = voi_of(VOILUTSequence=lut(np.arange(4095, -1, -1, dtype="<u2").tobytes(), bits=12, count=4096))
    assert isinstance(falling, Table)
    assert np.allclose(falling.brightness, np.arange(4095, -1, -1) / 4095)


def test_a_table_of_65536_entries_says_0() -> None:
    found = voi_of(VOILUTSequence=lut(np.arange(65536, dtype="<u2").tobytes(), count=0))
    assert isinstance(found, Table)
    assert len(found.brightness) == 65536


@pytest.mark.parametrize(
    "table",
    [
        lut(ENTRIES.tobytes()[:-2]),
        lut(ENTRIES.tobytes(), bits=12),  # entries that 12 bits cannot hold
        lut(ENTRIES.tobytes(), bits=20),
        lut(b""),
        Sequence(),
        Sequence([Dataset()]),
    ],
)
def test_a_damaged_table_is_none(table: Sequence) -> None:
    assert voi_of(VOILUTSequence=table) is None


def test_every_table_is_that_of_pydicom() -> None:
    """From the file to brightness, against apply_voi_lut of the same file."""
    from medcli.images.voi import voi_ramp

    stored = ramp(dtype="uint16")
    table = lut(ENTRIES[::-1].tobytes(), first=int(stored.min()) + 3)
    content = dicom_bytes(stored, VOILUTSequence=table, RescaleSlope=2, RescaleIntercept=-5)
    dataset = pydicom.dcmread(io.BytesIO(content))
    image = decode_bytes(content, kind="dicom")
    assert image.voi is not None
    expected = pydicom.pixels.apply_voi_lut(image.pixels, dataset)
    assert np.array_equal(np.rint(voi_ramp(image.voi).brightness(image.pixels) * 65535.0), expected)
