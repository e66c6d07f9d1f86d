"""Ingest: files and a table of labels to records that tell nothing of a person."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from medcli.checks import check_max_rejects
from medcli.cohorts.layouts import LAYOUTS, Cohort, Entry, Refusal, detect_layouts
from medcli.config import IngestConfig, Layout
from medcli.errors import DataError, InputError, UsageError
from medcli.formats.codes import CODES
from medcli.formats.source import BURNED_IN
from medcli.progress import SILENT, Progress
from medcli.stages._doubled import CONFLICT
from medcli.stages._evidence import gather
from medcli.stages._examine import Inspection, inspect
from medcli.stages._folder import InputFolder
from medcli.stages._key import load_key
from medcli.stages._records import Records
from medcli.store.atomic import check_apart, check_creatable, write_bytes
from medcli.store.digests import digest_json
from medcli.store.manifest import Manifest
from medcli.store.sources import source_bytes, write_sources
from medcli.workers import run_in_workers

_DEFAULTS = IngestConfig()
_OF_GIVEN_TABLES = (
    *("delimiter", "key", "separator", "patient", "group", "site", "device", "view", "age", "sex"),
    *("part", "mask"),
)
_OF_TABLES = (*_OF_GIVEN_TABLES, "label", "unmatched")

_WITHOUT_UIDS = (
    "an anonymiser may have given one to all; export again, or delete (0008,0018) in copies of the files"
)


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
    check_apart((config.output, config.report), (config.labels,))
    check_creatable(place / "sources.json", config.output, config.report)
    folder = InputFolder(config, progress=progress)
    layout = _choose_layout(config, folder, progress=progress)
    cohort: Cohort = LAYOUTS[layout].read(folder, config)
    if not cohort.entries and not cohort.refusals:
        raise InputError("no file below the folder may be an image", where=str(config.source))
    keywords = _keywords_of(config, cohort)
    work = Records(load_key(config.key_file, progress=progress), keywords)
    _refuse_odd(cohort, folder.odd)
    num_inputs = len(cohort.entries) + len(cohort.refusals)
    for refusal in cohort.refusals:
        work.refuse(refusal)
    if config.labels_only:
        folder.drop_tables()
        cohort.entries.reverse()
        while cohort.entries:  # each is let go once it is a record: there may be millions
            work.admit(cohort.entries.pop(), None)
    else:
        _read_entries(work, cohort.entries, folder=folder, config=config, progress=progress)
    assert num_inputs == len(work.records) + len(work.rejected), "an input was lost"
    if not work.records:
        last = work.rejected[-1]["reason"]
        raise DataError(
            f"none of {num_inputs} inputs can be used ({_counts(work.rejected)}); the last one: {last}",
            where=str(config.source),
            hint=_way_out({entry["code"] for entry in work.rejected}),
        )
    check_max_rejects(len(work.rejected), num_inputs=num_inputs, limit=config.max_rejects)
    manifest = Manifest(task=cohort.task, records=work.records, rejected=work.rejected)
    if not config.labels_only:
        manifest.sources = write_sources(place, folder.root, work.sources)
    manifest.evidence = gather(
        work.records, work.facts, task=cohort.task, dropped=work.dropped, sources=work.sources
    )
    _add_history(manifest, config, folder, layout=layout, num_skipped=cohort.num_skipped)
    _tell(progress, work, cohort, folder, num_inputs=num_inputs)
    if config.report is not None:
        _write_report(manifest, work, root=folder.root, config=config)
    if config.key_file and config.key_file.absolute().parent == place:
        progress.note("the key of patient hashes lies beside the outputs: do not pass it on with them")
    return manifest


def _write_report(manifest: Manifest, work: Records, *, root: Path, config: IngestConfig) -> None:
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


def _keywords_of(config: IngestConfig, cohort: Cohort) -> tuple[str, ...]:
    """The names of --keep that are no columns of the tables: DICOM keywords of the list that may be kept.

    Raises:
        UsageError: If one is none, or no image is read.
    """
    names = tuple(name for name in config.keep if name not in cohort.columns)
    if not names:
        return ()
    from medcli.formats.dicom_fields import KEEPABLE

    unknown = [name for name in names if name not in KEEPABLE or config.labels_only]
    if unknown:
        there = f"; columns are {', '.join(cohort.columns[:40])}" if cohort.columns else ""
        raise UsageError(
            f"--keep {unknown[0]}: neither a column of the table nor a DICOM keyword that may be kept{there}",
            hint=f"keywords are {', '.join(KEEPABLE)}",
        )
    return names


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


def _refuse_odd(cohort: Cohort, odd: dict[str, str]) -> None:
    """Refuse what has a reason code by its name, in place of what the layout made of it."""
    if odd:
        settled = {entry.path for entry in cohort.entries} | {refusal.name for refusal in cohort.refusals}
        cohort.entries = [entry for entry in cohort.entries if entry.path not in odd]
        cohort.refusals = [refusal for refusal in cohort.refusals if refusal.name not in odd]
        refusals = [Refusal(path, code, CODES[code]) for path, code in odd.items()]
        cohort.refusals += [refusal for refusal in refusals if refusal.name in settled]


def _read_entries(
    work: Records, entries: list[Entry], *, folder: InputFolder, config: IngestConfig, progress: Progress
) -> None:
    """What the files of every entry hold, found out in worker processes; what cannot be read is rejected."""
    entries[:] = [_located(entry, folder) for entry in entries]
    jobs = (
        Inspection(folder.root, entry.source or {"path": entry.path}, config.quick, entry.mask)
        for entry in entries
    )
    with (
        progress.task("ingest", len(entries)) as step,
        closing(run_in_workers(inspect, jobs, jobs=config.jobs, size_of=_size)) as results,  # type: ignore[type-var]
    ):
        for entry, result in zip(entries, results, strict=True):
            if result.error is None:
                work.admit(entry, result.value)
            else:
                code = result.error.code or "file/unreadable"
                work.refuse(Refusal(entry.path, code, result.error.message))
            step()
    work.settle_doubled()


def _size(job: Inspection) -> int:
    return source_bytes(job.root, job.source)


def _located(entry: Entry, folder: InputFolder) -> Entry:
    """The entry with its source: that of the input that it is called after, where it has none of its own."""
    return entry if entry.source is not None else replace(entry, source=folder.source(entry.path))


def _add_history(
    manifest: Manifest, config: IngestConfig, folder: InputFolder, *, layout: Layout, num_skipped: int
) -> None:
    inputs = []
    if not config.labels_only:
        inputs.append(("files", digest_json(sorted(record["sha256"] for record in manifest.records))))
    if folder.given_sha256:
        inputs.append(("labels", folder.given_sha256))
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


def _way_out(codes: set[str]) -> str:
    """What to do when everything was rejected, and these are the reasons."""
    if codes == {"table/no-file"}:
        return "--labels-only takes the tables alone"
    if CONFLICT in codes:
        return _WITHOUT_UIDS
    return "the codes are explained in the manual page: medcli man ingest"


def _counts(rejected: list[dict[str, Any]]) -> str:
    """Rejects by reason code, most frequent first, such as `decode/empty 2, table/no-file 1`."""
    counts = Counter(entry["code"] for entry in rejected)
    return ", ".join(f"{code} {count}" for code, count in sorted(counts.items(), key=lambda c: (-c[1], c[0])))


def _tell(progress: Progress, work: Records, cohort: Cohort, folder: InputFolder, *, num_inputs: int) -> None:
    """What a person should hear; no names of files, which may identify."""
    for note in cohort.notes:
        progress.note(note)
    if ignored := folder.ignored:
        names = ", ".join(f"{name} {count}" for name, count in ignored.items())
        progress.note(f"not looked at, by name: {names}")
    if cohort.task is None and any("/" in entry.path for entry in cohort.entries):
        progress.note(
            "nothing is labelled: --layout class-folders takes folders as classes, --labels a table"
        )
    for name, count in sorted(work.dropped.items()):
        progress.note(f"{count} values of {name} make no sense and were left out")
    if num_marked := sum(BURNED_IN in record.get("quality", ()) for record in work.records):
        progress.note(f"{num_marked} images are marked, or likely, to have burned-in text: look at them")
    if work.rejected:
        progress.note(f"{len(work.rejected)} of {num_inputs} inputs rejected: {_counts(work.rejected)}")
    if num_conflicts := sum(entry["code"] == CONFLICT for entry in work.rejected):
        progress.note(f"{num_conflicts} images share SOP Instance UIDs but differ: {_WITHOUT_UIDS}")
    if any(entry["code"] in {"table/no-file", "table/no-row"} for entry in work.rejected):
        progress.note("--unmatched skip leaves out rows without a file and files without a row")
    if not any("patient" in record or "group" in record for record in work.records):
        hint = " (--patient COLUMN declares them)" if folder.given_sha256 else ""
        progress.note(f"no patients are known; split will ask for them{hint}")
