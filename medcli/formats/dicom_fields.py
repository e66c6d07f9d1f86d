"""What the header of a DICOM image says that may leave it: fields of a record, and what is asked for by name.

References: DICOM PS3.3 C.7.6.1.1.2 (image type), C.7.6.1 (burned in annotation); PS3.15 E.1 (attributes that
identify).
"""

from __future__ import annotations

from pydicom import uid
from pydicom.dataset import Dataset

from medcli.formats.dicom_values import all_of, text
from medcli.formats.source import BURNED_IN, SourceHeader

FIELDS = {"modality": "Modality", "view": "ViewPosition", "age": "PatientAge", "sex": "PatientSex"}

KEEPABLE = (
    *("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"),
    *("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "StationName", "SoftwareVersions"),
    *("InstitutionName", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"),
    *("BodyPartExamined", "Laterality", "ImageLaterality", "PatientPosition", "DetectorType", "ImageType"),
    *("KVP", "Exposure", "ExposureTime", "XRayTubeCurrent", "SliceThickness", "ConvolutionKernel"),
    *("MagneticFieldStrength", "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle"),
    *("ScanningSequence", "SequenceVariant", "Units", "BurnedInAnnotation"),
)
"""What `ingest --keep` may take from a header. No names, numbers or birth dates of people; no free text."""

KEYWORDS = [*FIELDS.values(), "PatientID", "SOPClassUID", *KEEPABLE]

_WITH_TEXT = {
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameSingleBitSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
    uid.UltrasoundImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
    "1.2.840.10008.5.1.4.1.1.6",  # ultrasound and its frames before they were retired
    "1.2.840.10008.5.1.4.1.1.3",
}
_SCREENS = {
    *("SCREEN SAVE", "SCREENSAVE", "SCREEN_SAVE", "REPORT", "CSA REPORT", "PROTOCOL", "DOSE_INFO"),
}


def header_of(dataset: Dataset, *, kind: str) -> SourceHeader:
    """Fields, patient and what else may be asked for; raw values."""
    fields = {name: text(dataset, keyword) for name, keyword in FIELDS.items()}
    values = {
        name: "\\".join(str(value).strip(" \x00") for value in all_of(dataset, name)) for name in KEEPABLE
    }
    return SourceHeader(
        kind,
        {name: value for name, value in fields.items() if value},
        text(dataset, "PatientID") or None,
        uid=text(dataset, "SOPInstanceUID"),
        flags=(BURNED_IN,) if has_burned_in_text(dataset) else (),
        elements={name: value for name, value in values.items() if value},
    )


def has_burned_in_text(dataset: Dataset) -> bool:
    """Whether (0028,0301) says so, or says nothing and the image is of a kind that usually has text in it.

    These are secondary captures and ultrasound, by SOP class, and saved screens, by image type. Saved screens
    count even where the header denies it.
    """
    said = text(dataset, "BurnedInAnnotation").upper()
    kind = {str(value).strip().upper() for value in all_of(dataset, "ImageType")}
    if said == "YES" or kind & _SCREENS:
        return True
    return said != "NO" and text(dataset, "SOPClassUID") in _WITH_TEXT
