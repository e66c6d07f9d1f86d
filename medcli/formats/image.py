"""Any image file to pixels or header facts, by content and never by name."""

from __future__ import annotations

import hashlib
import importlib
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np

from medcli.errors import at
from medcli.formats.codes import reject
from medcli.formats.identify import identify
from medcli.formats.source import MAX_BYTES, SourceHeader, SourceImage

__all__ = ["SourceHeader", "SourceImage", "decode", "digest_and_scan", "scan"]

_AGAIN = "run medcli ingest again"

MODULES = {
    "dicom": "medcli.formats.dicom",
    "nifti": "medcli.formats.nifti",
    "png": "medcli.formats.raster",
    "jpeg": "medcli.formats.raster",
    "tiff": "medcli.formats.raster",
}
"""Format to the module that reads it: each has `decode_bytes` and `scan_bytes`, imported on first use."""


def decode(path: Path, *, sha256: str | None = None) -> SourceImage:
    """The image in a file.

    Args:
        path: A DICOM, NIfTI, PNG, JPEG or TIFF file with one image; its name does not matter.
        sha256: Digest that the bytes must have.

    Raises:
        DataError: With a code of `codes.CODES`; its `where` is the file.
    """
    with at(path):
        content = read_content(path)
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise reject("file/changed", "the file changed since it was ingested", hint=_AGAIN)
        kind, module = _module(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library's warning may quote a header value
            image = module.decode_bytes(content, kind=kind)
        return _checked(image)


def scan(path: Path) -> SourceHeader:
    """What the header of a file says, without decoding pixels.

    Raises:
        DataError: With a code of `codes.CODES` when the file is no image that `decode` would take.
    """
    with at(path):
        return scan_content(read_content(path))


def scan_content(content: bytes) -> SourceHeader:
    """What the header in the bytes of a file says."""
    kind, module = _module(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header: SourceHeader = module.scan_bytes(content, kind=kind)
    return header


def read_content(path: Path) -> bytes:
    """All bytes of a file of acceptable size."""
    try:
        if not path.is_file():
            code = "file/not-regular" if path.exists() else "file/unreadable"
            raise reject(code, "not a regular file" if path.exists() else "the file does not exist")
        if path.stat().st_size > MAX_BYTES:
            raise reject("decode/bomb", f"the file is larger than {MAX_BYTES >> 30} GiB")
        return path.read_bytes()
    except OSError as error:
        raise reject("file/unreadable", f"cannot be read: {error.strerror}") from error


def _module(content: bytes) -> tuple[str, ModuleType]:
    kind = identify(content)
    return kind, importlib.import_module(MODULES[kind])


def _checked(image: SourceImage) -> SourceImage:
    pixels = image.pixels
    if pixels.ndim not in {2, 3} or 0 in pixels.shape:
        raise reject("decode/bad-header", f"the image has shape {pixels.shape}")
    if pixels.dtype.kind == "f" and not bool(np.isfinite(pixels).all()):
        raise reject("decode/not-finite", "pixels are NaN or infinite")
    return image


def digest_and_scan(path: Path) -> tuple[str, SourceHeader]:
    """SHA-256 of a file's bytes and what the header in those same bytes says."""
    with at(path):
        content = read_content(path)
        return hashlib.sha256(content).hexdigest(), scan_content(content)
