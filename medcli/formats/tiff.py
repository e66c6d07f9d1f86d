"""TIFF: one page is an image, several pages alike are a volume; reduced copies and masks are left out.

Reference: TIFF 6.0 (Adobe, 1992): NewSubfileType, BitsPerSample, SampleFormat, PhotometricInterpretation.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps

from medcli.errors import DataError
from medcli.formats.codes import DECODER_FAULTS, reject
from medcli.formats.raster import open_image, to_array
from medcli.formats.source import MAX_BYTES, MAX_PIXELS, SourceHeader, SourceImage

_SUBFILE, _BITS, _PHOTOMETRIC, _FORMAT = 254, 258, 262, 339
_COPY_OR_MASK = 0b101  # of NewSubfileType: a copy of lower resolution, a transparency mask
_WHITE_IS_ZERO = 0
_UNSIGNED = 1


def scan_bytes(content: bytes, *, kind: str) -> SourceHeader:
    """The format and nothing else."""
    _pages(content)
    return SourceHeader(kind=kind)


def decode_bytes(content: bytes, *, kind: str) -> SourceImage:
    """The image, or the pages as slices [pages, height, width(, 3)] of a volume without geometry.

    Integers of up to 32 bits and float32 stay what they are; doubles are not read.

    Raises:
        DataError: `decode/multi-frame` if pages differ in size or kind (pyramids, documents).
    """
    image, pages = _pages(content)
    planes = [_decode_page(image, content, page) for page in pages]
    if len({(plane.shape, plane.dtype) for plane in planes}) > 1:
        raise reject("decode/multi-frame", f"{len(planes)} pages of several sizes or kinds")
    bits = planes[0].dtype.itemsize * 8
    if len(planes) == 1:
        return SourceImage(planes[0], bits=bits)
    return SourceImage(np.stack(planes), bits=bits, is_volume=True)


def _pages(content: bytes) -> tuple[Image.Image, list[int]]:
    """The open file and its pages that are pictures, once all of them together are of acceptable size."""
    image = open_image(content, "tiff")
    pages: list[int] = []
    num_bytes = 0
    try:
        for page in range(getattr(image, "n_frames", 1)):
            image.seek(page)
            if int(_tag(image, _SUBFILE, 0)) & _COPY_OR_MASK and pages:
                continue
            pages.append(page)
            num_bytes += (
                math.prod(image.size) * len(image.getbands()) * max(8, int(_tag(image, _BITS, 1))) // 8
            )
            if math.prod(image.size) > MAX_PIXELS or num_bytes > MAX_BYTES:
                raise reject("decode/bomb", f"{page + 1} pages of {image.size} pixels exceed the limit")
    except DECODER_FAULTS as error:
        raise reject("decode/corrupt", "a page of the TIFF file is damaged") from error
    return image, pages


def _decode_page(image: Image.Image, content: bytes, page: int) -> np.ndarray:
    try:
        image.seek(page)
        is_plain = int(_tag(image, _BITS, 1)) <= 8 and int(_tag(image, _FORMAT, 1)) == _UNSIGNED
        if is_plain:
            image.load()
            return to_array(ImageOps.exif_transpose(image))
        return _decode_deep(image, content, page)
    except DataError:
        raise
    except DECODER_FAULTS as error:
        if "truncated" in str(error) or "Read error" in str(error):
            raise reject("decode/truncated", "the file ends before the image does") from error
        raise reject("decode/corrupt", "the TIFF data are damaged") from error


def _decode_deep(image: Image.Image, content: bytes, page: int) -> np.ndarray:
    """By libtiff: Pillow cuts 16-bit colour to 8 bits and reads 32-bit and signed samples wrongly."""
    import imagecodecs

    pixels = np.asarray(imagecodecs.tiff_decode(content, index=page))
    if pixels.shape[:2] != image.size[::-1]:
        raise reject("decode/unsupported-syntax", "the samples of the TIFF page lie in separate planes")
    if _tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO and pixels.dtype.kind == "u":
        pixels = np.iinfo(pixels.dtype).max - pixels
    if pixels.ndim == 3:
        pixels = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., 0]
    pixels = pixels.astype(np.float32) if pixels.dtype.kind == "f" else pixels
    turned = Image.Image.getexif(image).get(0x0112, 1)
    return np.ascontiguousarray(_TURNS[turned](pixels) if turned in _TURNS else pixels)


_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: np.swapaxes(pixels, 0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(np.swapaxes(pixels, 0, 1), 2),
    8: np.rot90,
}
"""What makes an image upright, by its Orientation."""


def _tag(image: Image.Image, number: int, default: int) -> int:
    """The first value of a tag of the current page."""
    value = image.tag_v2.get(number, default)  # type: ignore[attr-defined]
    return value[0] if isinstance(value, tuple) else value
