"""The private map from record ids to source files: the only place where file names are kept."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypedDict

from medcli.errors import DataError
from medcli.store.atomic import write_bytes
from medcli.store.digests import canonical_json, sha256_bytes
from medcli.store.references import Reference, reference, verify

SOURCES_VERSION = "sources/1"


class Source(TypedDict, total=False):
    """Where the pixels of a record are: exactly one of `path`, `series` and `channels`.

    Attributes:
        path: A file relative to the input folder.
        data: The voxels, where `path` is only their header (NIfTI pair .hdr and .img).
        member: Name of an array in the archive `path` (NPZ).
        index: Which item along the first axis of that array.
        series: Files of the slices of one volume.
        channels: One source a channel, all of one geometry, in the order of the channels.
        mask: File of the truth region, of the same size as the pixels.
    """

    path: str
    data: str
    member: str
    index: int
    series: list[str]
    channels: list[Source]
    mask: str


def write_sources(folder: Path, root: Path, files: dict[str, Any]) -> Reference:
    """Write the map with mode 0600 into `folder`, named by its digest, and return a reference.

    Args:
        folder: Where the manifest will lie.
        root: The input folder; kept relative to `folder`.
        files: Record id to its `Source`, or, of what was rejected, to its `path` or `row`.
    """
    start = folder.absolute()
    document = {
        "medcli": SOURCES_VERSION,
        "root": os.path.relpath(root.absolute(), start),
        "files": files,
    }
    data = _encode(canonical_json(document) + "\n")
    digest = sha256_bytes(data)
    path = start / f"sources-{digest[:12]}.json"
    write_bytes(path, data, mode=0o600)
    return reference(path, digest)


def read_sources(ref: Reference) -> tuple[Path, dict[str, Any]]:
    """The absolute input folder and the map of one reference.

    Raises:
        InputError: If the map is gone.
        DataError: If it was changed or is not a source map.
    """
    path = verify(ref)
    document: dict[str, Any] = json.loads(path.read_bytes().decode("utf-8", "surrogateescape"))
    if document.get("medcli") != SOURCES_VERSION:
        raise DataError(f"it is not a {SOURCES_VERSION} map", where=str(path))
    root = Path(os.path.normpath(path.parent / document["root"]))
    return root, document["files"]


def source_bytes(root: Path, source: Source) -> int:
    """Size of all files of a source and of its mask; files that cannot be looked at count as nothing."""
    if "channels" in source:
        size = sum(source_bytes(root, part) for part in source["channels"])
    else:
        size = sum(_size(root / path) for path in source.get("series") or [source["path"]])
    return size + (_size(root / source["mask"]) if "mask" in source else 0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def resolve_inside(root: Path, relative: str) -> Path:
    """The file `relative` below `root`, once it is known not to lead outside it.

    Raises:
        DataError: If it is absolute, climbs out, or follows a link out of the root.
    """
    path = root / relative
    if not path.resolve().is_relative_to(root.resolve()):
        raise DataError("the path leads out of the input folder", code="file/outside")
    return path


def _encode(text: str) -> bytes:
    # File names need not be valid UTF-8: their odd bytes travel as surrogates (PEP 383).
    return text.encode("utf-8", "surrogateescape")
