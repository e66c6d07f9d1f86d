"""A builder a kind of broken, hostile or odd DICOM file that is not compressed, and what becomes of it."""

from __future__ import annotations

import itertools
import struct
import zlib

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from tests.formats.make import dicom_bytes, ramp
from tests.hostile.kind import Kinds, colour, cut, deep, grey, kept, patched, refused

PIXELS = b"\xe0\x7f\x10\x00OB"
_NUMBERS = itertools.count(100_000)
SIGNED = ramp(8, 8, dtype="int16", step=5)
EXPLICIT = b"1.2.840.10008.1.2.1\0"


def film(pixels: np.ndarray | None = None, **tags: object) -> bytes:
    """A film with a SOP Instance UID of its own, of one length."""
    uid = f"1.2.826.0.1.{next(_NUMBERS)}"
    return dicom_bytes(grey() if pixels is None else pixels, **{"SOPInstanceUID": uid, **tags})


def retold(content: bytes, syntax: bytes) -> bytes:
    """Another transfer syntax of as many characters in the header, and the same bytes after it."""
    assert len(syntax) == len(EXPLICIT)
    return content.replace(EXPLICIT, syntax, 1)


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


def nested() -> bytes:
    """Sequences within sequences, far deeper than any standard object."""
    inner = Dataset()
    for _ in range(200):
        outer = Dataset()
        outer.ReferencedSeriesSequence = Sequence([inner])
        inner = outer
    return film(ReferencedStudySequence=Sequence([inner]))


def no_pixels(**tags: object) -> bytes:
    return film(PixelData=None, Rows=None, Columns=None, **tags)


def two_rows() -> bytes:
    """Rows with two values, which pydicom would not write."""
    content = film()
    place = content.index(b"\x28\x00\x10\x00US\x02\x00")
    return content[: place + 6] + b"\x04\x00" + struct.pack("<HH", 48, 9) + content[place + 10 :]


def no_syntax() -> bytes:
    """File meta information without (0002,0010): its element renamed to a private one of the group."""
    content = film()
    place = content.index(b"\x02\x00\x10\x00UI")
    return patched(content, place, b"\x02\x00\x19\x00UI")


def planar() -> bytes:
    return film(colour(), PlanarConfiguration=1, PixelData=colour().transpose(2, 0, 1).tobytes())


def palette(**tags: object) -> bytes:
    """256 entries of 16 bits a colour (PS3.3 C.7.9)."""
    tables = {
        f"{name}PaletteColorLookupTable{part}": value
        for number, name in enumerate(("Red", "Green", "Blue"), 1)
        for part, value in (
            ("Descriptor", [256, 0, 16]),
            ("Data", (np.arange(256, dtype="<u2") * 50 * number).tobytes()),
        )
    }
    return film(PhotometricInterpretation="PALETTE COLOR", **{**tables, **tags})


def palette_pixels() -> np.ndarray:
    return np.stack([grey().astype(np.uint16) * 50 * number for number in (1, 2, 3)], axis=-1)


def with_overlay() -> bytes:
    """A retired overlay in bit 15 of each sample (PS3.5 8.1.2)."""
    drawn = deep() | np.where(np.eye(*deep().shape, dtype=bool), 0x8000, 0).astype(np.uint16)
    return film(drawn, BitsStored=12, HighBit=11)


def modality_table() -> bytes:
    item = Dataset()
    item.LUTDescriptor = [256, 0, 16]
    item.ModalityLUTType = "US"
    item.LUTData = (np.arange(256, dtype="<u2") * 3 + 7).tobytes()
    return film(ModalityLUTSequence=Sequence([item]))


def frames() -> np.ndarray:
    return np.stack([ramp(dtype="uint16"), ramp(dtype="uint16") + 50, ramp(dtype="uint16") + 90])


def cine(**tags: object) -> bytes:
    return film(frames()[0], **{"NumberOfFrames": 3, "PixelData": frames().tobytes(), **tags})


def enhanced(num_groups: int = 3) -> bytes:
    """Frames whose rescale differs from one to the next, stored from the last slice to the first."""
    groups = []
    for number in range(num_groups):
        rescale, place, measures, orientation = (Dataset() for _ in range(4))
        rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = number + 1, -1000, "HU"
        place.ImagePositionPatient = [0, 0, -5 * number]
        orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        measures.PixelSpacing = [1, 1]
        group = Dataset()
        group.PixelValueTransformationSequence = Sequence([rescale])
        group.PlanePositionSequence = Sequence([place])
        group.PlaneOrientationSequence = Sequence([orientation])
        group.PixelMeasuresSequence = Sequence([measures])
        groups.append(group)
    return cine(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1",
        Modality="CT",
        SharedFunctionalGroupsSequence=Sequence([Dataset()]),
        PerFrameFunctionalGroupsSequence=Sequence(groups),
    )


