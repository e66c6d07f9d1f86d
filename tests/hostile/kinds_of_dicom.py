"""One small builder a kind of broken, hostile or odd DICOM file, with what must become of it."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from tests.formats.make import dicom_bytes, image_bytes, ramp
from tests.hostile.kinds_of_files import Kinds, cut, grey

DEEP = ramp(8, 8, dtype="int16", step=5)


def film(pixels: np.ndarray | None = None, **tags: object) -> bytes:
    return dicom_bytes(grey() if pixels is None else pixels, **tags)


def without_preamble() -> bytes:
    return film()[132:]


def deflated() -> bytes:
    return film(syntax=DeflatedExplicitVRLittleEndian)


def deflated_bomb() -> bytes:
    """A file header, and after it a megabyte of deflate (PS3.5 A.5) that becomes more than a gigabyte."""
    whole = deflated()
    (length,) = struct.unpack("<I", whole[140:144])
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush equal blocks have equal bytes: one is packed and repeated.
    first = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return whole[: 144 + length] + first + again * 1024 + packer.flush()


def compressed(stream: bytes, syntax: str, **tags: object) -> bytes:
    return film(syntax=syntax, PixelData=encapsulate([stream]), **tags)


def nested() -> bytes:
    """Sequences within sequences, far deeper than any standard object."""
    inner = Dataset()
    for _ in range(200):
        outer = Dataset()
        outer.ReferencedSeriesSequence = Sequence([inner])
        inner = outer
    return film(ReferencedStudySequence=Sequence([inner]))


def every_name() -> bytes:
    """A character set that is none, and bytes that are in no character set."""
    content = film(SpecificCharacterSet="ISO_IR 100").replace(b"ISO_IR 100", b"ISO_IR 999")
    return content.replace(b"CANARY^NAME", b"CANARY^\xff\xfe\xfa\xfb")


def unknown_syntax() -> bytes:
    return film().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.9.9\0", 1)


def no_pixels(**tags: object) -> bytes:
    return film(PixelData=None, Rows=None, Columns=None, **tags)


def two_rows() -> bytes:
    """Rows with two values, which pydicom would not write."""
    content = film()
    place = content.index(b"\x28\x00\x10\x00US\x02\x00")
    return content[: place + 6] + b"\x04\x00" + struct.pack("<HH", 48, 9) + content[place + 10 :]


def trailing() -> bytes:
    return film() + b"CANARY^NAME" * 20


DICOM: Kinds = {
    "plain.dcm": (film, ""),
    "signed.dcm": (lambda: film(DEEP), ""),
    "inverted.dcm": (lambda: film(PhotometricInterpretation="MONOCHROME1"), ""),
    "hounsfield.dcm": (lambda: film(DEEP, RescaleSlope="1", RescaleIntercept="-1024"), ""),
    "no-preamble.dcm": (without_preamble, ""),
    "deflated.dcm": (deflated, ""),
    "bad-name.dcm": (every_name, ""),
    "trailing.dcm": (trailing, ""),
    "nested.dcm": (nested, ""),
    "jpeg.dcm": (lambda: compressed(image_bytes(grey(), kind="JPEG"), JPEGBaseline8Bit), ""),
    "cut-header.dcm": (lambda: film()[:200], "decode/truncated"),
    "cut-pixels.dcm": (lambda: cut(film(), 0.8), "decode/truncated"),
    "cut-jpeg.dcm": (
        lambda: compressed(cut(image_bytes(grey(), kind="JPEG"), 0.1), JPEGBaseline8Bit),
        "decode/corrupt",
    ),
    "no-jpeg.dcm": (lambda: compressed(b"CANARY^NAME " * 9, JPEGBaseline8Bit), "decode/corrupt"),
    "no-jpeg2000.dcm": (lambda: compressed(bytes(64), JPEG2000Lossless), "decode/corrupt"),
    "no-rle.dcm": (lambda: compressed(bytes(64), RLELossless), "decode/corrupt"),
    "deflated-bomb.dcm": (deflated_bomb, "decode/bomb"),
    "unknown-syntax.dcm": (unknown_syntax, "decode/unsupported-syntax"),
    "no-rows.dcm": (lambda: film(Rows=0), "decode/bad-header"),
    "two-rows.dcm": (two_rows, "decode/bad-header"),
    "huge.dcm": (lambda: film(Rows=65_535, Columns=65_535), "decode/bomb"),
    "too-many-rows.dcm": (lambda: film(Rows=99), "decode/truncated"),
    "bits.dcm": (lambda: film(BitsStored=77), "decode/bad-header"),
    "nan-rescale.dcm": (lambda: film(DEEP, RescaleSlope="nan", RescaleIntercept="0"), "decode/bad-header"),
    "report.dcm": (
        lambda: no_pixels(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR"),
        "decode/not-an-image",
    ),
    "pdf.dcm": (
        lambda: no_pixels(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", Modality="DOC"),
        "decode/not-an-image",
    ),
    "structures.dcm": (
        lambda: no_pixels(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", Modality="RTSTRUCT"),
        "decode/not-an-image",
    ),
    "no-pixels.dcm": (no_pixels, "decode/truncated"),
}
