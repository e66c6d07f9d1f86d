"""PET in SUVbw: only when the header holds all that it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from medcli.formats.dicom import decode_bytes
from medcli.formats.dicom_units import suv_factor
from medcli.voi import VoiFunction, Window
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
    # LINEAR of 5000, 10000: black up to 0, white above 9999 Bq/mL.
    assert isinstance(image.voi, Window)
    assert image.voi.function is VoiFunction.linear_exact
    assert image.voi.center - image.voi.width / 2 == pytest.approx(0)
    assert image.voi.center + image.voi.width / 2 == pytest.approx(9999 / 2500)
    plain = decode_bytes(dicom_bytes(stored, **{**tags, "PatientWeight": None}), kind="dicom")
    assert np.array_equal(plain.pixels, stored * 10)
