"""A builder a kind of compressed DICOM file, whole and damaged, and what becomes of it."""

from __future__ import annotations

import struct
from collections.abc import Callable

import imagecodecs
import numpy as np
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.formats.make import image_bytes
from tests.hostile.kind import Kinds, cut, deep, flipped, grey, kept, patched, refused, smooth
from tests.hostile.kinds_of_dicom import film, retold
from tests.hostile.kinds_of_files import holed_jpeg


def compressed(stream: bytes, syntax: str, **tags: object) -> bytes:
    return film(syntax=syntax, PixelData=encapsulate([stream]), **tags)


def deep_film(stream: bytes, syntax: str) -> bytes:
    return film(deep(), syntax=syntax, PixelData=encapsulate([stream]), BitsStored=12, HighBit=11)


def jpeg() -> bytes:
    return image_bytes(smooth(), kind="JPEG", quality=98)


def rle() -> bytes:
    """One segment of the most, then of the least significant bytes (PS3.5 G)."""
    segments = [_packed(deep() >> 8), _packed(deep() & 0xFF)]
    offsets = [64, 64 + len(segments[0])]
    return struct.pack("<16I", 2, *offsets, *[0] * 13) + b"".join(segments)


def _packed(plane: np.ndarray) -> bytes:
    """Every row as literal runs (PS3.5 G.3)."""
    packed = b"".join(bytes([len(row) - 1]) + row.astype(np.uint8).tobytes() for row in plane)
    return packed + b"\x80" * (len(packed) % 2)


def wide_jpeg2000() -> bytes:
    """A stream that announces 60000x60000 pixels in a file of 48x48."""
    stream = imagecodecs.jpeg2k_encode(deep(), codecformat="j2k", level=0)
    return patched(stream, stream.index(b"\xff\x51") + 6, struct.pack(">II", 60_000, 60_000))


def wide_jpeg() -> bytes:
    return patched(jpeg(), jpeg().index(b"\xff\xc0") + 5, struct.pack(">HH", 65_500, 65_500))


def damaged(encode: Callable[[], bytes], syntax: str, name: str) -> Kinds:
    """Cut in the middle, all zeros, and something else altogether."""
    return {
        f"cut-{name}.dcm": refused(lambda: deep_film(cut(encode()), syntax), "decode/corrupt"),
        f"zeros-{name}.dcm": refused(lambda: deep_film(bytes(64), syntax), "decode/corrupt"),
        f"no-{name}.dcm": refused(lambda: deep_film(b"CANARY^NAME " * 9, syntax), "decode/corrupt"),
    }


def jpeg_ls() -> bytes:
    return imagecodecs.jpegls_encode(deep())


def jpeg_2000() -> bytes:
    return imagecodecs.jpeg2k_encode(deep(), codecformat="j2k", level=0)


def htj2k() -> bytes:
    return imagecodecs.htj2k_encode(deep())


def jpeg_12() -> bytes:
    return imagecodecs.jpeg8_encode(deep(), bitspersample=12)


def jpeg_lossless() -> bytes:
    return imagecodecs.ljpeg_encode(deep(), bitspersample=12)


STREAMS: Kinds = {
    "jpeg.dcm": kept(lambda: compressed(jpeg(), JPEGBaseline8Bit), smooth, tolerance=3),
    "jpeg-ls.dcm": kept(lambda: deep_film(jpeg_ls(), JPEGLSLossless), deep),
    "jpeg2000.dcm": kept(lambda: deep_film(jpeg_2000(), JPEG2000Lossless), deep),
    "htj2k.dcm": kept(lambda: deep_film(htj2k(), HTJ2KLossless), deep),
    "rle.dcm": kept(lambda: deep_film(rle(), RLELossless), deep),
    **damaged(jpeg_ls, JPEGLSLossless, "jpeg-ls"),
    **damaged(jpeg_12, JPEGExtended12Bit, "jpeg12"),
    **damaged(jpeg_lossless, JPEGLosslessSV1, "jpeg-lossless"),
    **damaged(jpeg_2000, JPEG2000Lossless, "jpeg2000"),
    **damaged(htj2k, HTJ2KLossless, "htj2k"),
    **damaged(rle, RLELossless, "rle"),
    "cut-jpeg.dcm": refused(lambda: compressed(cut(jpeg()), JPEGBaseline8Bit), "decode/corrupt"),
    "holed-jpeg.dcm": refused(lambda: compressed(holed_jpeg(), JPEGBaseline8Bit), "decode/corrupt"),
    "no-jpeg.dcm": refused(lambda: compressed(b"CANARY^NAME " * 9, JPEGBaseline8Bit), "decode/corrupt"),
    "wide-jpeg.dcm": refused(lambda: compressed(wide_jpeg(), JPEGBaseline8Bit), "decode/corrupt"),
    "wide-jpeg2000.dcm": refused(lambda: deep_film(wide_jpeg2000(), JPEG2000Lossless), "decode/corrupt"),
    "flipped-rle.dcm": refused(lambda: deep_film(flipped(rle(), 64), RLELossless), "decode/corrupt"),
    # The header says that the pixels are packed, and they are not; and the other way round.
    "native-as-jpeg.dcm": refused(
        lambda: film(syntax=JPEGBaseline8Bit, PixelData=encapsulate([grey().tobytes()])), "decode/corrupt"
    ),
    "jpeg-as-native.dcm": refused(lambda: film(PixelData=encapsulate([jpeg()])), "decode/truncated"),
    "implicit-as-explicit.dcm": kept(lambda: retold(film(), b"1.2.840.10008.1.2\0\0\0"), grey),
}
