"""A builder a kind of broken, hostile or odd raster and foreign file, and what becomes of it."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib

import imagecodecs
import numpy as np
from PIL import Image

from tests.formats.make import image_bytes, png_chunk, raw_png
from tests.hostile.kind import Kinds, colour, cut, flipped, grey, kept, patched, refused, smooth


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", image_bytes(grey()))
    return buffer.getvalue()


FOREIGN: Kinds = {
    "empty.png": refused(lambda: b"", "decode/empty"),
    "one-byte.dcm": refused(lambda: b"\x89", "decode/truncated"),
    "page.png": refused(lambda: b"<!DOCTYPE html><html>CANARY^NAME</html>", "decode/unknown-format"),
    "archive.dcm": refused(zipped, "decode/unknown-format"),
    "pointer.png": refused(
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "decode/unknown-format",
    ),
    "annex.png": refused(lambda: b"/annex/objects/SHA256E-s9--0.png\n", "decode/unknown-format"),
    "gif.png": refused(lambda: image_bytes(grey(), kind="GIF"), "decode/unknown-format"),
    "bmp.png": refused(lambda: image_bytes(grey(), kind="BMP"), "decode/unknown-format"),
    "fits.png": refused(lambda: b"SIMPLE  =                    T".ljust(2880), "decode/unknown-format"),
    "jp2.dcm": refused(lambda: imagecodecs.jpeg2k_encode(grey()), "decode/unknown-format"),
    "zeros.dcm": refused(lambda: bytes(4096), "decode/unknown-format"),
    "noise.dcm": refused(lambda: b"\x00" + np.random.default_rng(0).bytes(4096), "decode/unknown-format"),
    "packed-text.gz2": refused(lambda: gzip.compress(b"CANARY^NAME" * 999, mtime=0), "decode/unknown-format"),
    "png.dcm": kept(lambda: image_bytes(grey()), grey),
}


def palette_png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(colour()).quantize(16).save(buffer, "PNG")
    return buffer.getvalue()


def palette_pixels() -> np.ndarray:
    return np.asarray(Image.fromarray(colour()).quantize(16).convert("RGB"))


def few_bits(bits: int) -> bytes:
    """A row of every value that fits into some bits."""
    values = range(1 << bits)
    packed = int("".join(f"{value:0{bits}b}" for value in values), 2)
    row = packed.to_bytes((len(values) * bits + 7) // 8, "big")
    return raw_png(width=len(values), height=1, depth=bits, colour_type=0, rows=b"\0" + row)


def interlaced_png() -> bytes:
    """Adam7 of 1x1 pixel: the first pass holds all of it."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 1)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\x00\x07"))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


def with_chunk(name: bytes, body: bytes) -> bytes:
    plain = image_bytes(grey())
    return plain[:33] + png_chunk(name, body) + plain[33:]


def animated(kind: str) -> bytes:
    return image_bytes(grey(), kind=kind, save_all=True, append_images=[Image.fromarray(grey().T)])


PNG: Kinds = {
    "grey.png": kept(lambda: image_bytes(grey()), grey),
    "one-bit.png": kept(lambda: image_bytes(grey() // 128 * 255, mode="1"), lambda: grey() // 128 * 255),
    "two-bit.png": kept(lambda: few_bits(2), lambda: np.array([[0, 85, 170, 255]], np.uint8)),
    "four-bit.png": kept(lambda: few_bits(4), lambda: np.arange(0, 256, 17, dtype=np.uint8)[None]),
    "sixteen.png": kept(
        lambda: image_bytes(grey().astype(np.uint16) * 251), lambda: grey().astype(np.uint16) * 251
    ),
    "palette.png": kept(palette_png, palette_pixels),
    "alpha.png": kept(lambda: image_bytes(np.dstack([colour(), grey()])), colour),
    "grey-alpha.png": kept(lambda: image_bytes(grey(), mode="LA"), grey),
    "deep-colour.png": kept(
        lambda: raw_png(width=2, height=1, depth=16, colour_type=2, rows=b"\0" + bytes(range(12))),
        lambda: np.frombuffer(bytes(range(12)), ">u2").reshape(1, 2, 3).astype(np.uint16),
    ),
    "interlaced.png": kept(interlaced_png, lambda: np.array([[7]], np.uint8)),
    "text.png": kept(lambda: with_chunk(b"tEXt", b"Comment\0CANARY^NAME"), grey),
    "cut.png": refused(lambda: cut(image_bytes(grey())), "decode/truncated"),
    "flipped.png": refused(lambda: flipped(image_bytes(grey()), 200), "decode/corrupt"),
    "short-rows.png": refused(
        lambda: raw_png(width=9, height=9, depth=8, colour_type=0, rows=bytes(20)), "decode/truncated"
    ),
    "bomb.png": refused(
        lambda: raw_png(width=60_000, height=60_000, depth=8, colour_type=0, rows=b"\0"), "decode/bomb"
    ),
    "text-bomb.png": refused(
        lambda: with_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100 << 20))), "decode/corrupt"
    ),
    "no-width.png": refused(
        lambda: raw_png(width=0, height=9, depth=8, colour_type=0, rows=b"\0"), "decode/corrupt"
    ),
    "animated.png": refused(lambda: animated("PNG"), "decode/multi-frame"),
}


def jpeg(pixels: np.ndarray | None = None, **options: object) -> bytes:
    return image_bytes(smooth() if pixels is None else pixels, kind="JPEG", quality=98, **options)


