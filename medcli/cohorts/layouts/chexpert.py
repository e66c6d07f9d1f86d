"""Layout `chexpert`: the chest films of Stanford, labelled 1, 0, -1 (uncertain) or blank (not mentioned).

in/
  train.csv  valid.csv          paths, sex, age, views and 14 observations
  groundtruth.csv               of the test part, by study
  radiologists/**/NAME.csv      what readers of the test part said, by study
  train/patient00001/study1/view1_frontal.jpg
                                also below CheXpert-v1.0[-small]/

Reference: Irvin et al., CheXpert, AAAI 2019.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from medcli.cohorts.layouts.cohort import Cohort, Entry, Folder, Refusal, Rows, make_task
from medcli.cohorts.layouts.columns import kept_cells, kept_columns
from medcli.cohorts.layouts.published import (
    absent,
    chosen_classes,
    column_of,
    find,
    one_of_each,
    rows_by_key,
    settle_unmatched,
)
from medcli.config import IngestConfig, Task

OBSERVATIONS = (
    *("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema"),
    *("Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other"),
    *("Fracture", "Support Devices"),
)
_BY_VIEW = {"train": r"train\.csv(\.gz)?", "val": r"valid\.csv(\.gz)?"}
_BY_STUDY = r"groundtruth\.csv(\.gz)?"
_STATES = {"1.0": 1, "0.0": 0, "-1.0": -1, "1": 1, "0": 0, "-1": -1}
_NO_STUDY = "the path does not end in part, patient and study"


def detect(folder: Folder) -> str:
    """What shows that this is the set; empty when nothing does."""
    name = find(folder, _BY_VIEW["train"])
    if name and {"Path", "Frontal/Lateral", "No Finding"} <= set(folder.table(name).columns):
        return name
    name = find(folder, _BY_STUDY)
    return name if name and {"Study", "No Finding"} <= set(folder.table(name).columns) else ""


def read(folder: Folder, config: IngestConfig) -> Cohort:
    """A record a film (of the test part without images, a record a study), with its 14 observations.

    Labels keep what the source says: 1, 0, -1; a blank is absent. Views are AP, PA, LATERAL. Patient and
    study are taken from the path, the study as group.

    Raises:
        DataError: If no table is there, or one lacks its columns.
    """
    classes = chosen_classes(config, OBSERVATIONS)
    cohort = Cohort(make_task(Task.multilabel, classes, source="the layout"), [])
    films = one_of_each(_films(folder), cohort)
    tables = [(part, find(folder, pattern)) for part, pattern in _BY_VIEW.items()]
    studies = find(folder, _BY_STUDY)
    if not studies and not any(name for _, name in tables):
        absent("train.csv, valid.csv or groundtruth.csv", layout="chexpert")
    rows: dict[str, Entry | None] = {}
    for part, name in tables:
        if name:
            table = folder.table(name)
            cohort.columns += table.columns
            kept = kept_columns(table, config)
            rows |= _rows_by_view(table, classes, part=part, kept=kept, cohort=cohort)
    if studies:
        readers = _readers(folder, classes, truth=studies)
        truth = _rows_by_study(folder.table(studies), classes, readers=readers, cohort=cohort)
        rows |= truth if config.labels_only else _spread_over_views(truth, films)
    if config.labels_only:
        cohort.entries += [entry for entry in rows.values() if entry]
        return cohort
    for key, entry in rows.items():
        if entry:
            cohort.entries += [replace(entry, path=path) for path in films.get(key, [])]
    settle_unmatched(cohort, rows, films, config)
    return cohort


def _films(folder: Folder) -> dict[str, list[str]]:
    """Inputs by part, patient, study and view, however deep the set lies."""
    found: dict[str, list[str]] = {}
    for path in folder.inputs:
        found.setdefault("/".join(path.split("/")[-4:]), []).append(path)
    return found


def _rows_by_view(
    table: Rows, classes: list[str], *, part: str, kept: dict[str, int], cohort: Cohort
) -> dict[str, Entry | None]:
    path = column_of(table, "Path")
    fields = {
        "sex": column_of(table, "Sex"),
        "age": column_of(table, "Age"),
        "side": column_of(table, "Frontal/Lateral"),
        "view": column_of(table, "AP/PA"),
    }
    labels = [(name, column_of(table, name)) for name in classes]
    entries: dict[str, Entry | None] = {}
    for name, row in rows_by_key(table, path, cohort).items():
        key = "/".join(name.split("/")[-4:])
        if key.count("/") != 3:
            cohort.refusals.append(Refusal(name, "table/no-key", _NO_STUDY))
            continue
        said = _labels(row, labels, cohort=cohort, name=name)
        view = "LATERAL" if row[fields["side"]] == "Lateral" else row[fields["view"]]
        facts = {"sex": row[fields["sex"]], "age": row[fields["age"]], "view": view, "part": part}
        values = kept_cells(row, kept)
        entries[key] = None if said is None else Entry(key, said, _identities(key), facts, values)
    return entries


def _rows_by_study(
    table: Rows, classes: list[str], *, readers: dict[str, dict[str, dict[str, float]]], cohort: Cohort
) -> dict[str, Entry | None]:
    study = column_of(table, "Study")
    labels = [(name, column_of(table, name)) for name in classes]
    entries: dict[str, Entry | None] = {}
    for name, row in rows_by_key(table, study, cohort).items():
        key = "/".join(name.split("/")[-3:])
        if key.count("/") != 2:
            cohort.refusals.append(Refusal(name, "table/no-key", _NO_STUDY))
            continue
        said = _labels(row, labels, cohort=cohort, name=name)
        facts = {"part": "test", "truth": "panel of readers"}
        entry = said is not None and Entry(
            key, said, _identities(key + "/"), facts, readers=readers.get(key, {})
        )
        entries[key] = entry or None
    return entries


def _spread_over_views(
    truth: dict[str, Entry | None], films: dict[str, list[str]]
) -> dict[str, Entry | None]:
    """What is known of a study, for each of its films; a study without a film keeps its own key."""
    views: dict[str, list[str]] = {}
    for key in films:
        views.setdefault(posixpath.dirname(key), []).append(key)
    return {view: entry for study, entry in truth.items() for view in views.get(study, [study])}


def _labels(
    row: list[str], columns: list[tuple[str, int]], *, cohort: Cohort, name: str
) -> dict[str, int] | None:
    labels = {}
    for label, column in columns:
        if cell := row[column]:
            if cell not in _STATES:
                cohort.refusals.append(Refusal(name, "table/bad-label", "a label is not 1, 0, -1 or blank"))
                return None
            labels[label] = _STATES[cell]
    return labels


def _identities(key: str) -> dict[str, str]:
    """Patient and study from `train/patient00001/study1/view1_frontal.jpg`."""
    _, patient, study = key.split("/")[:3]
    return {"patient": patient, "group": f"{patient}/{study}"}


def _readers(folder: Folder, classes: list[str], *, truth: str) -> dict[str, dict[str, dict[str, float]]]:
    """Study to reader to what that reader said, from every table by study but the truth itself."""
    said: dict[str, dict[str, dict[str, float]]] = {}
    for reader, table in _reader_tables(folder, truth=truth):
        study = column_of(table, "Study")
        labels = [(name, table.columns.index(name)) for name in classes if name in table.columns]
        for row in table.rows:
            if len(row) < len(table.columns):
                continue
            values: dict[str, Any] = {
                name: _STATES[row[column]] for name, column in labels if row[column] in _STATES
            }
            said.setdefault("/".join(row[study].split("/")[-3:]), {})[reader] = values
    return said


def _reader_tables(folder: Folder, *, truth: str) -> Iterator[tuple[str, Rows]]:
    for name in folder.others:
        is_reader = "radiologists/" in f"/{name}" and name.endswith((".csv", ".csv.gz")) and name != truth
        if is_reader:
            table = folder.table(name)
            if "Study" in table.columns:
                yield posixpath.basename(name).split(".")[0], table