def enhanced_pixels() -> np.ndarray:
    slopes = np.arange(1, 4, dtype=np.int32).reshape(3, 1, 1)
    return (frames().astype(np.int32) * slopes - 1000)[::-1]


def floating() -> np.ndarray:
    return (grey() / np.float32(7)).astype(np.float32)


def of_floats() -> bytes:
    return film(
        PixelData=None,
        FloatPixelData=floating().tobytes(),
        BitsAllocated=32,
        BitsStored=None,
        HighBit=None,
        PixelRepresentation=None,
    )


def one_bit() -> bytes:
    packed = np.packbits(grey() >> 7, bitorder="little").tobytes()
    return film(PixelData=packed, BitsAllocated=1, BitsStored=1, HighBit=0)


PLAIN: Kinds = {
    "plain.dcm": kept(film, grey),
    "signed.dcm": kept(lambda: film(SIGNED), lambda: SIGNED),
    "twelve-signed.dcm": kept(
        lambda: film((deep() & 0xFFF).astype(np.uint16), BitsStored=12, HighBit=11, PixelRepresentation=1),
        lambda: np.where(deep() >= 2048, deep().astype(np.int16) - 4096, deep()).astype(np.int16),
    ),
    "inverted.dcm": kept(lambda: film(PhotometricInterpretation="MONOCHROME1"), grey),
    "hounsfield.dcm": kept(
        lambda: film(SIGNED, RescaleSlope="1", RescaleIntercept="-1024"),
        lambda: SIGNED.astype(np.int32) - 1024,
    ),
    "fractions.dcm": kept(
        lambda: film(SIGNED, RescaleSlope="0.5", RescaleIntercept="0"), lambda: SIGNED.astype(np.float32) / 2
    ),
    "no-preamble.dcm": kept(lambda: film()[132:], grey),
    "deflated.dcm": kept(deflated, grey),
    "big-endian.dcm": kept(
        lambda: film(deep(), syntax=ExplicitVRBigEndian, PixelData=deep().astype(">u2").tobytes()), deep
    ),
    "implicit.dcm": kept(lambda: film(deep(), syntax=ImplicitVRLittleEndian), deep),
    "no-syntax.dcm": kept(no_syntax, grey),
    "planar.dcm": kept(planar, colour),
    "by-pixel.dcm": kept(lambda: film(colour()), colour),
    "palette.dcm": kept(palette, palette_pixels),
    "overlay.dcm": kept(with_overlay, deep),
    "modality-table.dcm": kept(modality_table, lambda: grey().astype(np.uint16) * 3 + 7),
    "cine.dcm": kept(cine, frames),
    "enhanced.dcm": kept(enhanced, enhanced_pixels),
    "floats.dcm": kept(of_floats, floating),
    "one-bit.dcm": kept(one_bit, lambda: grey() >> 7),
    "no-width.dcm": kept(lambda: film(WindowCenter="40", WindowWidth="0"), grey),
    "no-spacing.dcm": kept(lambda: film(PixelSpacing=["0", "0"]), grey),
    "less-than-no-spacing.dcm": kept(lambda: film(PixelSpacing=["-1", "1"]), grey),
    "trailing.dcm": kept(lambda: film() + b"CANARY^NAME" * 20, grey),
    "nested.dcm": kept(nested, grey),
}

CHARSETS = (
    *("ISO_IR 6", "ISO_IR 13", "ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 110", "ISO_IR 126"),
    *("ISO_IR 127", "ISO_IR 138", "ISO_IR 144", "ISO_IR 148", "ISO_IR 166", "ISO_IR 192", "ISO_IR 203"),
    *("GB18030", "GBK", "ISO 2022 IR 6\\ISO 2022 IR 87", "ISO 2022 IR 13\\ISO 2022 IR 159"),
    *("\\ISO 2022 IR 149", "ISO 2022 IR 58", "ISO_IR 999", "utf-8", "\\\\"),
)
"""Every defined term of (0008,0005) (PS3.3 C.12.1.1.2), and some that are none."""


def named_in(charset: str) -> bytes:
    """A name in bytes that are no text in most character sets."""
    content = film(SpecificCharacterSet="ISO_IR 100")
    content = patched(content, content.index(b"CANARY^NAME"), b"CANARY^\xff\xfe\x1b\x24")
    value = charset.encode() + b" " * (len(charset) % 2)
    place = content.index(b"\x08\x00\x05\x00CS") + 6
    return content[:place] + struct.pack("<H", len(value)) + value + content[place + 12 :]


NAMED: Kinds = {
    f"charset-{number}.dcm": kept(lambda charset=charset: named_in(charset), grey)
    for number, charset in enumerate(CHARSETS)
}

