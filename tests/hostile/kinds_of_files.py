"""A builder a kind of broken, hostile or odd raster, NIfTI and foreign file, and what becomes of it."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import nibabel
import numpy as np
from PIL import Image

from tests.formats.make import image_bytes, nifti_bytes, png_chunk, raw_png

Kinds = dict[str, tuple[Callable[[], bytes], str]]
"""Name of a kind to its builder and the reason code; an empty code is an image that goes in."""

SIDE = 48
VOLUME = np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8)


def grey() -> np.ndarray:
    """A picture with structure, so that it compresses to more than a header."""
    return np.random.default_rng(3).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)


def colour() -> np.ndarray:
    return np.stack([grey(), 255 - grey(), grey() // 2], axis=-1)


def cut(content: bytes, share: float = 0.5) -> bytes:
    return content[: int(len(content) * share)]


def flipped(content: bytes, position: int) -> bytes:
    changed = bytearray(content)
    changed[position] ^= 0xFF
    return bytes(changed)


def patched(content: bytes, position: int, value: bytes) -> bytes:
    return content[:position] + value + content[position + len(value) :]


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", image_bytes(grey()))
    return buffer.getvalue()


FOREIGN: Kinds = {
    "empty.png": (lambda: b"", "decode/empty"),
    "one-byte.dcm": (lambda: b"\x89", "decode/truncated"),
    "page.png": (lambda: b"<!DOCTYPE html><html>CANARY^NAME</html>", "decode/unknown-format"),
    "archive.dcm": (zipped, "decode/unknown-format"),
    "pointer.png": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "decode/unknown-format",
    ),
    "gif.png": (lambda: image_bytes(grey(), kind="GIF"), "decode/unknown-format"),
    "bmp.png": (lambda: image_bytes(grey(), kind="BMP"), "decode/unknown-format"),
    "fits.png": (lambda: b"SIMPLE  =                    T".ljust(2880), "decode/unknown-format"),
    "zeros.dcm": (lambda: bytes(4096), "decode/unknown-format"),
    "noise.dcm": (lambda: b"\x00" + np.random.default_rng(0).bytes(4096), "decode/unknown-format"),
    "packed-text.gz2": (lambda: gzip.compress(b"CANARY^NAME" * 999), "decode/unknown-format"),
}


def palette() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(colour()).quantize(16).save(buffer, "PNG")
    return buffer.getvalue()


def interlaced_png() -> bytes:
    """Adam7 of 1x1 pixel: the first pass holds all of it."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 1)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\x00\x07"))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


def text_png() -> bytes:
    plain = image_bytes(grey())
    return plain[:33] + png_chunk(b"tEXt", b"Comment\0CANARY^NAME") + plain[33:]


def exif_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B], exif[0x010E] = 6, "CANARY^NAME", "CANARY^NAME"
    return image_bytes(grey(), kind="JPEG", exif=exif)


def tiff(**options: object) -> bytes:
    return image_bytes(grey(), kind="TIFF", **options)


def pages_tiff() -> bytes:
    second = Image.fromarray(grey())
    return tiff(save_all=True, append_images=[second])


