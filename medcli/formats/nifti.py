"""NIfTI-1 and NIfTI-2, plain, gzipped or in two files: volumes and where they lie."""

from __future__ import annotations

import io
import struct
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from medcli.formats.codes import DECODER_FAULTS, reject
from medcli.formats.inflate import GZIP, inflate
from medcli.formats.source import MAX_BYTES, MAX_PIXELS, Geometry, SourceHeader, SourceImage

MAX_VOLUMES = 4
_COLOURS = ("R", "G", "B")
_SIZE_1 = 348  # bytes of a NIfTI-1 header
_FAULTS: tuple[type[BaseException], ...] = (
    *DECODER_FAULTS,
    HeaderDataError,
    ImageFileError,
    WrapStructError,
)


def scan_bytes(content: bytes, *, kind: str) -> SourceHeader:
    """The format, once the header is known to describe a volume that `decode_bytes` takes."""
    _open(_plain(content))
    return SourceHeader(kind=kind)


def decode_bytes(content: bytes, *, kind: str) -> SourceImage:
    """The volume as it is stored, [slices, rows, columns]: the third, second and first axis of the file.

    The affine says where it lies; nothing is turned here. A fourth axis of up to four volumes (the sequences
    of an MR study) becomes the channels; RGB24 has three. A volume of one slice is an image. Slope and
    intercept are applied; a slope of 0 or NaN means none. Descriptions and extensions are not read. Bits are
    those of the stored type.
    """
    image = _open(_plain(content))
    try:
        stored = np.asanyarray(image.dataobj)
    except _FAULTS as error:
        raise reject("decode/corrupt", "the NIfTI data are damaged") from error
    num_axes = stored.ndim
    if stored.dtype.names:
        stored = np.stack([stored[name] for name in _COLOURS], axis=-1)
    if num_axes == 4 and stored.shape[3] == 1:
        stored = stored[:, :, :, 0]
    pixels = _narrow(np.ascontiguousarray(stored.swapaxes(0, min(num_axes, 3) - 1)))
    # From (first, second, third) axis to (slice, row, column).
    affine = image.affine[:, [2, 1, 0, 3]].astype(np.float64)
    spacing = tuple(float(side) for side in np.linalg.norm(affine[:3, :3], axis=0))
    bits = image.get_data_dtype().itemsize * 8
    if num_axes == 2 or pixels.shape[0] == 1:
        plane = pixels if num_axes == 2 else pixels[0]
        return SourceImage(plane, bits=bits, geometry=Geometry(spacing[1:]))
    return SourceImage(pixels, bits=bits, is_volume=True, geometry=Geometry(spacing, affine))


def join_pair(header: bytes, data: bytes) -> bytes:
    """The single file that a NIfTI-1 pair stands for: `.hdr` and `.img`, each plain or gzipped.

    Raises:
        DataError: If the header is not that of a pair, or the voxels begin beyond their file.
    """
    header, data = _plain(header), _plain(data)
    if header[344:348] != b"ni1\x00":
        raise reject("decode/unsupported-syntax", "a .hdr file beside a .img that is no NIfTI-1 header")
    order = "<" if header[:4] == struct.pack("<i", _SIZE_1) else ">"
    (offset,) = struct.unpack(f"{order}f", header[108:112])
    if not 0 <= offset <= len(data):
        raise reject("decode/bad-header", "the voxels begin beyond the end of the .img file")
    start = struct.pack(f"{order}f", float(_SIZE_1 + 4))
    return header[:108] + start + header[112:344] + b"n+1\x00" + bytes(4) + data[int(offset) :]


def _plain(content: bytes) -> bytes:
    return inflate(content, wbits=GZIP) if content[:2] == b"\x1f\x8b" else content


def _open(content: bytes) -> nibabel.Nifti1Image:
    """The image, not yet read, once its header fits its bytes."""
    magic = content[344:348] if content[344:348] in {b"n+1\x00", b"ni1\x00"} else content[4:8]
    if magic[:3] in {b"ni1", b"ni2"}:
        raise reject(
            "decode/unsupported-syntax", "half of a NIfTI pair: .hdr and .img of one name lie together"
        )
    reader = nibabel.Nifti2Image if magic[:3] == b"n+2" else nibabel.Nifti1Image
    try:
        image = reader.from_bytes(content)
        shape, dtype = image.shape, image.get_data_dtype()
        proxy: Any = image.dataobj
        offset = int(proxy.offset)
    except _FAULTS as error:
        raise reject("decode/bad-header", "the NIfTI header is damaged") from error
    _check_shape(shape, dtype)
    raw = reader.header_class.from_fileobj(io.BytesIO(content), check=False)
    if np.isinf(raw["scl_slope"]):
        raise reject("decode/bad-header", "the slope of the volume is infinite")
    if offset + int(np.prod(shape, dtype=object)) * dtype.itemsize > len(content):
        raise reject("decode/truncated", "the file ends before the volume does")
    if not np.isfinite(image.affine).all() or abs(np.linalg.det(image.affine[:3, :3])) < 1e-12:
        raise reject("decode/bad-header", "the orientation matrix is singular or not finite")
    return image


def _check_shape(shape: tuple[int, ...], dtype: np.dtype) -> None:
    is_colour = dtype.names is not None and set(_COLOURS) <= set(dtype.names)
    if dtype.kind not in "iuf" and not is_colour:
        raise reject("decode/unsupported-syntax", "complex NIfTI volumes are not read")
    if not 2 <= len(shape) <= 4 or min(shape) < 1 or (is_colour and len(shape) == 4 and shape[3] > 1):
        raise reject("decode/bad-header", f"a volume of shape {shape}")
    if len(shape) == 4 and shape[3] > MAX_VOLUMES:
        raise reject("decode/multi-frame", f"{shape[3]} volumes, up to {MAX_VOLUMES} become channels")
    num_values = int(np.prod(shape, dtype=object))
    if shape[0] * shape[1] > MAX_PIXELS or num_values * dtype.itemsize > MAX_BYTES:
        raise reject("decode/bomb", f"a volume of shape {shape} is larger than the limit")


def _narrow(plane: np.ndarray) -> np.ndarray:
    """Integers stay what they are; scaled and floating values become float32."""
    dtype = plane.dtype.newbyteorder("=") if plane.dtype.kind in "iu" else np.dtype(np.float32)
    return plane.astype(dtype, copy=False)
