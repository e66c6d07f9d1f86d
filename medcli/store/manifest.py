"""The manifest: a JSON document that grows as it goes down the pipeline."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from medcli import __version__
from medcli.config import recorded_options
from medcli.errors import DataError, InputError, UsageError
from medcli.store.atomic import write_bytes
from medcli.store.calibration_schema import check_frozen
from medcli.store.digests import digest_json
from medcli.store.kinds import Kind, kind_of
from medcli.store.references import Reference, find_references, map_paths
from medcli.store.schema import MANIFEST_VERSION, check_manifest

_SINGLE_LINE = {"records", "rejected", "history"}
_WITHOUT_PATHS = {"records", "rejected", "history", "task", "evidence", "splits"}


@dataclass
class Manifest:
    """What is known so far; paths of references are absolute in memory, relative on disk."""

    task: dict[str, Any] | None = None
    sources: Reference | None = None
    records: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    evidence: dict[str, Any] | None = None
    shards: list[Reference] = field(default_factory=list)
    splits: dict[str, Any] | None = None
    model: Reference | None = None
    predictions: dict[str, Reference] = field(default_factory=dict)
    calibration: dict[str, Any] | None = None
    explanation: dict[str, Any] | None = None
    evaluation: dict[str, Any] | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of every score array."""
        return self._task()["classes"]

    @property
    def task_type(self) -> str:
        """One of binary, multiclass, multilabel, ordinal."""
        return self._task()["type"]

    def _task(self) -> dict[str, Any]:
        if self.task is None:
            raise UsageError(
                "nothing is labelled here",
                hint="medcli ingest --labels TABLE, or --layout class-folders, gives labels",
            )
        return self.task

    def records_digest(self) -> str:
        """Digest of task and records, which stands for the manifest in every history."""
        return digest_json([self.task, self.records])

    def require(self, section: str, *, made_by: str) -> Any:
        """A section that must be there, or one line that says which command makes it."""
        value = getattr(self, section)
        if not value:
            raise DataError(f"the manifest has no {section}", hint=f"run medcli {made_by} first")
        return value

    def references(self) -> Iterator[Reference]:
        """References to all files that it names, but for the private map of sources."""
        for f in fields(self):
            if f.name not in _WITHOUT_PATHS and f.name != "sources":
                yield from find_references(getattr(self, f.name))

    def add_history(
        self, command: str, config: Any, inputs: list[tuple[str, str]], **facts: Any
    ) -> dict[str, Any]:
        """Append what was done: the options that decide results and digests of inputs, no place or time."""
        entry = {
            "command": command,
            "version": __version__,
            "options": recorded_options(config),
            "inputs": [{"role": role, "sha256": sha256} for role, sha256 in inputs],
            **facts,
        }
        self.history.append(entry)
        return entry


def read_manifest(source: str) -> Manifest:
    """Read and check a manifest from a file or, for `-`, from standard input.

    Raises:
        InputError: If it does not exist.
        DataError: If it is cut, not JSON, breaks the schema, or holds a calibration that was changed.
    """
    if source == "-":
        return parse_manifest(_read_stdin(), where="standard input", base=Path.cwd())
    path = Path(source)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError("no such file", where=source) from error
    except OSError as error:
        raise InputError(f"cannot be read: {(error.strerror or '').lower()}", where=source) from error
    return parse_manifest(data, where=source, base=path.absolute().parent)


def _read_stdin() -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise InputError("standard input is closed", hint="give a file instead of -")
    if sys.stdin.isatty():
        raise UsageError(
            "a manifest is expected on standard input, but that is a terminal",
            hint="pipe one in, or give a file instead of -",
        )
    return sys.stdin.buffer.read()


def parse_manifest(data: bytes, *, where: str, base: Path) -> Manifest:
    """A manifest from bytes; relative paths in it start at `base`."""
    if not data.strip():
        raise DataError(
            "it is empty, a manifest was expected",
            where=where,
            hint="the command that wrote it failed; its message says why",
        )
    try:
        document = json.loads(data, parse_constant=_refuse_constant)
    except ValueError as error:  # also an integer of more digits than Python converts
        raise DataError(
            f"not a whole JSON document: {error}",
            where=where,
            hint="a manifest is JSON; tables are files called .csv or .tsv, or these with .gz",
        ) from error
    except RecursionError as error:
        raise DataError("nested too deeply for a manifest", where=where) from error
    try:
        check_manifest(document)
        _check_ids(document)
        if document.get("calibration"):
            check_frozen(document["calibration"])
    except DataError as error:
        error.where = where
        raise
    sections = {f.name: document[f.name] for f in fields(Manifest) if document.get(f.name) is not None}
    return Manifest(
        **{
            name: value if name in _WITHOUT_PATHS else map_paths(value, base, to_absolute=True)
            for name, value in sections.items()
        }
    )


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _check_ids(document: dict[str, Any]) -> None:
    ids = [record["id"] for record in document["records"]]
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        doubled = next(i for i in ids if i in seen or seen.add(i))  # type: ignore[func-returns-value]
        raise DataError(f"record {doubled} is there twice")


def manifest_bytes(manifest: Manifest, *, base: Path) -> bytes:
    """The document with one record a line and paths relative to `base`; ends with a newline."""
    start = base.absolute()
    document = io.BytesIO()
    document.write(f'{{"medcli": {json.dumps(MANIFEST_VERSION)}'.encode())
    for f in fields(Manifest):
        value = getattr(manifest, f.name)
        if f.name not in _WITHOUT_PATHS:
            value = map_paths(value, start, to_absolute=False)
        document.write(f',\n "{f.name}": '.encode())
        if f.name in _SINGLE_LINE and value:
            for number, item in enumerate(value):
                document.write(f"{',' if number else '['}\n  {_dumps(item)}".encode())
            document.write(b"]")
        else:
            document.write(_dumps(value).encode())
    document.write(b"}\n")
    return document.getvalue()


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_manifest(manifest: Manifest, path: Path) -> str:
    """Write a manifest atomically and return its SHA-256."""
    return write_bytes(path, manifest_bytes(manifest, base=path.absolute().parent))


def load(source: str) -> Manifest:
    """A manifest from a manifest, a shard or a predictions file, told apart by content."""
    path = Path(source)
    if source == "-" or not path.is_file():
        return read_manifest(source)
    return _wrap(path) if kind_of(path) is Kind.hdf5 else read_manifest(source)


def _wrap(path: Path) -> Manifest:
    from medcli.store.digests import sha256_file
    from medcli.store.hdf5 import open_hdf5, read_records
    from medcli.store.hdf5 import read_header as header_of
    from medcli.store.predictions import PREDICTIONS_VERSION
    from medcli.store.references import reference
    from medcli.store.shards import SHARD_VERSION, shard_reference

    with open_hdf5(path) as file:
        is_shard = "images" in file
        header = header_of(file, version=SHARD_VERSION if is_shard else PREDICTIONS_VERSION)
        records = read_records(file, header)
    manifest = Manifest(task=header["task"], records=records, history=list(header["history"]))
    if is_shard:
        num_rejected = len(header.get("rejected", ()))
        manifest.shards = [shard_reference(path, num_images=len(records), num_rejected=num_rejected)]
    else:
        ref = reference(path, sha256_file(path), num_images=len(records))
        manifest.predictions = {header["part"]: {**ref, "part": header["part"]}}
    return manifest
