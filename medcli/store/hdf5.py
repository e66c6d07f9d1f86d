"""HDF5 with the dangerous parts refused: read checked files, build small ones in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Set before HDF5 is loaded: no folder is searched for filter plug-ins.
os.environ.setdefault("HDF5_PLUGIN_PRELOAD", "::")

import h5py
import numpy as np

from medcli.errors import DataError
from medcli.store.digests import digest_json
from medcli.store.kinds import Kind, kind_of

FORMAT = ("v110", "v110")
_FILTERS = {h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_LZF}


def open_hdf5(path: Path) -> h5py.File:
    """Open a file of ours for reading, once nothing in it can lead to another file.

    Raises:
        DataError: If it is not HDF5, is cut, or holds groups, links, external or virtual data.
    """
    if kind_of(path) is not Kind.hdf5:
        raise DataError("it is not an HDF5 file", where=str(path))
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise DataError("it is cut or damaged: HDF5 cannot open it", where=str(path)) from error
    try:
        for name in file:
            _check_member(file, name)
    except DataError as error:
        file.close()
        error.where = str(path)
        raise
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        file.close()
        raise DataError("it is damaged: its members cannot be listed", where=str(path)) from error
    return file


def _check_member(file: h5py.File, name: str) -> None:
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise DataError(f"member {name!r} is a link, which is not accepted")
    member = file.get(name)
    if not isinstance(member, h5py.Dataset):
        raise DataError(f"member {name!r} is not a dataset")
    if member.is_virtual or member.external:
        raise DataError(f"member {name!r} keeps its data in other files, which is not accepted")
    settings = member.id.get_create_plist()
    filters = {settings.get_filter(i)[0] for i in range(settings.get_nfilters())}
    if filters - _FILTERS:
        raise DataError(f"member {name!r} needs filter {min(filters - _FILTERS)}, which is not accepted")
    if member.dtype.kind not in "uif" and h5py.check_string_dtype(member.dtype) is None:
        raise DataError(f"member {name!r} has type {member.dtype}, which is not accepted")


def read_header(file: h5py.File, *, version: str) -> dict[str, Any]:
    """The JSON header, once it is of the wanted kind and version.

    Args:
        version: Such as `shard/1`.
    """
    header = read_any_header(file)
    if header.get("medcli") != version:
        raise DataError(f"it is {header.get('medcli')!r}, {version!r} was expected", where=file.filename)
    return header


def read_any_header(file: h5py.File) -> dict[str, Any]:
    """The JSON header, whatever kind of file it is."""
    try:
        header = json.loads(file["header"].asstr()[()])
        is_ours = isinstance(header, dict) and header.pop("header_sha256", None) in (
            None,
            digest_json(header),
        )
    except (KeyError, OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError("it has no readable header", where=file.filename) from error
    if not is_ours:
        raise DataError("its header is not the one that was written", where=file.filename)
    return header


def read_records(file: h5py.File, header: dict[str, Any]) -> list[dict[str, Any]]:
    """The records, once they have the digest that the header states."""
    try:
        texts = file["records"].asstr()[:]
        records = [json.loads(text) for text in texts]
        digest = digest_json(records)
    except (KeyError, OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError("its records cannot be read", where=file.filename) from error
    if digest != header.get("records_sha256"):
        raise DataError("its records are not those that were written", where=file.filename)
    return records


def read_array(file: h5py.File, name: str, *, rows: slice | int = slice(None)) -> np.ndarray:
    """A dataset, or a slice of it, with read errors (a failed checksum, say) as data errors."""
    try:
        return file[name][rows]
    except KeyError as error:
        raise DataError(f"it has no {name}", where=file.filename) from error
    except OSError as error:
        raise DataError(f"its {name} are damaged: a checksum does not hold", where=file.filename) from error


def write_header_and_records(file: h5py.File, header: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """Add `/records` and `/header`, with a digest of each in the header: HDF5 has no checksum for texts."""
    text = h5py.string_dtype()
    lines = np.array([_compact(record) for record in records], dtype=object)
    file.create_dataset("records", data=lines, dtype=text, shape=(len(records),))
    full = {**header, "records_sha256": digest_json(records)}
    full["header_sha256"] = digest_json(full)
    file.create_dataset("header", data=_compact(full), dtype=text)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def hdf5_bytes(build: Callable[[h5py.File], None]) -> bytes:
    """The bytes of a file built in memory; the same content gives the same bytes."""
    with h5py.File("memory", "w", driver="core", backing_store=False, libver=FORMAT) as file:
        build(file)
        file.flush()
        return file.id.get_file_image()


def read_whole(path: Path) -> None:
    """Read every array in small pieces, so that every checksum is tested, and the records.

    Raises:
        DataError: If anything in the file is not as it was written.
    """
    with open_hdf5(path) as file:
        header = read_any_header(file)
        records = read_records(file, header)
        for name in file:
            dataset = file[name]
            if name in ("header", "records"):
                continue
            if len(dataset) != len(records):
                raise DataError(f"{name} and records differ in number", where=str(path))
            step = max(1, dataset.chunks[0] if dataset.chunks else 1024)
            for start in range(0, len(dataset), step):
                read_array(file, name, rows=slice(start, start + step))
