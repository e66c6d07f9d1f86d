"""A file or coded stream that was cut anywhere is refused or gives the same array, never another one."""

from __future__ import annotations

import functools
import gzip
import io
import warnings
from collections.abc import Callable

import imagecodecs
import nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate, generate_frames

from medcli.errors import DataError
from medcli.formats.image import _decode_content
from tests.formats.make import dicom_bytes, image_bytes, nifti_bytes, npz_bytes

RANDOM = np.random.default_rng(7)
NOISE = RANDOM.integers(0, 256, (23, 17), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (23, 17, 3), dtype=np.uint8)
# Steep enough for every decoder to have much to mend, smooth enough for it to try.
SLOPE = (np.add.outer(np.arange(60), np.arange(50)) * 35 + RANDOM.integers(0, 99, (60, 50))).astype(np.uint16)
SLOPE_8 = (SLOPE >> 4).astype(np.uint8)
VOLUME = RANDOM.integers(-99, 99, (3, 4, 5)).astype(np.int16)
FRAMES = np.stack([SLOPE, SLOPE // 2])
TWELVE_BITS = {"BitsStored": 12, "HighBit": 11}

FILES: dict[str, Callable[[], bytes]] = {
    "png": lambda: image_bytes(COLOUR),
    "png-16": lambda: image_bytes(SLOPE),
    "png-palette": lambda: image_bytes(COLOUR, mode="P"),
    "jpeg": lambda: image_bytes(SLOPE_8, kind="JPEG"),
    "jpeg-progressive": lambda: image_bytes(COLOUR, kind="JPEG", progressive=True),
    "webp": lambda: image_bytes(COLOUR, kind="WEBP"),
    "webp-lossless": lambda: image_bytes(COLOUR, kind="WEBP", lossless=True),
    "tiff": lambda: image_bytes(NOISE, kind="TIFF"),
    "tiff-16": lambda: image_bytes(SLOPE, kind="TIFF"),
    "tiff-pages": lambda: image_bytes(
        NOISE, kind="TIFF", save_all=True, append_images=[Image.fromarray(255 - NOISE)]
    ),
    **{
        f"tiff-{name}": functools.partial(image_bytes, NOISE, kind="TIFF", compression=name)
        for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    },
    "tiff-float": lambda: imagecodecs.tiff_encode(NOISE.astype(np.float32)),
    "tiff-int32-tiles": lambda: imagecodecs.tiff_encode(SLOPE.astype(np.int32), tile=(16, 16)),
    "nifti": lambda: nifti_bytes(VOLUME),
    "nifti-2": lambda: nibabel.Nifti2Image(VOLUME, np.eye(4)).to_bytes(),
    "nifti-gzip": lambda: gzip.compress(nifti_bytes(VOLUME), mtime=0),
    "npz": lambda: npz_bytes(x=NOISE),
    "dicom-implicit": lambda: dicom_bytes(SLOPE, syntax=uid.ImplicitVRLittleEndian),
    "dicom-big-endian": lambda: dicom_bytes(SLOPE, syntax=uid.ExplicitVRBigEndian),
    "dicom-deflated": lambda: dicom_bytes(SLOPE, syntax=uid.DeflatedExplicitVRLittleEndian),
    "dicom-colour": lambda: dicom_bytes(COLOUR),
    "dicom-frames": lambda: dicom_bytes(SLOPE, NumberOfFrames=2, PixelData=FRAMES.tobytes()),
    "dicom-padded": lambda: dicom_bytes(SLOPE, DataSetTrailingPadding=bytes(20), RescaleSlope=2),
}


def rle_encode(plane: np.ndarray) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(plane)))
    dataset.compress(uid.RLELossless)
    return next(generate_frames(dataset.PixelData, number_of_frames=1))


def jpeg_12(plane: np.ndarray) -> bytes:
    return imagecodecs.jpeg8_encode(plane, bitspersample=12)


def jpeg_2000(plane: np.ndarray) -> bytes:
    return imagecodecs.jpeg2k_encode(plane, codecformat="j2k", reversible=True, level=0)


Encoder = Callable[[np.ndarray], bytes]
STREAMS: dict[str, tuple[np.ndarray, str, Encoder, dict[str, int]]] = {
    "dicom-jpeg": (SLOPE_8, uid.JPEGBaseline8Bit, functools.partial(image_bytes, kind="JPEG"), {}),
    "dicom-jpeg-12": (SLOPE, uid.JPEGExtended12Bit, jpeg_12, TWELVE_BITS),
    "dicom-jpeg-extended-8": (
        SLOPE_8,
        uid.JPEGExtended12Bit,
        functools.partial(image_bytes, kind="JPEG"),
        {},
    ),
    "dicom-jpeg-lossless": (
        SLOPE,
        uid.JPEGLosslessSV1,
        functools.partial(imagecodecs.ljpeg_encode, bitspersample=12),
        TWELVE_BITS,
    ),
    "dicom-jpeg-2000": (SLOPE, uid.JPEG2000Lossless, jpeg_2000, {}),
    "dicom-htj2k": (
        SLOPE,
        uid.HTJ2KLossless,
        functools.partial(imagecodecs.htj2k_encode, reversible=True),
        {},
    ),
    "dicom-jpeg-ls": (SLOPE, uid.JPEGLSLossless, imagecodecs.jpegls_encode, {}),
    "dicom-rle": (SLOPE, uid.RLELossless, rle_encode, {}),
}


def encapsulated(plane: np.ndarray, syntax: str, streams: list[bytes], **tags: object) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(plane, NumberOfFrames=len(streams), **tags)))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate(streams)
    dataset["PixelData"].VR = "OB"
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


@functools.cache
def sound(name: str, *, num_frames: int = 2) -> tuple[bytes, np.ndarray]:
    """A whole file and what it decodes to."""
    if name in FILES:
        content = FILES[name]()
    else:
        plane, syntax, encode, tags = STREAMS[name]
        content = encapsulated(plane, syntax, [encode(plane)] * num_frames, **tags)
    return content, _decode_content(content).pixels


def refused_or_same(content: bytes, pixels: np.ndarray) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = _decode_content(content).pixels
        except DataError:
            return True
    return found.dtype == pixels.dtype and np.array_equal(found, pixels)


def cuts(length: int) -> st.SearchStrategy[int]:
    """Anywhere, and more often near the end, where only a marker or a few samples are missing."""
    return st.integers(0, length - 1) | st.integers(max(0, length - 40), length - 1)


@pytest.mark.parametrize("name", [*FILES, *STREAMS])
@given(st.data())
@settings(max_examples=25)
def test_a_file_that_is_cut(name: str, data: st.DataObject) -> None:
    content, pixels = sound(name)
    length = data.draw(cuts(len(content)), "length")
    assert refused_or_same(content[:length], pixels)


@pytest.mark.parametrize("name", STREAMS)
@given(st.data())
@settings(max_examples=25)
def test_a_stream_that_is_cut_in_a_file_that_is_whole(name: str, data: st.DataObject) -> None:
    plane, syntax, _, tags = STREAMS[name]
    whole, pixels = sound(name, num_frames=1)
    (stream,) = generate_frames(pydicom.dcmread(io.BytesIO(whole)).PixelData, number_of_frames=1)
    # Of even length: the byte that pads an odd one is as good as any that was cut off.
    length = data.draw(cuts(len(stream)), "length") // 2 * 2 or 2
    content = encapsulated(plane, syntax, [stream[:length]], **tags)
    assert refused_or_same(content, pixels)
