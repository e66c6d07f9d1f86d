"""Phantom cohorts: images with planted findings, tables that say where, and names that must not leak.

A cohort grows in a hidden folder inside the output and moves up when it is complete, labels.csv last. So
a killed run leaves nothing that looks like a cohort, and the same line run again starts afresh.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from medcli.config import Phantom, SynthConfig
from medcli.errors import OutputError, UsageError
from medcli.progress import SILENT, Progress
from medcli.stages._phantom_patients import Patient, label_columns, make_patient
from medcli.stages._phantom_plans import NUM_READERS, classes_of
from medcli.store.atomic import locked, storage_errors
from medcli.workers import available_cpus, run_in_workers

UNFINISHED = ".unfinished"
MIN_SIZE = 32
PATIENTS_WORTH_A_WORKER = 8

_FIELDS = ("path", "patient", "group", "site", "device", "view", "age", "sex", "mask")
_TABLES = ("boxes.csv", "canaries.txt", "readers.csv", "truth.csv", "labels.csv")


@dataclass(frozen=True)
class _Job:
    config: SynthConfig
    folder: Path
    number: int
    classes: tuple[str, ...]


def run(config: SynthConfig, *, progress: Progress = SILENT) -> dict[str, Any]:
    """Write a cohort into a new or empty folder and count what is in it.

    Returns:
        Kind, number of patients and images, and the names of the classes.

    Raises:
        UsageError: If an option is outside its range.
        OutputError: If the folder holds something else, or cannot be made.
    """
    _check(config)
    # A folder that is the working directory has no name of its own to lock.
    config = config if config.output.name else replace(config, output=config.output.resolve())
    with locked(config.output), _growing_folder(config.output) as folder:
        num_images = _fill(config, folder, progress)
    kinds = {"cxr": "multilabel"}
    return {
        "kind": str(config.kind),
        "task": kinds.get(config.kind, "multiclass"),
        "patients": config.patients,
        "images": num_images,
        "labels": str(config.output / "labels.csv"),
    }


def _check(config: SynthConfig) -> None:
    if config.patients < 1:
        raise UsageError(f"--patients is {config.patients}, it must be at least 1")
    if config.size < MIN_SIZE:
        raise UsageError(f"--size is {config.size}, it must be at least {MIN_SIZE}")
    for name, share in (("--uncertain", config.uncertain), ("--blank", config.blank)):
        if not 0 <= share <= 1:
            raise UsageError(f"{name} is {share}, it must be between 0 and 1")
    if config.uncertain + config.blank > 1:
        raise UsageError("--uncertain and --blank are more than 1 together")


@contextmanager
def _growing_folder(output: Path) -> Iterator[Path]:
    """A hidden folder inside `output` whose content moves up on success and is removed on failure."""
    was_there = output.is_dir()
    folder = output / UNFINISHED
    with storage_errors(output):
        _clear_remains(output)
        folder.mkdir(parents=True)
    try:
        yield folder
        with storage_errors(output):
            names = sorted(os.listdir(folder), key=lambda name: (name == "labels.csv", name))
            for name in names:
                os.replace(folder / name, output / name)
            folder.rmdir()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            if not was_there:
                output.rmdir()
        raise


def _clear_remains(output: Path) -> None:
    """Remove what a killed run left; refuse a folder that holds anything else.

    While the hidden folder exists, the cohort is not complete, and what carries our names is ours.
    """
    if not output.exists():
        return
    if not output.is_dir():
        raise OutputError("it is a file, a folder is needed", where=str(output))
    found = set(os.listdir(output))
    ours = {UNFINISHED, "images", "masks", *_TABLES} if UNFINISHED in found else set()
    if found - ours:
        raise OutputError(
            f"the folder is not empty ({len(found)} entries)",
            where=str(output),
            hint="name a new folder, or empty this one",
        )
    for name in sorted(found - {UNFINISHED}):
        path = output / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if UNFINISHED in found:
        shutil.rmtree(output / UNFINISHED)


def _fill(config: SynthConfig, folder: Path, progress: Progress) -> int:
    """Write all patients and tables; returns the number of images. Memory does not grow with the cohort."""
    with storage_errors(folder), ExitStack() as stack:
        (folder / "images").mkdir()
        (folder / "masks").mkdir()
        tables = {name: stack.enter_context(_new_file(folder / name)) for name in _tables_of(config.kind)}
        labels = label_columns(config.kind)
        extra = {Phantom.derm: ["localisation"], Phantom.ct: ["series"]}.get(config.kind, [])
        columns = {
            "labels.csv": [*_FIELDS, *labels, *extra],
            "truth.csv": ["path", *labels, *(["diameter_mm"] if config.kind is Phantom.ct else [])],
            "boxes.csv": ["path", "class", "x", "y", "width", "height"],
            "readers.csv": ["series", "patient", *(f"reader_{k + 1}" for k in range(NUM_READERS)), "median"],
        }
        writers = {name: _header(file, columns[name]) for name, file in tables.items() if name in columns}
        seen: set[str] = set()
        num_images = 0
        step = stack.enter_context(progress.task("draw", config.patients))
        for patient in stack.enter_context(closing(_patients(config, folder))):
            for name, writer in writers.items():
                writer.writerows(getattr(patient, name.removesuffix(".csv")))
            new = [text for text in dict.fromkeys(patient.canaries) if text not in seen]
            tables["canaries.txt"].writelines(f"{text}\n" for text in new)
            seen.update(new)
            num_images += len(patient.labels)
            step()
    return num_images


def _tables_of(kind: Phantom) -> list[str]:
    return [name for name in _TABLES if name != "readers.csv" or kind is Phantom.ct]


def _new_file(path: Path) -> TextIO:
    return path.open("x", encoding="utf-8", newline="")


def _header(file: TextIO, columns: list[str]) -> csv.DictWriter:
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    return writer


def _patients(config: SynthConfig, folder: Path) -> Generator[Patient]:
    """Patients in order, their files written; in other processes when that saves time."""
    classes = classes_of(config)
    items = (_Job(config, folder, number, classes) for number in range(config.patients))
    jobs = min(config.jobs or available_cpus(), config.patients // PATIENTS_WORTH_A_WORKER)
    if jobs < 2:
        yield from map(_write_patient, items)
        return
    for result in run_in_workers(_write_patient, items, jobs=jobs):
        if result.error is not None:
            raise result.error
        yield result.value


def _write_patient(job: _Job) -> Patient:
    """Draw one patient and write the files; returns the rest."""
    patient = make_patient(job.config, job.number, job.classes)
    for path, content in patient.files.items():
        target = job.folder / path
        with storage_errors(target, needed=len(content)):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    patient.files = {}
    return patient
