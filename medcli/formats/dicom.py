"""Single-frame DICOM images: pixels in modality units, and the few header fields that a record may hold.

References: DICOM PS3.3 C.7.6.3 (image pixel), C.11.1 (modality LUT), C.11.2 (VOI LUT); PS3.5 A.5 (deflate).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pydicom
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset, FileDataset
from pydicom.filebase import DicomBytesIO
from pydicom.multival import MultiValue
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array
from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from medcli.errors import DataError
from medcli.formats import dicom_codecs
from medcli.formats.codes import DECODER_FAULTS, reject
from medcli.formats.inflate import RAW_DEFLATE, inflate
from medcli.formats.source import MAX_PIXELS, SourceHeader, SourceImage

_FAULTS: tuple[type[BaseException], ...] = (
    *DECODER_FAULTS,
    pydicom.errors.InvalidDicomError,
    pydicom.errors.BytesLengthException,
)
_SCANNED = [
    "SOPClassUID",
    "Modality",
    "ViewPosition",
    "PatientID",
    "PatientAge",
    "PatientSex",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
    "NumberOfFrames",
    "SharedFunctionalGroupsSequence",
]
_FIELDS = {"modality": "Modality", "view": "ViewPosition", "age": "PatientAge", "sex": "PatientSex"}
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_TINY = 256  # bytes; no DICOM object is that small
_DEFLATED = b"1.2.840.10008.1.2.1.99"


def scan_bytes(content: bytes, *, kind: str) -> SourceHeader:
    """Fields and patient of an image whose size and number of frames are acceptable."""
    dataset = _read(content, only_header=True)
    fields = {name: _text(dataset, keyword) for name, keyword in _FIELDS.items()}
    patient = _text(dataset, "PatientID")
    return SourceHeader(kind, {name: value for name, value in fields.items() if value}, patient or None)


def decode_bytes(content: bytes, *, kind: str) -> SourceImage:
    """The image after the modality LUT or rescale; the VOI and presentation LUTs are not applied.

    Palette and YBR images become RGB. Whole-number rescales keep integers.
    """
    dataset = _read(content, only_header=False)
    syntax = _transfer_syntax(dataset)
    try:
        bits = _integer(dataset, "BitsStored", 0)
        stored = pixel_array(dataset, decoding_plugin=dicom_codecs.plugin_for(syntax))
        photometric = _text(dataset, "PhotometricInterpretation")
        if photometric == "PALETTE COLOR":
            stored = apply_color_lut(stored, dataset)
            bits = stored.dtype.itemsize * 8
        pixels = _apply_modality(stored, dataset)
    except _FAULTS as error:
        raise _decoding_error(error, dataset, syntax) from error
    return SourceImage(
        pixels.astype(pixels.dtype.newbyteorder("="), copy=False),
        bits=bits or stored.dtype.itemsize * 8,
        window=_first_window(dataset),
        is_inverted=photometric == "MONOCHROME1",
    )


def _read(content: bytes, *, only_header: bool) -> FileDataset:
    """The data set, in full or up to its pixel data, which must be there."""
    is_deflated = _check_deflated(content)
    file = DicomBytesIO(content)
    tags: Any = _SCANNED if only_header else None
    try:
        dataset = pydicom.dcmread(file, force=True, stop_before_pixels=only_header, specific_tags=tags)
    except _FAULTS as error:
        raise _unreadable(content, error) from error
    if only_header:
        found = is_deflated or content[file.tell() : file.tell() + 2] in {b"\xe0\x7f", b"\x7f\xe0"}
        # Tag, length and, in explicit VR, the VR come before the first pixel (PS3.5 7.1).
        num_bytes = len(content) - file.tell() - (8 if dataset.original_encoding[0] else 12)
    else:
        found = any(keyword in dataset for keyword in _PIXELS)
        num_bytes = len(content)
    if not found:
        raise _no_pixels(dataset, len(content))
    _check_header(dataset)
    if not is_deflated and not _transfer_syntax(dataset).is_compressed and num_bytes < _native_size(dataset):
        raise reject("decode/truncated", "the file ends before its pixel data do")
    return dataset


def _check_deflated(content: bytes) -> bool:
    """Whether the data set is deflated; if so it is known to inflate to an acceptable size."""
    head = content[132:2048]
    if content[128:132] != b"DICM" or _DEFLATED not in head:
        return False
    # The group length of the file meta information says where the deflated stream begins (PS3.10 7.1).
    if head[:8] != b"\x02\x00\x00\x00UL\x04\x00":
        raise reject("decode/bad-header", "a deflated DICOM file without the length of its meta information")
    start = 144 + int.from_bytes(head[8:12], "little")
    inflate(content[start:], wbits=RAW_DEFLATE)
    return True


def _unreadable(content: bytes, error: BaseException) -> DataError:
    if isinstance(error, EOFError) or len(content) < _TINY:
        return reject("decode/truncated", "the DICOM file ends in its header")
    return reject("decode/corrupt", f"the DICOM header is damaged ({type(error).__name__})")


def _no_pixels(dataset: FileDataset, num_bytes: int) -> DataError:
    sop_class = UID(_text(dataset, "SOPClassUID") or _text(dataset.file_meta, "MediaStorageSOPClassUID"))
    name = sop_class.name if sop_class in UID_dictionary else "an object of no known class"
    if "Rows" in dataset or "Image Storage" in name or num_bytes < _TINY:
        return reject("decode/truncated", "the file ends before its pixel data")
    return reject("decode/not-an-image", f"DICOM without an image: {name}")


def _transfer_syntax(dataset: FileDataset) -> UID:
    declared = _text(dataset.file_meta, "TransferSyntaxUID")
    if declared:
        if declared not in AllTransferSyntaxes:
            raise reject("decode/unsupported-syntax", "(0002,0010) Transfer Syntax UID is none that is known")
        return UID(declared)
    implicit, little = dataset.original_encoding
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    dataset.file_meta.TransferSyntaxUID = syntax
    return syntax


def _native_size(dataset: FileDataset) -> int:
    """Bytes of uncompressed pixel data that the header announces, at least."""
    size = math.prod(_integer(dataset, keyword, 1) for keyword in ("Rows", "Columns", "SamplesPerPixel"))
    is_subsampled = _text(dataset, "PhotometricInterpretation") == "YBR_FULL_422"
    bits = size * _integer(dataset, "BitsAllocated", 8)
    return bits // 8 * (2 if is_subsampled else 3) // 3


def _check_header(dataset: FileDataset) -> None:
    rows, columns = _integer(dataset, "Rows", 0), _integer(dataset, "Columns", 0)
    if rows < 1 or columns < 1:
        raise reject("decode/bad-header", f"(0028,0010) Rows is {rows}, (0028,0011) Columns is {columns}")
    if rows * columns > MAX_PIXELS:
        raise reject("decode/bomb", f"{rows}x{columns} pixels, the limit is {MAX_PIXELS}")
    num_frames = _integer(dataset, "NumberOfFrames", 1)
    if num_frames > 1:
        raise reject("decode/multi-frame", f"{num_frames} frames in one DICOM file are not read yet")
    if "SharedFunctionalGroupsSequence" in dataset:
        # Their rescale and window lie in functional groups, which a single-frame reader would miss.
        raise reject("decode/multi-frame", "enhanced multi-frame DICOM is not read yet")
    stored, allocated = _integer(dataset, "BitsStored", 8), _integer(dataset, "BitsAllocated", 8)
    if not 1 <= stored <= allocated <= 64:
        raise reject("decode/bad-header", f"(0028,0101) Bits Stored is {stored} of {allocated}")


def _decoding_error(error: BaseException, dataset: FileDataset, syntax: UID) -> DataError:
    if isinstance(error, DataError):
        return error
    if isinstance(error, NotImplementedError) and "not supported" in str(error):
        return reject("decode/unsupported-syntax", f"transfer syntax {syntax.name} is not read")
    if not syntax.is_compressed and len(_first(dataset, "PixelData") or b"") < _native_size(dataset):
        return reject("decode/truncated", "there are fewer pixels than the header announces")
    return reject("decode/corrupt", f"the pixel data do not decode ({type(error).__name__})")


def _apply_modality(stored: np.ndarray, dataset: FileDataset) -> np.ndarray:
    """Modality units; integers where slope and intercept are whole numbers, else float32."""
    if dataset.get("ModalityLUTSequence"):
        return apply_modality_lut(stored, dataset)
    slope, intercept = _number(dataset, "RescaleSlope", 1.0), _number(dataset, "RescaleIntercept", 0.0)
    if not math.isfinite(slope) or not math.isfinite(intercept) or slope == 0:
        raise reject(
            "decode/bad-header", "(0028,1053) Rescale Slope is 0, or it or the intercept is not finite"
        )
    if slope == 1 and intercept == 0:
        return stored if stored.dtype.kind in "iu" else stored.astype(np.float32)
    values = stored.astype(np.float64) * slope + intercept
    is_whole = stored.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer()
    return values.astype(np.int32 if is_whole and np.abs(values).max() < 1 << 31 else np.float32)


def _first_window(dataset: FileDataset) -> tuple[float, float] | None:
    """Centre and width, when there is a usable pair (PS3.3 C.11.2.1.2: the width is above 0)."""
    center, width = (_number(dataset, f"Window{part}", math.nan) for part in ("Center", "Width"))
    return (center, width) if math.isfinite(center) and math.isfinite(width) and width > 0 else None


def _first(dataset: Dataset, keyword: str) -> Any:
    """The first value of an element, or None; damaged values count as absent."""
    try:
        value = dataset.get(keyword)
    except _FAULTS:
        return None
    return (value[0] if value else None) if isinstance(value, MultiValue | list) else value


def _text(dataset: Dataset, keyword: str) -> str:
    value = _first(dataset, keyword)
    return "" if value is None else str(value).strip(" \x00")


def _number(dataset: FileDataset, keyword: str, default: float) -> float:
    value = _first(dataset, keyword)
    try:
        return default if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        return math.nan


def _integer(dataset: FileDataset, keyword: str, default: int) -> int:
    try:
        value = dataset.get(keyword)
        return default if value is None or value == "" else int(value)
    except _FAULTS as error:
        raise reject("decode/bad-header", f"the DICOM header has no usable {keyword}") from error
