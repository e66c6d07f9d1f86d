"""Phantom arrays as the bytes of DICOM, PNG and NIfTI files, with invented identities in their headers.

The bytes are a function of the arguments alone: UIDs come from a seed, dates from the invented person, and
neither PNG nor gzip gets a time.
"""

from __future__ import annotations

import gzip
import io

import nibabel
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from medcli.images.phantoms.brain import CHANNELS, BrainVolume, to_nifti_axes
from medcli.images.phantoms.ct import CTSeries
from medcli.stages._phantom_people import INSTITUTIONS, OPERATOR, PHYSICIAN, Person
from medcli.store.digests import derive_seed

HIGHEST_12_BIT = 4095
_CT_INTERCEPT = -1024


def chest_dicom(
    pixels: np.ndarray, person: Person, *, seed: int, film: int, device: str, view: str, is_inverted: bool
) -> bytes:
    """A digital X-ray image; `is_inverted` stores bright as low (MONOCHROME1, PS3.3 C.7.6.3.1.2)."""
    dataset = _dataset(
        person, DigitalXRayImageStorageForPresentation, "DX", seed=seed, study=film, instance=1
    )
    dataset.Manufacturer = "Phantom"
    dataset.ManufacturerModelName = device
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = view
    dataset.PatientOrientation = ["L", "F"]
    dataset.ImageLaterality = "U"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if is_inverted else -1
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.ImagerPixelSpacing = [_decimal(400 / pixels.shape[0])] * 2
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "1", "0", "US"
    dataset.PresentationLUTShape = "INVERSE" if is_inverted else "IDENTITY"
    stored = HIGHEST_12_BIT - pixels if is_inverted else pixels
    low, high = np.percentile(stored, (1, 99))
    dataset.WindowCenter = _decimal(float(np.round((low + high) / 2)))
    dataset.WindowWidth = _decimal(float(np.round(max(high - low, 1))))
    return _with_pixels(dataset, stored, "MONOCHROME1" if is_inverted else "MONOCHROME2")


def ct_dicoms(series: CTSeries, person: Person, *, seed: int) -> list[bytes]:
    """A CT series, one file a slice from the feet upwards, 12 bits with a rescale to Hounsfield units."""
    files = []
    corner = -series.pixel_spacing_mm * (series.volume_hu.shape[1] - 1) / 2
    for number, slice_hu in enumerate(series.volume_hu):
        dataset = _dataset(person, CTImageStorage, "CT", seed=seed, study=0, instance=number + 1)
        dataset.Manufacturer = "Phantom"
        dataset.ManufacturerModelName = "ct-400"
        dataset.BodyPartExamined = "CHEST"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.KVP = "120"
        dataset.PatientPosition = "HFS"
        dataset.PositionReferenceIndicator = ""
        dataset.FrameOfReferenceUID = _uid(seed, "frame")
        dataset.PixelSpacing = [_decimal(series.pixel_spacing_mm)] * 2
        dataset.SliceThickness = _decimal(series.slice_distance_mm)
        height = series.slice_distance_mm * number
        dataset.ImagePositionPatient = [_decimal(corner), _decimal(corner), _decimal(height)]
        dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
        dataset.SliceLocation = _decimal(height)
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "1", str(_CT_INTERCEPT), "HU"
        dataset.WindowCenter, dataset.WindowWidth = ["-600", "40"], ["1500", "400"]
        stored = np.clip(slice_hu.astype(np.int32) - _CT_INTERCEPT, 0, HIGHEST_12_BIT)
        files.append(_with_pixels(dataset, stored, "MONOCHROME2"))
    return files


def _dataset(
    person: Person, sop_class: UID, modality: str, *, seed: int, study: int, instance: int
) -> Dataset:
    """Identity and module attributes that all our DICOM files share."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = _uid(seed, "instance", study, instance)
    dataset.StudyInstanceUID = study_uid(seed, study)
    dataset.SeriesInstanceUID = _uid(seed, "series", study)
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.PatientName = person.dicom_name
    dataset.PatientID = person.patient_id
    dataset.PatientBirthDate = person.birth_date()
    dataset.PatientSex = person.sex
    dataset.PatientAge = f"{person.age:03d}Y"
    dataset.InstitutionName = INSTITUTIONS[person.site]
    dataset.ReferringPhysicianName = PHYSICIAN
    dataset.OperatorsName = OPERATOR
    dataset.AccessionNumber = person.accession(study)
    dataset.StudyID = str(study + 1)
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = person.study_date()
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = f"{8 + study % 10:02d}3000"
    dataset.Modality = modality
    dataset.SeriesNumber, dataset.InstanceNumber = "1", str(instance)
    return dataset


def _with_pixels(dataset: Dataset, stored: np.ndarray, photometric: str) -> bytes:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = photometric
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = np.ascontiguousarray(stored, dtype="<u2").tobytes()
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def study_uid(seed: int, study: int) -> UID:
    """UID of a patient's study (PS3.5 annex B.2)."""
    return _uid(seed, "study", study)


def _uid(*parts: int | str) -> UID:
    return UID(f"2.25.{derive_seed('uid', *parts)}{derive_seed('uid', 'low', *parts) % 10**12:012d}")


def _decimal(value: float) -> str:
    return f"{value:.8g}"


def png(pixels: np.ndarray, texts: dict[str, str] | None = None) -> bytes:
    """A PNG of uint8 [height, width] or [height, width, 3] with text chunks."""
    info = PngInfo()
    for key, text in (texts or {}).items():
        info.add_text(key, text)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", pnginfo=info)
    return file.getvalue()


def brain_nifti(brain: BrainVolume, person: Person) -> bytes:
    """Four channels as one 4-D int16 volume; names stand in the description and in a comment extension."""
    image = _nifti(brain.volume, brain.spacing_mm)
    image.header["descrip"] = f"{person.dicom_name} {person.patient_id}"[:79].encode()
    image.header["db_name"] = person.surname[:17].encode()
    facts = [person.dicom_name, person.birth_date(), person.accession(0), INSTITUTIONS[person.site]]
    comment = " ".join([*facts, *CHANNELS])
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", comment.encode()))
    return gzip.compress(image.to_bytes(), compresslevel=1, mtime=0)


def mask_nifti(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> bytes:
    """A uint8 volume on the grid of the images."""
    return gzip.compress(_nifti(mask, spacing_mm).to_bytes(), compresslevel=6, mtime=0)


def _nifti(array: np.ndarray, spacing_mm: tuple[float, float, float]) -> nibabel.Nifti1Image:
    turned = to_nifti_axes(array)
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = [
        -spacing * (count - 1) / 2 for spacing, count in zip(spacing_mm, turned.shape, strict=False)
    ]
    image = nibabel.Nifti1Image(turned, affine)
    image.header.set_xyzt_units("mm", "sec")
    return image
