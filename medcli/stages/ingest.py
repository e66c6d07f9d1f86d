"""Ingest: files and a table of labels to records that tell nothing of a person."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from medcli.checks import check_max_rejects
from medcli.cohorts.deidentify import is_blank, keyed_hash, parse_age, parse_code, parse_sex
from medcli.cohorts.layouts import LAYOUTS, Cohort, Entry, Refusal, detect_layouts
from medcli.config import IngestConfig, Layout
from medcli.errors import DataError, InputError, UsageError
from medcli.formats.codes import CODES
from medcli.formats.source import BURNED_IN
from medcli.progress import SILENT, Progress
from medcli.stages._doubled import judge_records
from medcli.stages._evidence import gather
from medcli.stages._examine import Findings, Inspection, inspect
from medcli.stages._folder import InputFolder
from medcli.stages._key import load_key
from medcli.store.atomic import check_creatable, write_bytes
from medcli.store.digests import digest_json
from medcli.store.manifest import Manifest
from medcli.store.sources import write_sources
from medcli.workers import run_in_workers

MAX_TEXT = 256
PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_DEFAULTS = IngestConfig()
_OF_GIVEN_TABLES = (
    *("delimiter", "key", "separator", "patient", "group", "site", "device", "view", "age", "sex"),
    *("part", "mask"),
)
_OF_TABLES = (*_OF_GIVEN_TABLES, "label", "keep", "unmatched")
_OF_ROWS = {"table/no-key", "table/no-file", "table/ragged-row"}


def run(config: IngestConfig, *, progress: Progress = SILENT) -> Manifest:
    """Records of every input that is an image, and a reason for every one that is not.

    Writes the private map from records to files beside the manifest (`store.sources`).

    Raises:
        UsageError: If options contradict each other or name absent columns.
        InputError: If the folder does not exist or holds no inputs.
        DataError: If the layout is not what the folder holds, the table is unusable, or more inputs are
        rejected
            than `max_rejects` allows.
    """
    check_max_rejects(0, num_inputs=1, limit=config.max_rejects)
    _check_options(config)
    place = config.output.absolute().parent if config.output else Path.cwd()
    check_creatable(place / "sources.json", config.output, config.report)
    folder = InputFolder(config, progress=progress)
    layout = _choose_layout(config, folder, progress=progress)
    cohort: Cohort = LAYOUTS[layout].read(folder, config)
    if not cohort.entries and not cohort.refusals:
        raise InputError("no file below the folder may be an image", where=str(config.source))
    work = _Work(load_key(config.key_file, progress=progress))
    _refuse_odd(cohort, folder.odd)
    for refusal in cohort.refusals:
        work.refuse(refusal)
    if config.labels_only:
        for entry in cohort.entries:
            work.admit(entry, None)
    else:
        _read_entries(work, cohort.entries, folder=folder, config=config, progress=progress)
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
    if not config.labels_only:
        manifest.sources = write_sources(place, folder.root, work.sources)
    manifest.evidence = gather(work.records, work.facts, task=cohort.task, dropped=work.dropped)
    _add_history(manifest, config, folder, layout=layout, num_skipped=cohort.num_skipped)
    _tell(progress, work, cohort, folder, num_inputs=num_inputs)
    if config.report is not None:
        _write_report(manifest, work, root=folder.root, config=config)
    if config.key_file and config.key_file.absolute().parent == place:
        progress.note("the key of patient hashes lies beside the outputs: do not pass it on with them")
    return manifest


def _write_report(manifest: Manifest, work: _Work, *, root: Path, config: IngestConfig) -> None:
    from medcli.stages._ingest_report import make_report

    assert config.report is not None
    html = make_report(manifest, root=root, sources=work.sources, jobs=config.jobs)  # type: ignore[arg-type]
    write_bytes(config.report, html.encode())


def _check_options(config: IngestConfig) -> None:
    """Refuse options that contradict each other, before anything is read."""
    layout = config.layout
    if layout is Layout.table and not config.labels:
        raise UsageError("--layout table needs the table", hint="give --labels TABLE")
    if layout not in {None, Layout.table} and config.labels:
        raise UsageError(f"--layout {layout} and --labels do not go together")
    if config.labels_only and layout in {Layout.files, Layout.class_folders}:
        raise UsageError(f"--layout {layout} has no labels without files")
    if not config.labels:
        _refuse_idle(config, _OF_GIVEN_TABLES)


def _refuse_idle(config: IngestConfig, names: tuple[str, ...]) -> None:
    idle = [name for name in names if getattr(config, name) != getattr(_DEFAULTS, name)]
    if idle:
        raise UsageError(f"--{idle[0]} says how to read a table, but there is no --labels TABLE")


def _choose_layout(config: IngestConfig, folder: InputFolder, *, progress: Progress) -> Layout:
    """The declared layout; else `table` with --labels; else the one that is detected, which is said.

    Raises:
        UsageError: If several layouts are detected.
    """
    layout = config.layout or (Layout.table if config.labels else None)
    if layout is None:
        found = detect_layouts(folder)
        if len(found) > 1:
            signs = "; ".join(f"{name} ({sign})" for name, sign in found.items())
            raise UsageError(f"the folder looks like several layouts: {signs}", hint="choose with --layout")
        layout = next(iter(found), Layout.files)
        if found:
            progress.note(f"layout: {layout} ({found[layout]})")
    if layout in {Layout.files, Layout.class_folders}:
        _refuse_idle(config, _OF_TABLES)
    if layout is Layout.files and (config.task or config.classes or config.labels_only):
        raise UsageError("nothing is labelled", hint="give --labels TABLE or --layout class-folders")
    return layout


@dataclass
class _Work:
    """What has been settled so far; `key` is the secret of all hashes."""

    key: bytes
    records: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    uids: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)

    def refuse(self, refusal: Refusal) -> None:
        assert refusal.code in CODES, refusal.code
        identity = keyed_hash(refusal.name, key=self.key, kind="path")
        self.rejected.append({"id": identity, "code": refusal.code, "reason": refusal.reason})
        self.sources[identity] = {"row" if refusal.code in _OF_ROWS else "path": refusal.name}

    def admit(self, entry: Entry, findings: Findings | None) -> None:
        """Add a record; `findings` is None where images are not looked at."""
        identity = keyed_hash(entry.path, key=self.key, kind="path")
        record: dict[str, Any] = {"id": identity, "labels": entry.labels}
        header = findings.header if findings else None
        if findings:
            record["sha256"] = findings.sha256
            record |= _of_pixels(findings)
            if findings.facts:
                self.facts[identity] = findings.facts
            if findings.header.uid and entry.source == {"path": entry.path}:
                self.uids.setdefault(findings.header.uid, {}).setdefault(entry.path, []).append(identity)
        self._identify(record, entry, (header and header.patient) or "")
        self._tell_fields(record, entry, header.fields if header else {})
        if entry.boxes:
            record["boxes"] = entry.boxes
        if entry.readers:
            record["readers"] = entry.readers
        if entry.mask:
            record["has_mask"] = True
            if findings and findings.mask_sha256:
                record["mask_sha256"] = findings.mask_sha256
        if entry.kept:
            record["kept"] = entry.kept
        self.records.append(record)
        source: dict[str, Any] = {**(entry.source or {"path": entry.path})}
        self.sources[identity] = {**source, "mask": entry.mask} if entry.mask else source

    def settle_doubled(self) -> None:
        """Refuse copies of DICOM objects, and all that contradict each other."""
        shared = {uid: files for uid, files in self.uids.items() if len(files) > 1}
        records = {record["id"]: record for record in self.records} if shared else {}
        refused = dict(judge_records(shared, records))
        self.records = [record for record in self.records if record["id"] not in refused]
        for identity, refusal in refused.items():
            self.facts.pop(identity, None)
            self.refuse(refusal)

    def _identify(self, record: dict[str, Any], entry: Entry, of_header: str) -> None:
        patient = entry.identities.get("patient", "")
        identities = {**entry.identities, "patient": of_header if is_blank(patient) else patient}
        for kind in ("patient", "group"):
            if not is_blank(value := identities.get(kind, "")):
                record[kind] = keyed_hash(value, key=self.key, kind=kind)

    def _tell_fields(self, record: dict[str, Any], entry: Entry, of_header: dict[str, Any]) -> None:
        told = {name: value for name, value in entry.fields.items() if not is_blank(value)}
        for name, value in sorted({**of_header, **told}.items()):
            if (parsed := parse_field(name, value)) is not None:
                record[name] = parsed
            elif not is_blank(value):
                self.dropped[name] += 1


def _of_pixels(findings: Findings) -> dict[str, Any]:
    """What a record says of the decoded pixels."""
    said: dict[str, Any] = {}
    if findings.pixels_sha256:
        said["pixels_sha256"] = findings.pixels_sha256
    if findings.spacing_mm:
        said["spacing_mm"] = list(findings.spacing_mm)
    flags = {*findings.header.flags, *(findings.facts or {}).get("flags", ())}
    if flags:
        said["quality"] = sorted(flags)
    return said


def parse_field(name: str, value: str) -> Any:
    """A raw value of a record field as the manifest holds it; None when it is not one."""
    if name == "age":
        return parse_age(value)
    if name == "sex":
        return parse_sex(value)
    if name in {"view", "modality"}:
        return parse_code(value)
    if name == "part":
        return PARTS.get(value.strip().lower())
    return value if value and len(value) <= MAX_TEXT else None


def _refuse_odd(cohort: Cohort, odd: dict[str, str]) -> None:
    """Refuse what has a reason code by its name, in place of what the layout made of it."""
    if odd:
        settled = {entry.path for entry in cohort.entries} | {refusal.name for refusal in cohort.refusals}
        cohort.entries = [entry for entry in cohort.entries if entry.path not in odd]
        cohort.refusals = [refusal for refusal in cohort.refusals if refusal.name not in odd]
        refusals = [Refusal(path, code, CODES[code]) for path, code in odd.items()]
        cohort.refusals += [refusal for refusal in refusals if refusal.name in settled]


def _read_entries(
    work: _Work, entries: list[Entry], *, folder: InputFolder, config: IngestConfig, progress: Progress
) -> None:
    """What the files of every entry hold, found out in worker processes; what cannot be read is rejected."""
    entries[:] = [_located(entry, folder) for entry in entries]
    jobs = (
        Inspection(folder.root, entry.source or {"path": entry.path}, config.quick, entry.mask)
        for entry in entries
    )
    with (
        progress.task("ingest", len(entries)) as step,
        closing(run_in_workers(inspect, jobs, jobs=config.jobs)) as results,  # type: ignore[type-var]
    ):
        for entry, result in zip(entries, results, strict=True):
            if result.error is None:
                work.admit(entry, result.value)
            else:
                code = result.error.code or "file/unreadable"
                work.refuse(Refusal(entry.path, code, result.error.message))
            step()
    work.settle_doubled()


def _located(entry: Entry, folder: InputFolder) -> Entry:
    """The entry with its source: that of the input that it is called after, where it has none of its own."""
    return entry if entry.source is not None else replace(entry, source=folder.source(entry.path))


def _add_history(
    manifest: Manifest, config: IngestConfig, folder: InputFolder, *, layout: Layout, num_skipped: int
) -> None:
    inputs = []
    if not config.labels_only:
        inputs.append(("files", digest_json(sorted(record["sha256"] for record in manifest.records))))
    if folder.given is not None:
        inputs.append(("labels", folder.given.sha256))
    inputs += [("table", sha256) for sha256 in sorted(folder.tables_read.values())]
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


def _tell(progress: Progress, work: _Work, cohort: Cohort, folder: InputFolder, *, num_inputs: int) -> None:
    """What a person should hear; no names of files, which may identify."""
    for note in cohort.notes:
        progress.note(note)
    if folder.listing.ignored:
        names = ", ".join(f"{name} {count}" for name, count in folder.listing.ignored.items())
        progress.note(f"not looked at, by name: {names}")
    for name, count in sorted(work.dropped.items()):
        progress.note(f"{count} values of {name} make no sense and were left out")
    if num_marked := sum(BURNED_IN in record.get("quality", ()) for record in work.records):
        progress.note(f"{num_marked} images are marked, or likely, to have burned-in text: look at them")
    if work.rejected:
        progress.note(f"{len(work.rejected)} of {num_inputs} inputs rejected: {_counts(work.rejected)}")
    if any(entry["code"] in {"table/no-file", "table/no-row"} for entry in work.rejected):
        progress.note("--unmatched skip leaves out rows without a file and files without a row")
    if not any("patient" in record or "group" in record for record in work.records):
        progress.note("no patients are known; split will ask for them (--patient COLUMN declares them)")