_STORAGE = "1.2.840.10008.5.1.4.1.1."
NOT_IMAGES: Kinds = {
    **{
        f"{name}.dcm": refused(
            lambda number=number, modality=modality: no_pixels(
                SOPClassUID=f"{_STORAGE}{number}", Modality=modality
            ),
            "decode/not-an-image",
        )
        for name, number, modality in (
            ("report", "88.11", "SR"),
            ("pdf", "104.1", "DOC"),
            ("structures", "481.3", "RTSTRUCT"),
            ("waveform", "9.1.1", "ECG"),
            ("presentation", "11.1", "PR"),
            ("registration", "66.1", "REG"),
        )
    },
    "index.dcm": refused(
        lambda: no_pixels(SOPClassUID="1.2.840.10008.1.3.10", Modality=None), "decode/not-an-image"
    ),
    "dose.dcm": refused(lambda: film(SOPClassUID=f"{_STORAGE}481.2"), "decode/not-an-image"),
    "segmentation.dcm": refused(lambda: film(SOPClassUID=f"{_STORAGE}66.4"), "decode/not-an-image"),
    "tiles.dcm": refused(lambda: film(SOPClassUID=f"{_STORAGE}77.1.6"), "decode/multi-frame"),
    "scout.dcm": refused(lambda: film(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "decode/localizer"),
    "no-pixels.dcm": refused(no_pixels, "decode/truncated"),
}

DAMAGED: Kinds = {
    "cut-preamble.dcm": refused(lambda: film()[:131], "decode/truncated"),
    "cut-meta.dcm": refused(lambda: film()[:140], "decode/truncated"),
    "cut-header.dcm": refused(lambda: film()[:200], "decode/truncated"),
    "odd-pixels.dcm": refused(lambda: film().replace(PIXELS, PIXELS[:4] + b"\x4f\xaf"), "decode/corrupt"),
    "text-pixels.dcm": refused(lambda: film().replace(PIXELS, PIXELS[:4] + b"UT"), "decode/corrupt"),
    "cut-pixels.dcm": refused(lambda: cut(film(), 0.8), "decode/truncated"),
    "deflated-bomb.dcm": refused(deflated_bomb, "decode/bomb"),
    "cut-deflated.dcm": refused(lambda: cut(deflated(), 0.9), "decode/truncated"),
    "unknown-syntax.dcm": refused(
        lambda: retold(film(), b"1.2.840.10008.1.9.9\0"), "decode/unsupported-syntax"
    ),
    "video.dcm": refused(
        lambda: film(syntax="1.2.840.10008.1.2.4.102", PixelData=b"\xfe\xff\x00\xe0" + bytes(64)),
        "decode/unsupported-syntax",
    ),
    "no-rows.dcm": refused(lambda: film(Rows=0), "decode/bad-header"),
    "no-columns.dcm": refused(lambda: film(Columns=0), "decode/bad-header"),
    "two-rows.dcm": refused(two_rows, "decode/bad-header"),
    "huge.dcm": refused(lambda: film(Rows=65_535, Columns=65_535), "decode/bomb"),
    "many-frames.dcm": refused(lambda: film(NumberOfFrames=10**9), "decode/bomb"),
    "too-many-rows.dcm": refused(lambda: film(Rows=99), "decode/truncated"),
    "too-few-rows.dcm": refused(lambda: film(Rows=20), "decode/bad-header"),
    "too-many-frames.dcm": refused(lambda: cine(NumberOfFrames=4), "decode/truncated"),
    "too-few-frames.dcm": refused(lambda: cine(NumberOfFrames=2), "decode/bad-header"),
    "too-few-groups.dcm": refused(lambda: enhanced(2), "decode/bad-header"),
    "bits.dcm": refused(lambda: film(BitsStored=77), "decode/bad-header"),
    "no-bits.dcm": refused(lambda: film(BitsStored=0), "decode/bad-header"),
    "twelve-allocated.dcm": refused(
        lambda: film(deep(), BitsAllocated=12, BitsStored=12, HighBit=11), "decode/bad-header"
    ),
    "high-bit.dcm": refused(lambda: film(deep(), BitsStored=12, HighBit=15), "decode/unsupported-syntax"),
    "two-samples.dcm": refused(lambda: film(SamplesPerPixel=2), "decode/bad-header"),
    "palette-without-table.dcm": refused(
        lambda: palette(RedPaletteColorLookupTableData=None), "decode/corrupt"
    ),
    "nan-rescale.dcm": refused(
        lambda: film(SIGNED, RescaleSlope="nan", RescaleIntercept="0"), "decode/bad-header"
    ),
    "no-slope.dcm": refused(
        lambda: film(SIGNED, RescaleSlope="0", RescaleIntercept="5"), "decode/bad-header"
    ),
    "not-finite.dcm": refused(
        lambda: film(
            PixelData=None,
            FloatPixelData=np.full((48, 48), np.nan, np.float32).tobytes(),
            BitsAllocated=32,
            BitsStored=None,
            HighBit=None,
            PixelRepresentation=None,
        ),
        "decode/not-finite",
    ),
}

DICOM: Kinds = {**PLAIN, **NAMED, **NOT_IMAGES, **DAMAGED}
