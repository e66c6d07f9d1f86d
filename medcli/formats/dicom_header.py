"""The DICOM data set of an image, once its header is known to describe one that can be decoded.

References: DICOM PS3.3 C.7.6.3 (image pixel), C.7.6.1.1.2 (image type), C.7.6.16.2.2.4 (concatenations);
PS3.5 A.
"""

from __future__ import annotations

import math
from typing import Any

import pydicom
from pydicom import uid
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import FileDataset
from pydicom.filebase import DicomBytesIO

from medcli.errors import DataError
from medcli.formats import dicom_codecs
from medcli.formats.codes import reject
from medcli.formats.dicom_deflate import check_deflated, has_deflated_frames, inflate_frames
from medcli.formats.dicom_values import FAULTS, all_of, integer, text
from medcli.formats.source import MAX_BYTES, MAX_PIXELS

_CHECKED = [
    "SOPClassUID",
    "ImageType",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "NumberOfFrames",
    "ConcatenationUID",
    "InConcatenationTotalNumber",
]
# Compressed pixel data that pydicom decodes without a codec of ours.
_BY_PYDICOM = {uid.JPEGBaseline8Bit, uid.RLELossless}
_PIXELS = {"PixelData": 0, "FloatPixelData": 32, "DoubleFloatPixelData": 64}
_TINY = 256  # bytes; no DICOM object is that small
_NO_PICTURES = {uid.SegmentationStorage, uid.RTDoseStorage, uid.SurfaceSegmentationStorage}
_TILES = {uid.VLWholeSlideMicroscopyImageStorage}


def read_header(content: bytes, *, keywords: list[str]) -> FileDataset:
    """Only the named elements, without the pixel data, which are known to be there.

    Raises:
        DataError: When this is no image that can be decoded; see `codes.CODES`.
    """
    is_deflated = check_deflated(content)
    file = DicomBytesIO(content)
    tags: Any = sorted({*_CHECKED, *keywords})
    try:
        dataset = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=tags)
    except FAULTS as error:
        raise _unreadable(content, error) from error
    position = file.tell()
    _check_class(dataset)
    is_there = content[position : position + 2] in {b"\xe0\x7f", b"\x7f\xe0"}
    if not (("Rows" in dataset) if is_deflated else is_there):
        raise _no_pixels(dataset, len(content))
    check_image(dataset)
    # Tag, length and, in explicit VR, the VR come before the first pixel (PS3.5 7.1).
    num_bytes = len(content) - position - (8 if dataset.original_encoding[0] else 12)
    is_compressed = is_deflated or has_deflated_frames(dataset) or transfer_syntax(dataset).is_compressed
    if not is_compressed and num_bytes < native_size(dataset):
        raise reject("decode/truncated", "the file ends before its pixel data do")
    return dataset


def read_image(content: bytes) -> FileDataset:
    """The whole data set, with pixel data.

    Raises:
        DataError: When this is no image that can be decoded; see `codes.CODES`.
    """
    check_deflated(content)
    try:
        dataset = pydicom.dcmread(DicomBytesIO(content), force=True)
    except FAULTS as error:
        raise _unreadable(content, error) from error
    _check_class(dataset)
    if not any(keyword in dataset for keyword in _PIXELS):
        raise _no_pixels(dataset, len(content))
    check_image(dataset)
    if has_deflated_frames(dataset):
        inflate_frames(dataset)
    if not transfer_syntax(dataset).is_compressed:
        _check_native(dataset)
    return dataset


def transfer_syntax(dataset: FileDataset) -> uid.UID:
    """The declared transfer syntax, or that in which the data set turned out to be encoded.

    Raises:
        DataError: `decode/unsupported-syntax` when no decoder knows it.
    """
    declared = text(dataset.file_meta, "TransferSyntaxUID")
    if not declared:
        implicit, little = dataset.original_encoding
        declared = (
            uid.ImplicitVRLittleEndian
            if implicit
            else uid.ExplicitVRLittleEndian
            if little
            else uid.ExplicitVRBigEndian
        )
        dataset.file_meta.TransferSyntaxUID = declared
    syntax = uid.UID(declared)
    if declared not in uid.AllTransferSyntaxes:
        raise reject("decode/unsupported-syntax", "(0002,0010) Transfer Syntax UID is none that is known")
    if syntax.is_compressed and syntax not in _BY_PYDICOM and not dicom_codecs.is_available(syntax):
        raise reject("decode/unsupported-syntax", f"transfer syntax {syntax.name} is not read")
    return syntax


