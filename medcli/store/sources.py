"""The private map from record ids to source files: the only place where file names are kept."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from medcli.errors import DataError
from medcli.store.atomic import write_bytes
from medcli.store.digests import canonical_json, sha256_bytes
from medcli.store.references import Reference, reference, verify

SOURCES_VERSION = "sources/1"


def write_sources(folder: Path, root: Path, files: dict[str, dict[str, str]]) -> Reference:
    """Write the map with mode 0600 into `folder`, named by its digest, and return a reference.

    Args:
        folder: Where the manifest will lie.
        root: The input folder; kept relative to `folder`.
        files: Record id to `{"path": ..., "mask": ...}`, relative to `root`.
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


def read_sources(ref: Reference) -> tuple[Path, dict[str, dict[str, str]]]:
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
