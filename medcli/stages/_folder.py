"""The input folder as layouts see it: inputs, series of slices, tables."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from medcli.cohorts.layouts import Rows
from medcli.config import IngestConfig, Series
from medcli.errors import InputError, at
from medcli.formats import npz
from medcli.formats.folders import Listing, ignored_as, list_files
from medcli.formats.image import read_content
from medcli.formats.inflate import GZIP, inflate
from medcli.formats.series import SeriesGroup, group_series, scan_slice, scan_uids
from medcli.formats.tables import Table, read_table
from medcli.progress import Progress
from medcli.stages._doubled import CONFLICT, DOUBLED, judge_slices
from medcli.store.sources import Source, resolve_inside
from medcli.workers import run_in_workers

Found = TypeVar("Found")


class InputFolder:
    """What lies below the folder that `ingest` was given; a single file is a folder with that file.

    Slices of CT, MR and PET series are found by a first pass over the headers of DICOM files, which is made
    when a layout first asks for its inputs.

    Raises:
        InputError: If it does not exist or cannot be listed.
    """

    def __init__(self, config: IngestConfig, *, progress: Progress) -> None:
        self._config = config
        self._progress = progress
        self.root, self.listing = _list_inputs(config.source)
        self._tables: dict[str, Table] = {}
        self._looked_at: set[str] = set()
        self._refused: dict[str, str] = {}

    @property
    def odd(self) -> dict[str, str]:
        """What is refused by name, with the reason code: links, special files, copies of slices, ..."""
        return {**dict(self.listing.odd), **self._refused}

    @cached_property
    def inputs(self) -> list[str]:
        """Files, series and NIfTI pairs as one input, and what is odd: that is refused by name."""
        parts = {path for group in self._groups.values() for path in group.files} | {*self._pairs.values()}
        names = [path for path in self.files if path not in parts]
        return sorted([*names, *self._groups], key=os.fsencode)

    @property
    def files(self) -> list[str]:
        """Every file by itself, and what is odd."""
        return sorted([*self.listing.files, *dict(self.listing.odd)], key=os.fsencode)

    @property
    def others(self) -> list[str]:
        """Files that are no inputs because of how they are called."""
        return self.listing.others

    @cached_property
    def given(self) -> Table | None:
        """The table of --labels."""
        return (
            read_table(self._config.labels, delimiter=self._config.delimiter) if self._config.labels else None
        )

    @property
    def given_sha256(self) -> str:
        """Digest of the table of --labels; empty without one."""
        return self.given.sha256 if self.given else ""

    def drop_tables(self) -> None:
        """Let the rows of all tables go, which may be millions; their digests stay."""
        self._tables = {name: replace(table, rows=[]) for name, table in self._tables.items()}
        if self.given:
            self.given = replace(self.given, rows=[])

    def labels(self) -> Rows | None:
        """The table of --labels, as layouts see it."""
        return self.given

    def table(self, name: str) -> Table:
        """One of `others` as a table."""
        self._looked_at.add(name)
        if name not in self._tables:
            self._tables[name] = read_table(resolve_inside(self.root, name))
        return self._tables[name]

    @property
    def ignored(self) -> dict[str, int]:
        """Number of files a suffix, or name, that were not looked at because of how they are called."""
        counts = Counter(self.listing.ignored)
        counts.subtract(ignored_as(posixpath.basename(name)) for name in self._looked_at)
        return {name: count for name, count in sorted(counts.items()) if count > 0}

    @property
    def tables_read(self) -> dict[str, str]:
        """Digest of every table that a layout read, by name."""
        return {name: table.sha256 for name, table in sorted(self._tables.items())}

    def content(self, name: str) -> bytes:
        """All bytes of one file; of a gzipped one those inside."""
        self._looked_at.add(name)
        with at(posixpath.basename(name)):
            content = read_content(resolve_inside(self.root, name))
            return inflate(content, wbits=GZIP) if content[:2] == b"\x1f\x8b" else content

    def md5(self, name: str) -> str:
        """MD5 of one file, of any size."""
        with at(posixpath.basename(name)), resolve_inside(self.root, name).open("rb") as file:
            return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()

    def array(self, name: str, member: str) -> np.ndarray:
        """One array of an archive."""
        with at(posixpath.basename(name)):
            return npz.read_member(resolve_inside(self.root, name), member)

    def source(self, name: str) -> Source:
        """Where the pixels of an input are."""
        if group := self._groups.get(name):
            return {"series": list(group.files)}
        return {"path": name, "data": self._pairs[name]} if name in self._pairs else {"path": name}

    def uids(self) -> dict[str, tuple[str, str]]:
        """SOP and Series Instance UID of every DICOM file, from a pass over their headers."""
        found = self._scan(scan_uids)
        return {path: uids for path, uids in found if all(uids)}

    def series(self) -> dict[str, SeriesGroup]:
        """Inputs that are series, by name."""
        return self._groups

    @cached_property
    def _pairs(self) -> dict[str, str]:
        """NIfTI in two files: the header to the voxels beside it."""
        there = set(self.listing.files)
        headers = [path for path in self.listing.files if path.endswith((".hdr", ".hdr.gz"))]
        stems = {path: path.removesuffix(".gz").removesuffix(".hdr") for path in headers}
        found = {
            path: [voxels for suffix in (".img", ".img.gz") if (voxels := f"{stem}{suffix}") in there]
            for path, stem in stems.items()
        }
        return {path: voxels[0] for path, voxels in found.items() if voxels}

    @cached_property
    def _groups(self) -> dict[str, SeriesGroup]:
        if self._config.labels_only or self._config.series is Series.image:
            return {}
        slices = self._scan(scan_slice)
        codes = judge_slices(slices, root=self.root, jobs=self._config.jobs)
        copies = {path for path, code in codes.items() if code == DOUBLED}
        groups = group_series((path, facts) for path, facts in slices if path not in copies)
        named = _named(groups, [path for path in self._dicom if path not in copies])
        self._refused = dict.fromkeys(copies, DOUBLED)
        for name, group in named.items():
            if not codes.keys().isdisjoint(group.files):
                self._refused[name] = CONFLICT
        return named

    @cached_property
    def _dicom(self) -> list[str]:
        """Files that begin as DICOM with its preamble."""
        return [path for path in self.listing.files if _may_be_dicom(self.root / path)]

    def _scan(self, function: Callable[[Path], Found | None]) -> list[tuple[str, Found]]:
        """DICOM files with what a function finds in their headers, in worker processes."""
        if not self._dicom:
            return []
        paths = (resolve_inside(self.root, path) for path in self._dicom)
        found = []
        with (
            self._progress.task("headers", len(self._dicom)) as step,
            closing(run_in_workers(function, paths, jobs=self._config.jobs)) as results,  # type: ignore[type-var]
        ):
            for path, result in zip(self._dicom, results, strict=True):
                if result.value is not None:
                    found.append((path, result.value))
                step()
        return found


def _named(groups: list[SeriesGroup], files: list[str]) -> dict[str, SeriesGroup]:
    """Series by folder where it holds nothing else that is DICOM, else by first file."""
    in_folder: dict[str, int] = {}
    for path in files:
        folder = posixpath.dirname(path)
        in_folder[folder] = in_folder.get(folder, 0) + 1
    named = {}
    for group in groups:
        folders = {posixpath.dirname(path) for path in group.files}
        folder = next(iter(folders)) if len(folders) == 1 else ""
        is_alone = bool(folder) and in_folder[folder] == len(group.files)
        named[folder if is_alone else min(group.files, key=os.fsencode)] = group
    return named


def _may_be_dicom(path: Path) -> bool:
    """Whether the first bytes are those of a DICOM file with its preamble."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _list_inputs(source: Path) -> tuple[Path, Listing]:
    if not source.exists():
        raise InputError("no such file or folder", where=str(source))
    if source.is_dir():
        return source, list_files(source)
    return source.parent, Listing(files=[source.name] if source.is_file() else [])