def native_size(dataset: FileDataset) -> int:
    """Bytes of uncompressed pixel data that the header announces, all frames together."""
    keywords = ("Rows", "Columns", "SamplesPerPixel", "NumberOfFrames")
    size = math.prod(max(1, integer(dataset, keyword, 1)) for keyword in keywords)
    default = next((bits for name, bits in _PIXELS.items() if bits and name in dataset), 8)
    is_subsampled = text(dataset, "PhotometricInterpretation") == "YBR_FULL_422"
    bits = size * integer(dataset, "BitsAllocated", default)
    return (bits + 7) // 8 * (2 if is_subsampled else 3) // 3


def check_image(dataset: FileDataset) -> None:
    """Refuse sizes, depths and kinds of image that no decoder should be asked for."""
    kind = [str(value).strip() for value in all_of(dataset, "ImageType")]
    if kind[2:3] == ["LOCALIZER"]:
        raise reject("decode/localizer", "a localizer (scout), not an image to be classified")
    if text(dataset, "ConcatenationUID") and integer(dataset, "InConcatenationTotalNumber", 0) != 1:
        raise reject("decode/unsupported-syntax", "a part of a volume (concatenation): join its files first")
    rows, columns = integer(dataset, "Rows", 0), integer(dataset, "Columns", 0)
    if rows < 1 or columns < 1:
        raise reject("decode/bad-header", f"(0028,0010) Rows is {rows}, (0028,0011) Columns is {columns}")
    num_frames = max(1, integer(dataset, "NumberOfFrames", 1))
    samples = integer(dataset, "SamplesPerPixel", 1)
    allocated = integer(dataset, "BitsAllocated", 8)
    if rows * columns * num_frames > MAX_PIXELS:
        raise reject("decode/bomb", f"{num_frames}x{rows}x{columns} pixels, the limit is {MAX_PIXELS}")
    if samples not in {1, 3, 4}:
        raise reject("decode/bad-header", f"(0028,0002) Samples per Pixel is {samples}")
    stored = integer(dataset, "BitsStored", allocated)
    if not 1 <= stored <= allocated or allocated not in {1, 8, 16, 32, 64}:
        raise reject("decode/bad-header", f"(0028,0101) Bits Stored is {stored} of {allocated}")
    if rows * columns * num_frames * samples * max(8, allocated) // 8 > MAX_BYTES:
        raise reject("decode/bomb", f"{num_frames} frames of {rows}x{columns} are larger than the limit")
    if not has_deflated_frames(dataset):
        transfer_syntax(dataset)


def _check_class(dataset: FileDataset) -> None:
    sop_class = _sop_class(dataset)
    if sop_class in _NO_PICTURES:
        raise reject("decode/not-an-image", f"DICOM without an image: {sop_class.name}")
    if sop_class in _TILES:
        raise reject("decode/multi-frame", "the tiles of a whole-slide image are not read")


def _check_native(dataset: FileDataset) -> None:
    """Refuse pixel data whose length contradicts the header: a lie there shears or loses frames silently."""
    try:
        data = next(dataset[keyword].value for keyword in _PIXELS if keyword in dataset) or b""
    except FAULTS as error:
        raise reject("decode/corrupt", "the element of the pixel data is damaged") from error
    if not isinstance(data, bytes):
        raise reject("decode/corrupt", "the pixel data are of a type that holds no pixels")
    size = native_size(dataset)
    if len(data) < size:
        raise reject("decode/truncated", "there are fewer pixels than the header announces")
    frame = size // max(1, integer(dataset, "NumberOfFrames", 1))
    extra = data[size:]
    if len(extra) >= max(2, frame) or len(set(extra)) > 1:
        raise reject("decode/bad-header", "there are more pixels than the header announces")


def _unreadable(content: bytes, error: BaseException) -> DataError:
    if isinstance(error, EOFError) or len(content) < _TINY:
        return reject("decode/truncated", "the DICOM file ends in its header")
    return reject("decode/corrupt", f"the DICOM header is damaged ({type(error).__name__})")


def _sop_class(dataset: FileDataset) -> uid.UID:
    return uid.UID(text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID"))


def _no_pixels(dataset: FileDataset, num_bytes: int) -> DataError:
    sop_class = _sop_class(dataset)
    name = sop_class.name if sop_class in UID_dictionary else "an object of no known class"
    if "Rows" in dataset or "Image Storage" in name or num_bytes < _TINY:
        return reject("decode/truncated", "the file ends before its pixel data")
    return reject("decode/not-an-image", f"DICOM without an image: {name}")
