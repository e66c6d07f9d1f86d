"""Streams of the JPEG family: the size that they announce, their end, and whether libjpeg had to mend one.

References: ITU-T T.81 (JPEG) B.2.2, T.87 (JPEG-LS) C.1.1, T.800 (JPEG 2000) A.5.1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from medcli.formats.codes import reject

_J2K_SIZE = b"\xff\x4f\xff\x51"
_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"


def announced_size(stream: bytes) -> tuple[int, int] | None:
    """Rows and columns by the header of a JPEG, JPEG-LS or JPEG 2000 stream; None where it says none."""
    start = stream.find(_J2K_SIZE, 0, 4096)
    if start >= 0:
        columns, rows, left, top = np.frombuffer(
            stream[start + 8 : start + 24].ljust(16, b"\0"), ">u4"
        ).tolist()
        return max(0, rows - top), max(0, columns - left)
    position = 2
    while stream[:2] == _START_OF_IMAGE and position + 9 <= len(stream) and stream[position] == 0xFF:
        marker = stream[position + 1]
        if marker in _START_OF_FRAME:
            rows, columns = np.frombuffer(stream[position + 5 : position + 9], ">u2").tolist()
            return (rows, columns) if rows else None
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker in _WITHOUT_LENGTH:
            position += 2
        else:
            position += 2 + int.from_bytes(stream[position + 2 : position + 4], "big")
    return None


def check_end(stream: bytes) -> None:
    """Refuse a JPEG or JPEG-LS stream whose last scan does not end.

    Decoders of 12-bit and lossless JPEG make an image of it without a word, and CharLS may never come back.
    No coded sample looks like a marker (T.81 B.1.1.5, T.87 A.1).

    Raises:
        DataError: `decode/corrupt`.
    """
    is_cut = stream.rfind(_END_OF_IMAGE) <= stream.rfind(_START_OF_SCAN)
    if stream.startswith(_START_OF_IMAGE) and is_cut:
        raise reject("decode/corrupt", "the JPEG data end before the image does")


def check_jpeg(stream: bytes) -> None:
    """Refuse a JPEG stream that libjpeg can only decode by mending it, which it otherwise does silently.

    The format has no checksum: of single damaged bytes in its data about three in ten are found, the others
    decode to some picture. All of the stream is read, at an eighth of its size.

    Raises:
        DataError: `decode/corrupt`.
    """
    with _complaints() as said:
        try:
            cv2.imdecode(np.frombuffer(stream, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
        except cv2.error:
            return  # a kind that OpenCV does not know; the decoder proper has the say
    if b"Corrupt JPEG data" in said or b"Premature end" in said:
        raise reject("decode/corrupt", "the JPEG data are damaged")


@contextmanager
def _complaints() -> Iterator[bytearray]:
    """What native code writes to standard error inside; libjpeg's warnings come out in no other way."""
    said = bytearray()
    sys.stderr.flush()
    kept, caught = os.dup(2), os.memfd_create("complaints")
    os.dup2(caught, 2)
    try:
        yield said
    finally:
        os.dup2(kept, 2)
        said += os.pread(caught, 1 << 12, 0)
        os.close(kept)
        os.close(caught)
