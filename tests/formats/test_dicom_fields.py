"""What a DICOM header may say to the outside."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.datadict import tag_for_keyword

from medcli.formats.dicom import scan_bytes
from medcli.formats.dicom_fields import KEEPABLE
from tests.formats.make import CANARY, PATIENT, dicom_bytes, ramp

CT, ULTRASOUND = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.6.1"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@pytest.mark.parametrize(
    ("tags", "is_marked"),
    [
        ({"SOPClassUID": CT}, False),
        ({"SOPClassUID": CT, "BurnedInAnnotation": "YES"}, True),
        ({"SOPClassUID": CT, "BurnedInAnnotation": "NO"}, False),
        ({"SOPClassUID": ULTRASOUND}, True),
        ({"SOPClassUID": ULTRASOUND, "BurnedInAnnotation": "NO"}, False),
        ({"SOPClassUID": CAPTURE}, True),
        ({"SOPClassUID": CT, "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, True),
        (
            {
                "SOPClassUID": CT,
                "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"],
                "BurnedInAnnotation": "NO",
            },
            True,
        ),
        ({"SOPClassUID": CT, "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}, False),
    ],
)
def test_burned_in_text_by_tag_class_and_type(tags: dict[str, Any], is_marked: bool) -> None:
    header = scan_bytes(dicom_bytes(ramp(), **tags), kind="dicom")
    assert header.flags == (("burned-in",) if is_marked else ())


def test_nothing_that_names_a_person_may_be_kept() -> None:
    assert all(tag_for_keyword(name) is not None for name in KEEPABLE)
    # Group 0010 is the patient; the physicians, operators and numbers of group 0008 are people as well.
    assert all(tag_for_keyword(name) >> 16 != 0x0010 for name in KEEPABLE)
    assert not any(part in name for name in KEEPABLE for part in ("Physician", "Operator", "Description"))
    header = scan_bytes(
        dicom_bytes(ramp(), StudyDate="20200101", ReferringPhysicianName=CANARY), kind="dicom"
    )
    assert header.elements["StudyDate"] == "20200101"
    assert CANARY not in str(header)
    assert PATIENT not in str(header.elements)


def test_several_values_are_one_text() -> None:
    header = scan_bytes(dicom_bytes(ramp(), ImageType=["ORIGINAL", "PRIMARY"]), kind="dicom")
    assert header.elements["ImageType"] == "ORIGINAL\\PRIMARY"
