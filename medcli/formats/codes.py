"""Reason codes of rejected inputs: the one table; the man page is made from it."""

from __future__ import annotations

import struct
import zlib

from medcli.errors import DataError

CODES: dict[str, str] = {
    "decode/empty": "the file has no content",
    "decode/truncated": "the file ends before its content does",
    "decode/corrupt": "the content contradicts itself or fails its own checksum",
    "decode/unknown-format": "not an image format that medcli reads (a web page, an archive, a pointer, ...)",
    "decode/not-an-image": "DICOM without an image: structured report, PDF, RT object, DICOMDIR, waveform",
    "decode/localizer": "a DICOM localizer (scout), which shows where images were taken and is none itself",
    "decode/multi-frame": "more than one image in the file",
    "decode/unsupported-syntax": "a variant of the format that medcli does not read",
    "decode/bad-header": "a header value is missing or impossible (rows, bit depth, rescale, ...)",
    "decode/not-finite": "pixels are NaN or infinite",
    "decode/bomb": "the decoded image would be larger than the limit",
    "decode/geometry": "the channels of one image have several sizes or geometries",
    "series/gap": "a slice of a DICOM series is missing",
    "series/duplicate": "two slices of a DICOM series have the same position",
    "series/mixed": "the slices of a DICOM series have several sizes, spacings or orientations",
    "series/tilt": "the slices of a DICOM series are shifted against each other (gantry tilt)",
    "layout/incomplete": "a case lacks a file that its layout asks for",
    "file/doubled": "the same DICOM object (SOP Instance UID) with the same pixels as a file that is kept",
    "file/uid-conflict": "several DICOM files have one SOP Instance UID, but differ in what they show",
    "file/symlink": "a link that leaves the folder, leads to a folder, or leads nowhere",
    "file/not-regular": "a FIFO, socket or device",
    "file/unreadable": "no permission, or reading failed",
    "file/changed": "the content is not what it was when the file was ingested",
    "table/no-file": "a row whose file does not exist",
    "table/no-row": "a file without a row in the table of labels",
    "table/duplicate-key": "several rows that differ name the same file",
    "table/bad-label": "a label that is not 1, 0, -1 or blank, or not one of --classes",
    "table/no-key": "a row with an empty key",
    "table/ragged-row": "a row with fewer or more cells than the table has columns",
    "table/bad-xml": "an XML file that is damaged or no reading message",
    "table/bad-mask": "a mask that does not exist, lies outside the folder, or cannot be read",
    "folder/no-class": "a file that lies in no class folder",
    "file/outside": "the path in the map of sources leads out of the input folder",
    "recipe/no-window": "--normalize window, but the header has no window and --window is not given",
    "recipe/bad-window": "the header's window is impossible (width below 1, not finite)",
    "recipe/no-range": "--normalize none, but the pixels have no known black and white",
    "recipe/channels": "the image has other channels than --channels asks for",
    "recipe/inverted": "--normalize train, but dark and bright are stored the other way than in training",
    "recipe/bad-mask": "the mask is of another size than the image, or holds no class numbers",
    "recipe/no-spacing": "--spacing is given, but the pixel spacing of the image is unknown",
    "recipe/no-geometry": "--plane is given, but the position of the volume in the patient is unknown",
    "recipe/no-lesion": "--slices lesion or --crop, but there is no box, and nothing in the mask",
    "recipe/too-large": "with --spacing the volume would have too many voxels",
    "recipe/failed": "the recipe cannot be applied to the image",
    "worker/died": "the process that read the file died",
    "worker/timeout": "reading the file took longer than 120 s, and a second more for each MiB",
    "worker/memory": "reading the file needed more than 4 GiB, and 8 MiB more for each MiB",
    "worker/crashed": "the library that read the file failed in an unforeseen way",
}

DECODER_FAULTS: tuple[type[BaseException], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What foreign decoders raise on damaged bytes; our own code is kept outside the `try` that catches these."""


def reject(code: str, message: str, *, hint: str = "") -> DataError:
    """A fault of one input, to be raised; never quotes a value that may identify a person."""
    assert code in CODES, code
    return DataError(message, code=code, hint=hint)
