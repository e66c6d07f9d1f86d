"""Inflating with a limit: half a megabyte of gzip may hold gigabytes."""

from __future__ import annotations

import zlib

from medcli.formats.codes import reject
from medcli.formats.source import MAX_BYTES

GZIP = 31
RAW_DEFLATE = -15


def inflate(content: bytes, *, wbits: int, limit: int = MAX_BYTES) -> bytes:
    """All of the inflated content; for gzip, every member, each with its checksum verified.

    Args:
        content: A gzip file, or a raw deflate stream (DICOM PS3.5 A.5).
        wbits: `GZIP` or `RAW_DEFLATE`.
        limit: Largest number of bytes to inflate.

    Raises:
        DataError: `decode/bomb`, `decode/truncated` or `decode/corrupt`.
    """
    parts: list[bytes] = []
    total, rest = 0, content
    while rest:
        stream = zlib.decompressobj(wbits=wbits)
        try:
            parts.append(stream.decompress(rest, limit - total + 1))
        except zlib.error as error:
            raise reject(
                "decode/corrupt", "the compressed stream is damaged or fails its checksum"
            ) from error
        total += len(parts[-1])
        if total > limit:
            raise reject("decode/bomb", f"it inflates to more than {limit} bytes")
        if not stream.eof:
            raise reject("decode/truncated", "the compressed stream ends early")
        if wbits == RAW_DEFLATE:
            break
        rest = stream.unused_data.lstrip(b"\x00")
    return b"".join(parts)
