"""Ingest: files and a table of labels to records that tell nothing of a person."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medcli.checks import check_max_rejects
from medcli.cohorts.deidentify import is_blank, keyed_hash, parse_age, parse_code, parse_sex
from medcli.cohorts.layouts import LAYOUTS, Cohort, Entry, Refusal
from medcli.config import IngestConfig, Layout
from medcli.errors import DataError, InputError, UsageError
from medcli.formats.codes import CODES
from medcli.formats.folders import Listing, list_files
from medcli.formats.image import digest_and_scan
from medcli.formats.source import SourceHeader
from medcli.formats.tables import Table, read_table
from medcli.progress import SILENT, Progress
from medcli.stages._key import load_key
from medcli.store.atomic import check_creatable
from medcli.store.digests import digest_json
from medcli.store.manifest import Manifest
from medcli.store.sources import write_sources
from medcli.workers import run_in_workers

MAX_TEXT = 256
_DEFAULTS = IngestConfig()
_OF_TABLES = (
    *("delimiter", "key", "label", "separator", "patient", "group", "site", "device", "view", "age"),
    *("sex", "mask", "keep", "unmatched"),
)
_OF_ROWS = {"table/no-key", "table/no-file", "table/ragged-row"}


def run(config: IngestConfig, *, progress: Progress = SILENT) -> Manifest:
    """Records of every file that is an image, and a reason for every one that is not.

    Writes the private map from records to files beside the manifest (`store.sources`).

    Raises:
        UsageError: If options contradict each other or name absent columns.
        InputError: If the folder does not exist or holds no inputs.
        DataError: If the table is unusable, or more inputs are rejected than `max_rejects` allows.
    """
    layout = _choose_layout(config)
    check_max_rejects(0, num_inputs=1, limit=config.max_rejects)
    folder = config.output.absolute().parent if config.output else Path.cwd()
    check_creatable(folder / "sources.json", config.output)
    root, listing = _list_inputs(config.source)
    table = read_table(config.labels, delimiter=config.delimiter) if config.labels else None
    odd = dict(listing.odd)
    cohort = LAYOUTS[layout](sorted([*listing.files, *odd], key=os.fsencode), config, table)
    if not cohort.entries and not cohort.refusals:
        raise InputError("no file below the folder may be an image", where=str(config.source))
    work = _Work(load_key(config.key_file, progress=progress))
    _refuse_odd(cohort, odd)
    for refusal in cohort.refusals:
        work.refuse(refusal)
    _scan_entries(work, cohort.entries, root=root, jobs=config.jobs, progress=progress)
    num_inputs = len(cohort.entries) + len(cohort.refusals)
    assert num_inputs == len(work.records) + len(work.rejected), "an input was lost"
    if not work.records:
        last = work.rejected[-1]["reason"]
        raise DataError(
            f"none of {num_inputs} inputs can be used ({_counts(work.rejected)}); the last one: {last}",
            where=str(config.source),
            hint="the codes are explained in the manual page: medcli man ingest",
        )
    check_max_rejects(len(work.rejected), num_inputs=num_inputs, limit=config.max_rejects)
    manifest = Manifest(task=cohort.task, records=work.records, rejected=work.rejected)
    manifest.sources = write_sources(folder, root, work.sources)
    _add_history(manifest, config, table, layout=layout, num_skipped=cohort.num_skipped)
    _tell(progress, work, cohort, listing, num_inputs=num_inputs)
    if config.key_file and config.key_file.absolute().parent == folder:
        progress.note("the key of patient hashes lies beside the outputs: do not pass it on with them")
    return manifest


def _choose_layout(config: IngestConfig) -> Layout:
    """The declared layout, or `table` when there is one, or plain files."""
    layout = config.layout or (Layout.table if config.labels else Layout.files)
    if layout is Layout.table and not config.labels:
        raise UsageError("--layout table needs the table", hint="give --labels TABLE")
    if layout is not Layout.table and config.labels:
        raise UsageError(f"--layout {layout} and --labels do not go together")
    if layout is Layout.files and (config.task or config.classes):
        raise UsageError("nothing is labelled", hint="give --labels TABLE or --layout class-folders")
    idle = [name for name in _OF_TABLES if getattr(config, name) != getattr(_DEFAULTS, name)]
    if idle and not config.labels:
        raise UsageError(f"--{idle[0]} says how to read a table, but there is no --labels TABLE")
    return layout


def _list_inputs(source: Path) -> tuple[Path, Listing]:
    """The input folder and what is in it; a single file is a folder with that file."""
    if not source.exists():
        raise InputError("no such file or folder", where=str(source))
    if source.is_dir():
        return source, list_files(source)
    return source.parent, Listing(files=[source.name] if source.is_file() else [])


@dataclass
class _Work:
    """What has been settled so far; `key` is the secret of all hashes."""

    key: bytes
    records: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    sources: dict[str, dict[str, str]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)

    def refuse(self, refusal: Refusal) -> None:
        assert refusal.code in CODES, refusal.code
        identity = keyed_hash(refusal.name, key=self.key, kind="path")
        self.rejected.append({"id": identity, "code": refusal.code, "reason": refusal.reason})
        self.sources[identity] = {"row" if refusal.code in _OF_ROWS else "path": refusal.name}

    def admit(self, entry: Entry, sha256: str, header: SourceHeader) -> None:
        identity = keyed_hash(entry.path, key=self.key, kind="path")
        record: dict[str, Any] = {"id": identity, "sha256": sha256, "labels": entry.labels}
        patient = entry.identities.get("patient", "")
        identities = {**entry.identities, "patient": header.patient or "" if is_blank(patient) else patient}
        for kind in ("patient", "group"):
            if not is_blank(value := identities.get(kind, "")):
                record[kind] = keyed_hash(value, key=self.key, kind=kind)
        told = {name: value for name, value in entry.fields.items() if not is_blank(value)}
        for name, value in sorted({**header.fields, **told}.items()):
            if (parsed := parse_field(name, value)) is not None:
                record[name] = parsed
            elif not is_blank(value):
                self.dropped[name] += 1
        if entry.mask:
            record["has_mask"] = True
        if entry.kept:
            record["kept"] = entry.kept
        self.records.append(record)
        self.sources[identity] = {"path": entry.path, **({"mask": entry.mask} if entry.mask else {})}


def parse_field(name: str, value: str) -> Any:
    """A raw value of a record field as the manifest holds it; None when it is not one."""
    if name == "age":
        return parse_age(value)
    if name == "sex":
        return parse_sex(value)
    if name in {"view", "modality"}:
        return parse_code(value)
    return value if value and len(value) <= MAX_TEXT else None


def _refuse_odd(cohort: Cohort, odd: dict[str, str]) -> None:
    """Refuse links and special files, for what they are, in place of what the layout made of them."""
    if odd:
        settled = {entry.path for entry in cohort.entries} | {refusal.name for refusal in cohort.refusals}
        cohort.entries = [entry for entry in cohort.entries if entry.path not in odd]
        cohort.refusals = [refusal for refusal in cohort.refusals if refusal.name not in odd]
        refusals = [Refusal(path, code, f"not followed: {CODES[code]}") for path, code in odd.items()]
        cohort.refusals += [refusal for refusal in refusals if refusal.name in settled]


def _scan_entries(work: _Work, entries: list[Entry], *, root: Path, jobs: int, progress: Progress) -> None:
    """Digest and header of every file, in worker processes; what cannot be read is rejected."""
    paths = (root / entry.path for entry in entries)
    with (
        progress.task("ingest", len(entries)) as step,
        closing(run_in_workers(digest_and_scan, paths, jobs=jobs)) as results,  # type: ignore[type-var]
    ):
        for entry, result in zip(entries, results, strict=True):
            if result.error is None:
                work.admit(entry, *result.value)
            else:
                code = result.error.code or "file/unreadable"
                work.refuse(Refusal(entry.path, code, result.error.message))
            step()


def _add_history(
    manifest: Manifest, config: IngestConfig, table: Table | None, *, layout: Layout, num_skipped: int
) -> None:
    inputs = [("files", digest_json(sorted(record["sha256"] for record in manifest.records)))]
    if table is not None:
        inputs.append(("labels", table.sha256))
    manifest.add_history(
        "ingest",
        config,
        inputs,
        layout=str(layout),
        kept=len(manifest.records),
        rejected=len(manifest.rejected),
        skipped=num_skipped,
    )


def _counts(rejected: list[dict[str, Any]]) -> str:
    """Rejects by reason code, most frequent first, such as `decode/empty 2, table/no-file 1`."""
    counts = Counter(entry["code"] for entry in rejected)
    return ", ".join(f"{code} {count}" for code, count in sorted(counts.items(), key=lambda c: (-c[1], c[0])))


def _tell(progress: Progress, work: _Work, cohort: Cohort, listing: Listing, *, num_inputs: int) -> None:
    """What a person should hear; no names of files, which may identify."""
    for note in cohort.notes:
        progress.note(note)
    if listing.ignored:
        names = ", ".join(f"{name} {count}" for name, count in listing.ignored.items())
        progress.note(f"not looked at, by name: {names}")
    for name, count in sorted(work.dropped.items()):
        progress.note(f"{count} values of {name} make no sense and were left out")
    if work.rejected:
        progress.note(f"{len(work.rejected)} of {num_inputs} inputs rejected: {_counts(work.rejected)}")
    if any(entry["code"] in {"table/no-file", "table/no-row"} for entry in work.rejected):
        progress.note("--unmatched skip leaves out rows without a file and files without a row")
    if not any("patient" in record or "group" in record for record in work.records):
        progress.note("no patients are known; split will ask for them (--patient COLUMN declares them)")
