"""Small files of every format, made on the spot."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from typing import Any

import nibabel
import numpy as np
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

CANARY = "CANARY^NAME"
PATIENT = "CANARY-ID-7"


def dicom_bytes(pixels: np.ndarray, *, syntax: str = ExplicitVRLittleEndian, **tags: Any) -> bytes:
    """A secondary capture of uint8, uint16 or int16 pixels; a tag given as None is left out.

    Its SOP Instance UID follows from its pixels and the names of `tags`, unless given.
    """
    digest = hashlib.sha256(repr((pixels.tolist(), pixels.dtype, syntax, sorted(tags))).encode()).hexdigest()
    instance = tags.get("SOPInstanceUID") or f"2.25.{int(digest[:24], 16)}"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = syntax
    dataset = FileDataset(
        "",
        {},
        file_meta=meta,
        preamble=b"\0" * 128,
        is_implicit_VR=UID(syntax).is_implicit_VR,
        is_little_endian=UID(syntax).is_little_endian,
    )
    bits = pixels.dtype.itemsize * 8
    values: dict[str, Any] = {
        "SOPClassUID": SecondaryCaptureImageStorage,
        "SOPInstanceUID": instance,
        "PatientName": CANARY,
        "PatientID": PATIENT,
        "PatientAge": "058Y",
        "PatientSex": "F",
        "Modality": "DX",
        "ViewPosition": "PA",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1 if pixels.ndim == 2 else pixels.shape[2],
        "PhotometricInterpretation": "MONOCHROME2" if pixels.ndim == 2 else "RGB",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelData": pixels.tobytes() + b"\0" * (pixels.nbytes % 2),
    }
    if pixels.ndim == 3:
        values["PlanarConfiguration"] = 0
    for name, value in {**values, **tags}.items():
        if value is not None:
            setattr(dataset, name, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def image_bytes(pixels: np.ndarray, *, kind: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    """The pixels in a format that Pillow writes."""
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, format=kind, **options)
    return buffer.getvalue()


def nifti_bytes(volume: np.ndarray, *, affine: np.ndarray | None = None) -> bytes:
    """A NIfTI-1 file, not compressed."""
    return nibabel.Nifti1Image(volume, np.eye(4) if affine is None else affine).to_bytes()


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """A compressed archive of the arrays by name."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    """One chunk with its CRC."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def raw_png(*, width: int, height: int, depth: int, colour_type: int, rows: bytes) -> bytes:
    """A PNG whose scan lines are given as they are, filter bytes included."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def ramp(height: int = 6, width: int = 5, *, dtype: str = "uint8", step: int = 3) -> np.ndarray:
    """Different values everywhere, so that a wrong transpose or flip shows."""
    return (np.arange(height * width).reshape(height, width) * step).astype(dtype)
