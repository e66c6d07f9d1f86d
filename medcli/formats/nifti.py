"""NIfTI-1 and NIfTI-2, plain or gzipped: the central axial slice of a volume."""

from __future__ import annotations

from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import OrientationError
from nibabel.spatialimages import HeaderDataError

from medcli.formats.codes import DECODER_FAULTS, reject
from medcli.formats.inflate import GZIP, inflate
from medcli.formats.source import MAX_BYTES, MAX_PIXELS, SourceHeader, SourceImage

MAX_VOLUMES = 4
_FAULTS: tuple[type[BaseException], ...] = (
    *DECODER_FAULTS,
    HeaderDataError,
    ImageFileError,
    OrientationError,
)


def scan_bytes(content: bytes, *, kind: str) -> SourceHeader:
    """The format, once the header is known to describe a volume that `decode_bytes` takes."""
    _open(_plain(content))
    return SourceHeader(kind=kind)


def decode_bytes(content: bytes, *, kind: str) -> SourceImage:
    """The central slice along the third axis, once the volume is turned to the nearest RAS+ orientation.

    Rows run from anterior to posterior and columns from the patient's right to left, as in an axial DICOM
    image. A volume of n slices gives slice n // 2 counted from the feet. A fourth axis of up to four
    volumes (the sequences of an MR study) becomes the channels. Slope and intercept are applied;
    descriptions and extensions are not read. Bits are those of the stored type.
    """
    image = _open(_plain(content))
    try:
        plane = _central_slice(image)
    except _FAULTS as error:
        raise reject("decode/corrupt", "the NIfTI data or orientation are damaged") from error
    if plane.ndim == 3 and plane.shape[2] == 1:
        plane = plane[..., 0]
    turned = np.ascontiguousarray(np.swapaxes(plane[::-1, ::-1], 0, 1))
    return SourceImage(_narrow(turned), bits=image.get_data_dtype().itemsize * 8)


def _central_slice(image: nibabel.Nifti1Image) -> np.ndarray:
    """[x, y] or [x, y, volumes] in RAS+ orientation; only this slice is scaled."""
    if len(image.shape) == 2:
        return np.asanyarray(image.dataobj)
    orientation = nibabel.io_orientation(image.affine)
    axis = int(np.flatnonzero(orientation[:, 0] == 2)[0])
    from_feet, length = image.shape[axis] // 2, image.shape[axis]
    stored = from_feet if orientation[axis, 1] > 0 else length - 1 - from_feet
    window = tuple(slice(stored, stored + 1) if a == axis else slice(None) for a in range(len(image.shape)))
    upright = nibabel.apply_orientation(np.asanyarray(image.dataobj[window]), orientation)
    return upright[:, :, 0]


def _plain(content: bytes) -> bytes:
    return inflate(content, wbits=GZIP) if content[:2] == b"\x1f\x8b" else content


def _open(content: bytes) -> nibabel.Nifti1Image:
    """The image, not yet read, once its header fits its bytes."""
    magic = content[344:348] if content[344:348] in {b"n+1\x00", b"ni1\x00"} else content[4:8]
    if magic[:3] in {b"ni1", b"ni2"}:
        raise reject("decode/unsupported-syntax", "a NIfTI pair (.hdr and .img); join them into one .nii")
    reader = nibabel.Nifti2Image if magic[:3] == b"n+2" else nibabel.Nifti1Image
    try:
        image = reader.from_bytes(content)
        shape, dtype = image.shape, image.get_data_dtype()
        proxy: Any = image.dataobj
        offset = int(proxy.offset)
    except _FAULTS as error:
        raise reject("decode/bad-header", "the NIfTI header is damaged") from error
    _check_shape(shape, dtype)
    if offset + int(np.prod(shape, dtype=object)) * dtype.itemsize > len(content):
        raise reject("decode/truncated", "the file ends before the volume does")
    if not np.isfinite(image.affine).all() or abs(np.linalg.det(image.affine[:3, :3])) < 1e-12:
        raise reject("decode/bad-header", "the orientation matrix is singular or not finite")
    return image


def _check_shape(shape: tuple[int, ...], dtype: np.dtype) -> None:
    if dtype.kind not in "iuf":
        raise reject("decode/unsupported-syntax", "colour or complex NIfTI volumes are not read")
    if not 2 <= len(shape) <= 4 or min(shape) < 1:
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
