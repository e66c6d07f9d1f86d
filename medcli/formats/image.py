"""Any image file to pixels or header facts, by content and never by name."""

from __future__ import annotations

import hashlib
import importlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from medcli.errors import at
from medcli.formats.codes import reject
from medcli.formats.identify import identify
from medcli.formats.source import MAX_BYTES, Geometry, SourceHeader, SourceImage, stack
from medcli.store.digests import digest_json
from medcli.store.sources import Source, resolve_inside

__all__ = [
    "Examined",
    "SourceHeader",
    "SourceImage",
    "decode",
    "decode_source",
    "digest_source",
    "examine_source",
    "pixels_digest",
    "scan",
]

_AGAIN = "run medcli ingest again"

MODULES = {
    "dicom": "medcli.formats.dicom",
    "nifti": "medcli.formats.nifti",
    "png": "medcli.formats.raster",
    "jpeg": "medcli.formats.raster",
    "tiff": "medcli.formats.tiff",
    "webp": "medcli.formats.raster",
    "npz": "medcli.formats.npz",
}
"""Format to the module that reads it: each has `decode_bytes` and `scan_bytes`, imported on first use."""


@dataclass(frozen=True)
class Examined:
    """Digest and header of a source, and its pixels when they were asked for."""

    sha256: str
    header: SourceHeader
    image: SourceImage | None


def decode(path: Path, *, sha256: str | None = None) -> SourceImage:
    """The image in a file.

    Args:
        path: A file of any of `MODULES` with one image; its name does not matter.
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


def decode_source(root: Path, source: Source, *, sha256: str | None = None) -> SourceImage:
    """The image or volume that a source names: one file, an item of an archive, a series, or channels.

    Raises:
        DataError: With a code of `codes.CODES`; `file/changed` if its digest is not `sha256`.
    """
    found, image = _digest_and_decode(root, source)
    if sha256 is not None and found != sha256:
        raise reject("file/changed", "the file changed since it was ingested", hint=_AGAIN)
    return image


def examine_source(root: Path, source: Source, *, is_quick: bool) -> Examined:
    """Digest, header facts and, unless `is_quick`, decoded pixels of a source, from one read of its bytes."""
    first = _first_path(source)
    if "path" in source and "member" not in source:
        digest, content = _read_file(root, source)
        header = scan_content(content)
        return Examined(digest, header, None if is_quick else _decode_content(content))
    header = SourceHeader("npz") if "member" in source else scan(resolve_inside(root, first))
    digest, image = _digest_and_decode(root, source)
    return Examined(digest, header, None if is_quick else image)


def digest_source(root: Path, source: Source) -> str:
    """Digest by the rule of `sha256` in a record; nothing is decoded but items of archives.

    Raises:
        DataError: If a file cannot be read.
    """
    if "channels" in source:
        return digest_json([digest_source(root, part) for part in source["channels"]])
    if "member" in source:
        return _digest_and_decode(root, source)[0]
    if "series" in source:
        return digest_json([_digest_file(resolve_inside(root, path)) for path in source["series"]])
    if "data" in source:
        return digest_json(
            [_digest_file(resolve_inside(root, path)) for path in (source["path"], source["data"])]
        )
    return _digest_file(resolve_inside(root, source["path"]))


def _digest_file(path: Path) -> str:
    return hashlib.sha256(read_content(path)).hexdigest()


def _digest_and_decode(root: Path, source: Source) -> tuple[str, SourceImage]:
    """Digest by the rule of `sha256` in a record, and pixels."""
    if "channels" in source:
        parts = [_digest_and_decode(root, part) for part in source["channels"]]
        return digest_json([digest for digest, _ in parts]), _stacked([image for _, image in parts])
    if "series" in source:
        from medcli.formats.series import decode_series

        contents = [read_content(resolve_inside(root, path)) for path in source["series"]]
        digests = [hashlib.sha256(content).hexdigest() for content in contents]
        return digest_json(digests), _checked(decode_series(contents))
    if "member" in source:
        from medcli.formats.npz import decode_item

        path = resolve_inside(root, source["path"])
        image = _checked(decode_item(path, source["member"], source["index"]))
        return pixels_digest(image.pixels), image
    digest, content = _read_file(root, source)
    return digest, _decode_content(content)


def _read_file(root: Path, source: Source) -> tuple[str, bytes]:
    """Digest and bytes of one file; of a pair, the digest of both, and the file that they stand for."""
    content = read_content(resolve_inside(root, source["path"]))
    digest = hashlib.sha256(content).hexdigest()
    if "data" not in source:
        return digest, content
    from medcli.formats.nifti import join_pair

    data = read_content(resolve_inside(root, source["data"]))
    return digest_json([digest, hashlib.sha256(data).hexdigest()]), join_pair(content, data)


def pixels_digest(pixels: np.ndarray) -> str:
    """SHA-256 of type, shape and values: equal for equal pixels, whatever file they came in."""
    plain = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<"))
    head = f"{plain.dtype.str} {list(plain.shape)} ".encode()
    return hashlib.sha256(head + plain.tobytes()).hexdigest()


def _first_path(source: Source) -> str:
    if "channels" in source:
        return _first_path(source["channels"][0])
    return source["series"][0] if "series" in source else source["path"]


def _decode_content(content: bytes) -> SourceImage:
    kind, module = _module(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a library's warning may quote a header value
        return _checked(module.decode_bytes(content, kind=kind))


def _stacked(images: list[SourceImage]) -> SourceImage:
    """Channels last, once all have one shape and lie in one place."""
    first = images[0]
    for image in images[1:]:
        if image.pixels.shape != first.pixels.shape:
            raise reject("decode/geometry", "the channels have several sizes")
        if not _is_same_place(first.geometry, image.geometry):
            raise reject("decode/geometry", "the channels lie in several places")
    return SourceImage(
        stack([image.pixels for image in images], axis=-1),
        bits=max(image.bits for image in images),
        is_volume=first.is_volume,
        geometry=first.geometry,
    )


def _is_same_place(first: Geometry | None, second: Geometry | None) -> bool:
    if first is None or second is None:
        return (first is None) == (second is None)
    if first.affine is None or second.affine is None:
        return bool(np.allclose(first.spacing_mm, second.spacing_mm, rtol=1e-3))
    return bool(np.allclose(first.affine, second.affine, atol=1e-2))


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
    if pixels.ndim not in ({3, 4} if image.is_volume else {2, 3}) or 0 in pixels.shape:
        raise reject("decode/bad-header", f"the image has shape {pixels.shape}")
    if pixels.dtype.kind == "f" and not bool(np.isfinite(pixels).all()):
        raise reject("decode/not-finite", "pixels are NaN or infinite")
    return image