def exif_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B], exif[0x010E] = 6, "CANARY^NAME", "CANARY^NAME"
    return jpeg(exif=exif)


def holed_jpeg() -> bytes:
    """Entropy-coded data with a hole: libjpeg fills it with grey, and says so only in its log."""
    whole = image_bytes(grey(), kind="JPEG")
    return patched(whole, len(whole) // 2, bytes(200))


def huge_jpeg() -> bytes:
    whole = jpeg()
    return patched(whole, whole.index(b"\xff\xc0") + 5, struct.pack(">HH", 65_500, 65_500))


JPEG: Kinds = {
    "grey.jpg": kept(jpeg, smooth, tolerance=3),
    "progressive.jpg": kept(lambda: jpeg(progressive=True), smooth, tolerance=3),
    "cmyk.jpg": kept(
        lambda: jpeg(np.stack([smooth()] * 3, -1), mode="CMYK"),
        lambda: np.stack([smooth()] * 3, -1),
        tolerance=6,
    ),
    "turned.jpg": kept(exif_jpeg, lambda: np.rot90(smooth(), -1), tolerance=3),
    "cut.jpg": refused(lambda: cut(image_bytes(grey(), kind="JPEG")), "decode/truncated"),
    "holed.jpg": refused(holed_jpeg, "decode/corrupt"),
    "bomb.jpg": refused(huge_jpeg, "decode/bomb"),
    "only-start.jpg": refused(lambda: b"\xff\xd8\xff\xe0", "decode/truncated"),
}


def tiff(pixels: np.ndarray | None = None, **options: object) -> bytes:
    return image_bytes(grey() if pixels is None else pixels, kind="TIFF", **options)


def pages_tiff(*others: np.ndarray) -> bytes:
    return tiff(save_all=True, append_images=[Image.fromarray(page) for page in others])


def looping_tiff() -> bytes:
    """A page that names itself as the next one."""
    content = tiff()
    (start,) = struct.unpack("<I", content[4:8])
    (num_tags,) = struct.unpack("<H", content[start : start + 2])
    return patched(content, start + 2 + 12 * num_tags, struct.pack("<I", start))


def huge_tiff() -> bytes:
    """Width and height of the only page raised beyond the limit."""
    content = tiff()
    for tag in (256, 257):
        place = content.index(struct.pack("<HH", tag, 4), 8)
        content = patched(content, place + 8, struct.pack("<I", 60_000))
    return content


def sixteen() -> np.ndarray:
    return colour().astype(np.uint16) * 251


TIFF: Kinds = {
    "grey.tif": kept(tiff, grey),
    "one-bit.tif": kept(lambda: tiff(grey() // 128 * 255, mode="1"), lambda: grey() // 128 * 255),
    "float.tif": kept(lambda: tiff(grey().astype(np.float32) / 7), lambda: grey().astype(np.float32) / 7),
    "packed.tif": kept(lambda: tiff(compression="tiff_adobe_deflate"), grey),
    "lzw.tif": kept(lambda: tiff(compression="tiff_lzw"), grey),
    "deep-colour.tif": kept(lambda: imagecodecs.tiff_encode(sixteen()), sixteen),
    "signed.tif": kept(
        lambda: imagecodecs.tiff_encode(grey().astype(np.int16) - 99), lambda: grey().astype(np.int16) - 99
    ),
    "pages.tif": kept(lambda: pages_tiff(grey().T), lambda: np.stack([grey(), grey().T])),
    "looping.tif": kept(looping_tiff, grey),
    "unlike-pages.tif": refused(lambda: pages_tiff(grey()[:9, :9]), "decode/multi-frame"),
    "not-finite.tif": refused(lambda: tiff(np.full((9, 9), np.nan, np.float32)), "decode/not-finite"),
    "cut.tif": refused(lambda: cut(tiff(), 0.9), "decode/truncated"),
    "bomb.tif": refused(huge_tiff, "decode/bomb"),
    "only-start.tif": refused(lambda: tiff()[:8], "decode/truncated"),
}


def webp(pixels: np.ndarray | None = None, **options: object) -> bytes:
    return image_bytes(colour() if pixels is None else pixels, kind="WEBP", **options)


def huge_webp() -> bytes:
    """A lossless stream whose header says 16383x16383 (RFC 9649, 3.4)."""
    content = webp(lossless=True)
    bits = int.from_bytes(content[21:25], "little") >> 28 << 28 | 16_382 << 14 | 16_382
    return patched(content, 21, bits.to_bytes(4, "little"))


WEBP: Kinds = {
    "colour.webp": kept(lambda: webp(lossless=True), colour),
    "alpha.webp": kept(lambda: webp(np.dstack([colour(), grey()]), lossless=True, exact=True), colour),
    "lossy.webp": kept(
        lambda: webp(np.stack([smooth()] * 3, -1), quality=98),
        lambda: np.stack([smooth()] * 3, -1),
        tolerance=12,
    ),
    "animated.webp": refused(lambda: animated("WEBP"), "decode/multi-frame"),
    "cut.webp": refused(lambda: cut(webp(lossless=True)), "decode/truncated"),
    "bomb.webp": refused(huge_webp, "decode/bomb"),
    "no-data.webp": refused(lambda: patched(webp(lossless=True), 30, bytes(400)), "decode/corrupt"),
}

RASTER: Kinds = {**PNG, **JPEG, **TIFF, **WEBP}
