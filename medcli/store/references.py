"""References from a manifest to files: a path, a digest, and a few facts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medcli.errors import DataError, InputError
from medcli.store.digests import sha256_file

Reference = dict[str, Any]


def reference(path: Path, sha256: str, **facts: Any) -> Reference:
    """A reference with an absolute path, as it is held in memory."""
    return {"path": str(path.absolute()), "sha256": sha256, **facts}


def verify(ref: Reference) -> Path:
    """The referenced file, once it is known to exist and to have the recorded digest."""
    path = existing(ref)
    if sha256_file(path) != ref["sha256"]:
        raise DataError(
            "its content is not what the manifest recorded (sha256 differs)",
            where=display(path),
            hint="the file was changed or replaced: run the command that wrote it again",
        )
    return path


def existing(ref: Reference) -> Path:
    """The referenced file, once it is known to exist."""
    path = Path(ref["path"])
    if not path.is_file():
        raise InputError(
            "no such file, but the manifest names it",
            where=display(path),
            hint="run from the folder that the manifest's paths are relative to",
        )
    return path


def find_references(value: Any) -> Iterator[Reference]:
    """Every reference in a section of a manifest, however deep."""
    if isinstance(value, dict) and isinstance(value.get("path"), str) and "sha256" in value:
        yield value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from find_references(item)


def display(path: Path) -> str:
    """A path as a person would type it: relative when it is below the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def map_paths(value: Any, base: Path, *, to_absolute: bool) -> Any:
    """A copy of a manifest section with the path of every reference converted."""
    if isinstance(value, list):
        return [map_paths(item, base, to_absolute=to_absolute) for item in value]
    if not isinstance(value, dict):
        return value
    converted = {key: map_paths(item, base, to_absolute=to_absolute) for key, item in value.items()}
    if isinstance(value.get("path"), str) and "sha256" in value:
        convert = os.path.join if to_absolute else lambda start, path: os.path.relpath(path, start)
        converted["path"] = os.path.normpath(convert(str(base), value["path"]))
    return converted
