"""What kind of file of ours something is, told by its first bytes."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from medcli.errors import InputError

_HDF5 = b"\x89HDF\r\n\x1a\n"


class Kind(Enum):
    hdf5 = "HDF5"
    safetensors = "safetensors"
    json = "JSON"
    other = "other"


def kind_of(path: Path) -> Kind:
    """The kind of a file, without importing the library that reads it."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(path)) from error
    except OSError as error:
        raise InputError((error.strerror or "cannot be read").lower(), where=str(path)) from error
    if start.startswith(_HDF5):
        return Kind.hdf5
    # Eight bytes of header length, then the JSON header itself.
    if len(start) == 16 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 40:
        return Kind.safetensors
    return Kind.json if start.lstrip()[:1] in (b"{", b"[") else Kind.other
