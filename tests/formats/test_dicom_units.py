"""PET in SUVbw: only when the header holds all that it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from medcli.formats.dicom import decode_bytes
from medcli.formats.dicom_units import suv_factor
from medcli.images.intensity import apply_window
from tests.formats.make import dicom_bytes, ramp


def drug(**tags: Any) -> Sequence:
    item = Dataset()
    values = {
        "RadionuclideTotalDose": 400e6,
        "RadionuclideHalfLife": 3600,
        "RadiopharmaceuticalStartTime": "090000",
    }
    for name, value in {**values, **tags}.items():
        setattr(item, name, value)
    return Sequence([item])


PET: dict[str, Any] = {
    "Modality": "PT",
    "Units": "BQML",
    "CorrectedImage": ["ATTN", "DECY"],
    "DecayCorrection": "START",
    "PatientWeight": 80,
    "SeriesDate": "20200101",
    "SeriesTime": "100000.00",
    "AcquisitionDate": "20200101",
    "AcquisitionTime": "100000",
}


def header(**tags: Any) -> Dataset:
    dataset = Dataset()
    dataset.RadiopharmaceuticalInformationSequence = tags.pop("drug", drug())
    for name, value in {**PET, **tags}.items():
        setattr(dataset, name, value)
    return dataset


def test_a_patient_of_80_kg_one_half_life_after_400_mbq() -> None:
    """200 MBq in 80,000 g are 2,500 Bq/g: that concentration is an SUV of 1."""
    assert suv_factor(header()) == pytest.approx(1 / 2500)
    assert suv_factor(header(DecayCorrection="ADMIN")) == pytest.approx(1 / 5000)
    assert suv_factor(header(Units="GML")) == 1


def test_injection_before_midnight_by_its_full_date() -> None:
    dose = drug(RadiopharmaceuticalStartDateTime="20191231230000")
    after = header(SeriesTime="000000", AcquisitionTime="000000", drug=dose)
    assert suv_factor(after) == pytest.approx(1 / 2500)


@pytest.mark.parametrize(
    "tags",
    [
        {"Units": "CNTS"},
        {"PatientWeight": 0},
        {"CorrectedImage": ["ATTN"]},
        {"DecayCorrection": "NONE"},
        {"SeriesTime": "110000"},  # after the acquisition: a reformatted series
        {"SeriesTime": "080000"},  # before the injection
        {"SeriesTime": ""},
        {"drug": drug(RadionuclideTotalDose=0)},
        {"drug": drug(RadionuclideHalfLife=0)},
        {"drug": Sequence()},
    ],
)
def test_nothing_is_assumed(tags: dict[str, Any]) -> None:
    assert suv_factor(header(**tags)) is None


def voi(table: np.ndarray, *, first: int) -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [len(table), first, 16]
    item.LUTData = table.astype("<u2").tobytes()
    return Sequence([item])


def test_a_linear_voi_lut_is_its_window() -> None:
    table = np.arange(1001) * 65
    content = dicom_bytes(ramp(dtype="uint16"), VOILUTSequence=voi(table, first=100))
    window = decode_bytes(content, kind="dicom").window
    assert window == pytest.approx((600.5, 1001), abs=2)


def test_a_window_comes_near_a_sigmoid_voi_lut() -> None:
    values = np.arange(4096)
    table = 65535 / (1 + np.exp(-(values - 1800) / 250))
    window = decode_bytes(dicom_bytes(ramp(), VOILUTSequence=voi(table, first=0)), kind="dicom").window
    assert window is not None
    found = apply_window(values.astype(np.int32), center=window[0], width=window[1])
    assert np.abs(found - table / 65535).max() < 0.1


def test_a_window_in_the_header_comes_before_the_table_and_a_falling_table_is_none() -> None:
    table = np.arange(256) * 9
    both = dicom_bytes(ramp(), WindowCenter="40", WindowWidth="80", VOILUTSequence=voi(table, first=0))
    assert decode_bytes(both, kind="dicom").window == (40, 80)
    falling = dicom_bytes(ramp(), VOILUTSequence=voi(table[::-1], first=0))
    assert decode_bytes(falling, kind="dicom").window is None


def test_pixels_and_window_are_in_the_same_units() -> None:
    tags = {
        **PET,
        "RadiopharmaceuticalInformationSequence": drug(),
        "RescaleSlope": 10,
        "RescaleIntercept": 0,
    }
    stored = ramp(dtype="uint16")
    content = dicom_bytes(stored, **tags, WindowCenter="5000", WindowWidth="10000")
    image = decode_bytes(content, kind="dicom")
    assert np.allclose(image.pixels, stored * 10 / 2500)
    assert image.window == pytest.approx((2, 4))
    plain = decode_bytes(dicom_bytes(stored, **{**tags, "PatientWeight": None}), kind="dicom")
    assert np.array_equal(plain.pixels, stored * 10)