RASTER: Kinds = {
    "grey.png": (lambda: image_bytes(grey()), ""),
    "one-bit.png": (lambda: image_bytes(grey(), mode="1"), ""),
    "sixteen.png": (lambda: image_bytes(grey().astype(np.uint16) * 257), ""),
    "palette.png": (palette, ""),
    "alpha.png": (lambda: image_bytes(np.dstack([colour(), grey()])), ""),
    "grey-alpha.png": (lambda: image_bytes(grey(), mode="LA"), ""),
    "deep-colour.png": (
        lambda: raw_png(width=2, height=1, depth=16, colour_type=2, rows=b"\0" + bytes(range(12))),
        "",
    ),
    "interlaced.png": (interlaced_png, ""),
    "text.png": (text_png, ""),
    "cut.png": (lambda: cut(image_bytes(grey())), "decode/truncated"),
    "flipped.png": (lambda: flipped(image_bytes(grey()), 200), "decode/corrupt"),
    "short-rows.png": (
        lambda: raw_png(width=9, height=9, depth=8, colour_type=0, rows=bytes(20)),
        "decode/truncated",
    ),
    "bomb.png": (
        lambda: raw_png(width=60_000, height=60_000, depth=8, colour_type=0, rows=b"\0"),
        "decode/bomb",
    ),
    "no-width.png": (
        lambda: raw_png(width=0, height=9, depth=8, colour_type=0, rows=b"\0"),
        "decode/corrupt",
    ),
    "grey.jpg": (lambda: image_bytes(grey(), kind="JPEG"), ""),
    "cmyk.jpg": (lambda: image_bytes(colour(), kind="JPEG", mode="CMYK"), ""),
    "turned.jpg": (exif_jpeg, ""),
    "cut.jpg": (lambda: cut(image_bytes(grey(), kind="JPEG")), "decode/truncated"),
    "only-start.jpg": (lambda: b"\xff\xd8\xff\xe0", "decode/truncated"),
    "grey.tif": (tiff, ""),
    "one-bit.tif": (lambda: image_bytes(grey(), kind="TIFF", mode="1"), ""),
    "float.tif": (lambda: image_bytes(grey().astype(np.float32), kind="TIFF"), ""),
    "packed.tif": (lambda: tiff(compression="tiff_adobe_deflate"), ""),
    "pages.tif": (pages_tiff, "decode/multi-frame"),
    "not-finite.tif": (
        lambda: image_bytes(np.full((9, 9), np.nan, np.float32), kind="TIFF"),
        "decode/not-finite",
    ),
    "only-start.tif": (lambda: tiff()[:8], "decode/truncated"),
}


def nifti(volume: np.ndarray = VOLUME, **options: np.ndarray) -> bytes:
    return nifti_bytes(volume, **options)


def described() -> bytes:
    image = nibabel.Nifti1Image(VOLUME, np.eye(4))
    image.header["descrip"] = b"CANARY^NAME"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"CANARY^NAME"))
    return image.to_bytes()


def big_endian() -> bytes:
    return nibabel.Nifti1Image(
        VOLUME.astype(">i2"), np.eye(4), nibabel.Nifti1Header(endianness=">")
    ).to_bytes()


def nifti_bomb() -> bytes:
    """A header for 16 GB beside few bytes, in gzip."""
    return gzip.compress(patched(nifti(), 42, struct.pack("<3h", 2048, 2048, 2048)))


NIFTI: Kinds = {
    "plain.nii": (nifti, ""),
    "packed.nii.gz": (lambda: gzip.compress(nifti(), mtime=0), ""),
    "second.nii": (lambda: nibabel.Nifti2Image(VOLUME, np.eye(4)).to_bytes(), ""),
    "big-endian.nii": (big_endian, ""),
    "double.nii": (lambda: nifti(VOLUME.astype(np.float64)), ""),
    "oblique.nii": (
        lambda: nifti(affine=np.array([[1, 1, 0, 0], [-1, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1.0]])),
        "",
    ),
    "described.nii": (described, ""),
    "four.nii": (lambda: nifti(np.stack([VOLUME] * 4, axis=-1)), ""),
    "five.nii": (lambda: nifti(np.stack([VOLUME] * 5, axis=-1)), "decode/multi-frame"),
    "complex.nii": (lambda: nifti(VOLUME.astype(np.complex64)), "decode/unsupported-syntax"),
    "pair.img2": (lambda: patched(nifti(), 344, b"ni1\0"), "decode/unsupported-syntax"),
    "singular.nii": (lambda: patched(nifti(), 280, bytes(48)), "decode/bad-header"),
    "cut.nii": (lambda: cut(nifti(), 0.9), "decode/truncated"),
    "cut.nii.gz": (lambda: cut(gzip.compress(np.random.default_rng(1).bytes(9)), 0.9), "decode/truncated"),
    "checksum.nii.gz": (lambda: flipped(gzip.compress(nifti()), -6), "decode/corrupt"),
    "no-rows.nii": (lambda: patched(nifti(), 42, struct.pack("<h", 0)), "decode/bad-header"),
    "bad-type.nii": (lambda: patched(nifti(), 70, struct.pack("<h", 999)), "decode/bad-header"),
    "bomb.nii.gz": (nifti_bomb, "decode/bomb"),
    "not-finite.nii": (
        lambda: nifti(np.full((4, 4, 4), np.inf, dtype=np.float32)),
        "decode/not-finite",
    ),
}
