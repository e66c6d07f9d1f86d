"""PNG, JPEG and WebP: decoded pixels, upright, without alpha; nothing of their text or EXIF."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps

from medcli.errors import MedcliError
from medcli.formats.codes import DECODER_FAULTS, reject
from medcli.formats.source import MAX_PIXELS, SourceHeader, SourceImage

_BITS = {"uint8": 8, "uint16": 16, "int32": 32, "float32": 32}
_WITH_ORIENTATION = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")  # keywords of PNG texts


def scan_bytes(content: bytes, *, kind: str) -> SourceHeader:
    """The format and nothing else: these formats have no trustworthy fields."""
    _open_single(content, kind)
    return SourceHeader(kind=kind)


def decode_bytes(content: bytes, *, kind: str) -> SourceImage:
    """The first and only image of the file.

    Grey images of fewer than 8 bits are widened to 8; palettes become RGB, CMYK becomes RGB, alpha is left
    out; the EXIF orientation is applied.
    """
    pixels = _decode_png(content) if kind == "png" else _decode_pillow(content, kind)
    return SourceImage(pixels, bits=_BITS[str(pixels.dtype)])


def open_image(content: bytes, kind: str) -> Image.Image:
    """The image, header only, once the size of its first page is known to be acceptable."""
    try:
        image = Image.open(io.BytesIO(content), formats=[kind.upper()])
    except Image.DecompressionBombError as error:
        raise reject("decode/bomb", "the header announces more pixels than the limit") from error
    except DECODER_FAULTS as error:
        raise _unreadable_header(content, kind) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise reject("decode/bomb", f"{width}x{height} pixels, the limit is {MAX_PIXELS}")
    return image


def _open_single(content: bytes, kind: str) -> Image.Image:
    image = open_image(content, kind)
    # Of a JPEG, further frames are previews (MPF).
    num_frames = 1 if kind == "jpeg" else getattr(image, "n_frames", 1)
    if num_frames > 1:
        raise reject("decode/multi-frame", f"{num_frames} frames in the file")
    return image


def _unreadable_header(content: bytes, kind: str) -> MedcliError:
    if len(content) < 64:
        return reject("decode/truncated", f"the {kind.upper()} file ends in its header")
    if kind == "webp" and 8 + int.from_bytes(content[4:8], "little") > len(content):
        return reject("decode/truncated", "the WebP file ends before the image does")
    if kind == "tiff":
        return reject(
            "decode/unsupported-syntax",
            "the TIFF header is damaged, or its samples are not read (1 to 32 bits and float32 are)",
            hint="save 64-bit and half-precision samples as float32",
        )
    return reject("decode/corrupt", f"the {kind.upper()} header is damaged")


def _decode_pillow(content: bytes, kind: str) -> np.ndarray:
    image = _open_single(content, kind)
    try:
        image.load()
        pixels = to_array(ImageOps.exif_transpose(image))
    except DECODER_FAULTS as error:
        if "truncated" in str(error):
            raise reject("decode/truncated", "the file ends before the image does") from error
        raise reject("decode/corrupt", f"the {kind.upper()} data are damaged") from error
    if kind == "jpeg":
        from medcli.formats.jpeg_streams import check_jpeg

        check_jpeg(content)
    return pixels


def to_array(image: Image.Image) -> np.ndarray:
    """Grey or RGB of a picture that Pillow has loaded: palettes and CMYK become RGB, alpha is left out."""
    mode = image.mode
    if mode in {"I;16", "I;16B", "I;16L"}:
        return np.asarray(image).astype(np.uint16)
    if mode == "I":
        pixels = np.asarray(image, dtype=np.int32)
        return pixels.astype(np.uint16) if pixels.min() >= 0 and pixels.max() < 1 << 16 else pixels
    if mode == "F":
        return np.asarray(image, dtype=np.float32)
    if mode in {"LA", "La"}:
        return np.asarray(image.getchannel(0))
    return np.asarray(image.convert("L" if mode in {"1", "L"} else "RGB"))


def _decode_png(content: bytes) -> np.ndarray:
    """By libpng, which refuses data with too few rows; Pillow leaves them black."""
    _open_single(content, "png")
    chunks = list(_checked_chunks(content))
    if any(name == b"acTL" for name, _ in chunks):
        raise reject("decode/multi-frame", "an animated PNG")
    import imagecodecs

    try:
        pixels = np.asarray(imagecodecs.png_decode(content))
    except DECODER_FAULTS as error:
        if "Not enough image data" in str(error):
            raise reject("decode/truncated", "the PNG data end before the image does") from error
        raise reject("decode/corrupt", "the PNG data are damaged") from error
    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3])
    is_deep_colour = pixels.ndim == 3 and pixels.dtype == np.uint16  # which Pillow would cut to 8 bits
    if not is_deep_colour and any(_may_turn(name, body) for name, body in chunks):
        return _decode_pillow(content, "png")
    return pixels


def _may_turn(name: bytes, body: memoryview) -> bool:
    """Whether a chunk may hold an orientation."""
    return name == b"eXIf" or bytes(body[:22]).startswith(_WITH_ORIENTATION)


def _checked_chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Names and bodies of chunks up to IEND, each with its CRC verified (PNG specification, section 5.3)."""
    position = 8
    while position + 12 <= len(content):
        (length,) = struct.unpack(">I", content[position : position + 4])
        end = position + 8 + length
        if end + 4 > len(content):
            break
        body = memoryview(content)[position + 4 : end]
        if zlib.crc32(body) != int.from_bytes(content[end : end + 4], "big"):
            raise reject("decode/corrupt", "a PNG chunk fails its checksum")
        name = bytes(body[:4])
        yield name, body[4:]
        if name == b"IEND":
            return
        position = end + 4
    raise reject("decode/truncated", "the PNG file ends before the image does")
