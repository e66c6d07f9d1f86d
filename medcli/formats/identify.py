"""Which format some bytes are in: by their first bytes, never by a name."""

from __future__ import annotations

import struct
import zlib

from medcli.errors import DataError
from medcli.formats.codes import reject

_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
    b"II+\x00": "tiff",
    b"MM\x00+": "tiff",
}

_FOREIGN = {
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "a zip archive",
    b"version https://git-lfs": "a Git LFS pointer; run git lfs pull",
    b"/annex/objects/": "a git-annex pointer; run git annex get",
    b"%PDF": "a PDF document",
    b"GIF8": "a GIF image",
    b"BM": "a BMP image",
    b"\x89HDF": "an HDF5 file",
    b"SIMPLE  =": "a FITS image",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\xfd7zXZ": "an xz archive",
    b"BZh": "a bzip2 archive",
    b"\x93NUMPY": "a numpy array",
    b"\x00\x00\x00\x0cjP  ": "a bare JPEG 2000 image",
    b"\xff\x4f\xff\x51": "a bare JPEG 2000 code stream",
    b"\x7fELF": "a program",
}

_GZIP = b"\x1f\x8b"
_NIFTI_MAGIC = {348: (344, b"n+1\x00", b"ni1\x00"), 540: (4, b"n+2\x00", b"ni2\x00")}
_PEEK = 1 << 16


def identify(content: bytes) -> str:
    """Name of the format: dicom, nifti, png, jpeg, tiff, webp or npz.

    Raises:
        DataError: `decode/empty`, `decode/truncated` or `decode/unknown-format`, saying what it looks like.
    """
    if not content:
        raise reject("decode/empty", "the file is empty")
    if content[:2] == _GZIP:
        return _identify_inflated(content)
    # Before all else: the preamble of a DICOM file may hold a TIFF header (PS3.10 7.1).
    if content[128:132] == b"DICM":
        return "dicom"
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    if _is_npz(content):
        return "npz"
    if _is_bare_dicom(content):
        return "dicom"
    if _is_nifti(content):
        return "nifti"
    raise _unknown(content)


def _identify_inflated(content: bytes) -> str:
    try:
        head = zlib.decompressobj(wbits=31).decompress(content[:_PEEK], 1024)
    except zlib.error as error:
        raise reject("decode/corrupt", "the gzip stream is damaged") from error
    if _is_nifti(head):
        return "nifti"
    if len(head) < 1024 and len(content) < 1024:
        raise reject("decode/truncated", "the gzip stream ends early or holds no image")
    raise reject("decode/unknown-format", "a gzip file that holds no NIfTI image")


def _is_npz(head: bytes) -> bool:
    """A zip archive whose first member is an array by its name (APPNOTE.TXT 4.3.7)."""
    length = int.from_bytes(head[26:28], "little")
    return head[:4] == b"PK\x03\x04" and head[30 : 30 + length].endswith(b".npy")


def _is_nifti(head: bytes) -> bool:
    if len(head) < 348:
        return False
    for order in "<>":
        (size,) = struct.unpack(f"{order}i", head[:4])
        if size in _NIFTI_MAGIC:
            start, *magics = _NIFTI_MAGIC[size]
            return head[start : start + 4] in magics
    return False


def _is_bare_dicom(head: bytes) -> bool:
    """DICOM without preamble: an element of group 2 or 8 comes first, with a plausible VR or length."""
    if len(head) < 16:
        return False
    group = head[:2]
    if group not in {b"\x02\x00", b"\x08\x00", b"\x00\x08"}:
        return False
    element = int.from_bytes(head[2:4], "big" if group == b"\x00\x08" else "little")
    is_explicit = head[4:6].isalpha() and head[4:6].isupper()
    length = int.from_bytes(head[4:8], "little")
    return element < 0x2200 and (is_explicit or length < 256)


def _unknown(content: bytes) -> DataError:
    for magic, name in _FOREIGN.items():
        if content.startswith(magic):
            return reject("decode/unknown-format", f"not an image that medcli reads; it looks like {name}")
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return reject("decode/unknown-format", "not an image; it looks like a web page or XML")
    if b"\x00" not in content[:512] and len(content) > 1 and start:
        return reject("decode/unknown-format", "not an image; it looks like text")
    if len(content) < 132:
        return reject("decode/truncated", f"only {len(content)} bytes, no image fits in that")
    return reject(
        "decode/unknown-format", "not a format that medcli reads (DICOM, NIfTI, PNG, JPEG, TIFF, WebP, NPZ)"
    )
