"""PNG, JPEG and TIFF: the pixels that were written, at their depth, upright, without alpha."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from medcli.errors import DataError
from medcli.formats.image import decode, scan
from medcli.formats.source import SourceImage
from tests.formats.make import image_bytes, png_chunk, ramp, raw_png


def decoded(content: bytes, tmp_path: Path) -> SourceImage:
    path = tmp_path / "name-says-nothing"
    path.write_bytes(content)
    return decode(path)


def rejected(content: bytes, tmp_path: Path) -> str:
    with pytest.raises(DataError) as caught:
        decoded(content, tmp_path)
    return caught.value.code


@settings(max_examples=30, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_png_round_trip(tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray) -> None:
    image = decoded(image_bytes(pixels), tmp_path_factory.mktemp("png"))
    assert np.array_equal(image.pixels, pixels)
    assert (image.bits, image.voi, image.is_inverted) == (8, None, False)


def test_png_of_16_bits_keeps_them(tmp_path: Path) -> None:
    pixels = ramp(dtype="uint16", step=2011)
    image = decoded(image_bytes(pixels), tmp_path)
    assert image.pixels.dtype == np.uint16
    assert image.bits == 16
    assert np.array_equal(image.pixels, pixels)


def test_colour_png_of_16_bits_is_not_cut_to_8(tmp_path: Path) -> None:
    pixels = (np.arange(2 * 3 * 3).reshape(2, 3, 3) * 3001).astype(np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    image = decoded(raw_png(width=3, height=2, depth=16, colour_type=2, rows=rows), tmp_path)
    assert np.array_equal(image.pixels, pixels)


def test_alpha_of_a_deep_grey_png_is_left_out(tmp_path: Path) -> None:
    grey = np.array([[1000, 40000]], dtype=np.uint16)
    both = np.stack([grey, np.full_like(grey, 7)], axis=-1)
    rows = b"\0" + both.astype(">u2").tobytes()
    image = decoded(raw_png(width=2, height=1, depth=16, colour_type=4, rows=rows), tmp_path)
    assert np.array_equal(image.pixels, grey)


def test_png_of_1_bit_becomes_black_and_white(tmp_path: Path) -> None:
    image = decoded(raw_png(width=8, height=1, depth=1, colour_type=0, rows=b"\0\xa5"), tmp_path)
    assert image.pixels.tolist() == [[255, 0, 255, 0, 0, 255, 0, 255]]


def test_alpha_and_palette(tmp_path: Path) -> None:
    colours = np.zeros((2, 2, 3), dtype=np.uint8)
    colours[0, 1] = (10, 20, 30)
    alpha = np.dstack([colours, np.array([[0, 9], [99, 255]], dtype=np.uint8)])
    assert np.array_equal(decoded(image_bytes(alpha), tmp_path).pixels, colours)
    primary = np.array([[[255, 0, 0], [0, 0, 255]]], dtype=np.uint8)
    assert np.array_equal(decoded(image_bytes(primary, mode="P"), tmp_path).pixels, primary)


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    pixels = np.kron(np.array([[0, 255], [120, 60]], dtype=np.uint8), np.ones((16, 16), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    image = decoded(image_bytes(pixels, kind="JPEG", quality=100, exif=exif.tobytes()), tmp_path)
    assert np.abs(image.pixels.astype(int) - np.rot90(pixels, -1)).max() <= 2


@pytest.mark.parametrize("place", ["eXIf", "XMP", "eXIf of 16 bits"])
def test_the_orientation_of_a_png_is_applied(tmp_path: Path, place: str) -> None:
    pixels = ramp(dtype="uint16" if "16" in place else "uint8")
    exif, texts = Image.Exif(), PngInfo()
    exif[0x0112] = 6
    texts.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    where: dict[str, Any] = {"pnginfo": texts} if place == "XMP" else {"exif": exif}
    assert np.array_equal(decoded(image_bytes(pixels, **where), tmp_path).pixels, np.rot90(pixels, -1))


@pytest.mark.parametrize(
    ("colour_type", "depth"), [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (4, 8), (6, 8)]
)
def test_every_filter_of_png_rows_is_undone_as_pillow_does(
    tmp_path: Path, colour_type: int, depth: int
) -> None:
    random = np.random.default_rng(depth)
    width, samples = 13, {0: 1, 2: 3, 4: 2, 6: 4}[colour_type]
    length = -(-width * samples * depth // 8)
    rows = b"".join(bytes([i % 5]) + random.bytes(length) for i in range(20))
    content = raw_png(width=width, height=20, depth=depth, colour_type=colour_type, rows=rows)
    plain = Image.open(io.BytesIO(content))
    theirs = np.asarray(plain if depth == 16 else plain.convert("RGB" if samples > 2 else "L"))
    assert np.array_equal(decoded(content, tmp_path).pixels, theirs)


def test_cmyk_jpeg_becomes_rgb(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 3), (200, 100, 50), dtype=np.uint8)
    image = decoded(image_bytes(pixels, kind="JPEG", mode="CMYK", quality=100), tmp_path)
    assert image.pixels.shape == (8, 8, 3)
    assert np.abs(image.pixels.astype(int) - pixels).max() <= 6


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_tiff_round_trip(tmp_path: Path, dtype: str) -> None:
    pixels = ramp(dtype=dtype, step=5)
    image = decoded(image_bytes(pixels, kind="TIFF"), tmp_path)
    assert image.pixels.dtype == dtype
    assert np.array_equal(image.pixels, pixels)


def test_pages_of_a_tiff_that_are_alike_are_a_volume(tmp_path: Path) -> None:
    pages = [ramp(), ramp() + 7, ramp() + 9]
    others = [Image.fromarray(page) for page in pages[1:]]
    image = decoded(image_bytes(pages[0], kind="TIFF", save_all=True, append_images=others), tmp_path)
    assert image.is_volume
    assert np.array_equal(image.pixels, pages)
    other = [Image.fromarray(ramp(9, 9))]
    content = image_bytes(ramp(), kind="TIFF", save_all=True, append_images=other)
    assert rejected(content, tmp_path) == "decode/multi-frame"


def test_a_reduced_copy_in_a_tiff_is_left_out(tmp_path: Path) -> None:
    copy = Image.fromarray(ramp(3, 3))
    copy.encoderinfo = {"tiffinfo": {254: 1}}
    content = image_bytes(ramp(), kind="TIFF", save_all=True, append_images=[copy])
    image = decoded(content, tmp_path)
    assert not image.is_volume
    assert np.array_equal(image.pixels, ramp())


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "uint32", "int32", "float32"])
@pytest.mark.parametrize("num_colours", [1, 3])
def test_deep_samples_of_a_tiff_stay_what_they_are(tmp_path: Path, dtype: str, num_colours: int) -> None:
    import imagecodecs

    step = np.iinfo(dtype).max // 40 if dtype != "float32" else 1.5
    pixels = (np.arange(30 * num_colours).reshape(6, 5, num_colours) % 40 * step).astype(dtype).squeeze()
    image = decoded(imagecodecs.tiff_encode(pixels), tmp_path)
    assert image.pixels.dtype == dtype
    assert np.array_equal(image.pixels, pixels)


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint64", "complex64"])
def test_samples_of_a_tiff_that_are_not_read_are_named(tmp_path: Path, dtype: str) -> None:
    import imagecodecs

    path = tmp_path / "image"
    path.write_bytes(imagecodecs.tiff_encode(ramp().astype(dtype)))
    with pytest.raises(DataError, match="float32") as caught:
        decode(path)
    assert caught.value.code == "decode/unsupported-syntax"


def test_nan_in_a_tiff_is_refused(tmp_path: Path) -> None:
    pixels = ramp(dtype="float32")
    pixels[1, 1] = np.nan
    assert rejected(image_bytes(pixels, kind="TIFF"), tmp_path) == "decode/not-finite"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_no_cut_decodes(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    content = image_bytes(noise, kind=kind)
    for share in (0.05, 0.3, 0.6, 0.9):
        code = rejected(content[: int(len(content) * share)], tmp_path)
        assert code in {"decode/truncated", "decode/corrupt", "decode/unsupported-syntax"}, (share, code)
    assert rejected(image_bytes(noise)[:-30], tmp_path) == "decode/truncated"


def test_a_flipped_bit_in_png_data_is_found(tmp_path: Path) -> None:
    content = bytearray(image_bytes(np.random.default_rng(0).integers(0, 255, (20, 20), dtype=np.uint8)))
    content[len(content) // 2] ^= 1
    assert rejected(bytes(content), tmp_path) == "decode/corrupt"


def test_a_png_that_announces_more_than_the_limit_is_a_bomb(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 1 << 16, 1 << 16, 1, 0, 0, 0, 0)
    content = (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    )
    assert rejected(content, tmp_path) == "decode/bomb"
    path = tmp_path / "bomb.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match="limit"):
        scan(path)


def test_missing_rows_are_no_black_rows(tmp_path: Path) -> None:
    path = tmp_path / "image"
    for interlace, rows in ((0, bytes(6 * 5)), (1, b"")):
        content = raw_png(width=4, height=7, depth=8, colour_type=0, rows=rows)
        header = content[12:28] + bytes([interlace])
        path.write_bytes(content[:12] + header + zlib.crc32(header).to_bytes(4, "big") + content[33:])
        with pytest.raises(DataError) as caught:
            decode(path)
        assert caught.value.code == "decode/truncated"
