"""Predictions to be judged: of a manifest, of a predictions file, or of a table from any tool."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from medcli.calibration.scores import check_sums, is_exclusive
from medcli.cohorts.deidentify import is_blank, keyed_hash, parse_age, parse_sex
from medcli.cohorts.policies import POLICIES, targets_from_labels
from medcli.config import LabelPolicy, ScoreKind
from medcli.errors import DataError, InputError, UsageError, at
from medcli.formats.score_table import SCORE, TARGET, ScoreTable, read_scores
from medcli.formats.tables import read_table
from medcli.stages._key import load_key
from medcli.store.digests import sha256_file
from medcli.store.manifest import Manifest, load
from medcli.store.predictions import Predictions, read_predictions
from medcli.store.references import Reference, display, reference, verify

TABLES = (".csv", ".tsv", ".tab", ".csv.gz", ".tsv.gz", ".tab.gz")
PARTS = ("train", "val", "test", "external")
_PATIENTS = {
    *(f"{who}{what}" for who in ("patient", "subject") for what in ("", "id", "key", "no", "nr", "number")),
    "pid",
    "mrn",
}
_SHORT_FIELDS = ("site", "device", "view")


class TableOptions(Protocol):
    """How a table of scores is read; every command that takes one has these settings."""

    @property
    def truth(self) -> Path | None: ...
    @property
    def key(self) -> str: ...
    @property
    def patient(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def score(self) -> str: ...
    @property
    def scores(self) -> ScoreKind: ...
    @property
    def key_file(self) -> Path | None: ...


def is_table(source: str) -> bool:
    """Whether a source is read as a table: by its name, as everywhere with tables."""
    return source.lower().endswith(TABLES)


def load_source(source: str, options: TableOptions, *, part: str) -> Manifest:
    """The manifest of a source; a table becomes one that names its rows as predictions.

    Args:
        source: Manifest, predictions file, table, or `-`.
        options: How a table is read.
        part: What the rows of a table without a column `part` are: val, test, ...

    Raises:
        UsageError: If options about tables are given for anything else.
        InputError: If a table is a pipe.
    """
    _refuse_pipes([*([Path(source)] if is_table(source) else []), *filter(None, [options.truth])])
    if not is_table(source):
        if options.truth is not None:
            raise UsageError("--truth goes with a table of scores", hint="a manifest has its own labels")
        return load(source)
    path = Path(source)
    facts: dict[str, Any] = {
        "table": {"key": options.key, "patient": options.patient, "scores": str(options.scores)}
    }
    facts["table"] |= {name: column for name in (TARGET, SCORE) if (column := getattr(options, name)) != name}
    if options.truth is not None:
        facts["table"]["truth"] = reference(options.truth, sha256_file(options.truth))
    if options.key_file is not None:
        facts["table"]["key_file"] = str(options.key_file.absolute())
    ref = reference(path, sha256_file(path), **facts)
    table = _read_table(ref)
    found = sorted(set(table.others.get("part", ())))
    if wrong := [name for name in found if name not in PARTS]:
        raise DataError(
            f"the column part holds {wrong[0]!r}, it must be {', '.join(PARTS)}", where=display(path)
        )
    task = {"type": table.task_type, "classes": table.classes}
    return Manifest(task=task, predictions={name: {**ref, "part": name} for name in found or [part]})


def _refuse_pipes(tables: list[Path]) -> None:
    for table in tables:
        if table.exists() and not (table.is_file() or table.is_dir()):
            raise InputError(
                "it is a pipe or a device, and a table is read more than once",
                where=str(table),
                hint="save it as a file",
            )


def predictions_of(manifest: Manifest, part: str) -> Reference:
    """The reference to a part's predictions.

    Raises:
        DataError: If the manifest has none.
    """
    if part in manifest.predictions:
        return manifest.predictions[part]
    if not manifest.predictions:
        raise DataError("the manifest has no predictions", hint="run medcli train or medcli predict first")
    parts = ", ".join(sorted(manifest.predictions))
    raise DataError(f"there are no predictions of {part}, only of {parts}", hint="--part names one of them")


def open_predictions(ref: Reference, *, policy: LabelPolicy = LabelPolicy.stored) -> Predictions:
    """The predictions that a reference names, with targets under a policy.

    `stored` takes the targets as they were made; of a table, where -1 and blank are unknown.
    """
    path = verify(ref)
    with at(display(path)):
        predictions = _from_table(ref) if "table" in ref else read_predictions(ref)
    return predictions if policy is LabelPolicy.stored else under_policy(predictions, policy)


def unread_patients(predictions: Predictions) -> list[str]:
    """A line where a table has a column that is called like one of patients, and none was read."""
    column = predictions.header.get("unread_patients")
    if column is None:
        return []
    return [
        f"patients are not known, though there is a column {column!r}: --patient {shlex.quote(column)} "
        "counts patients, not images; intervals are too narrow where a patient has several images"
    ]


def by_id(predictions: Predictions) -> Predictions:
    """The same rows in the order of their ids, so that what is drawn does not depend on how they came."""
    order = sorted(range(len(predictions.records)), key=lambda row: predictions.records[row]["id"])
    return take_rows(predictions, np.array(order, dtype=np.int64))


def take_rows(predictions: Predictions, rows: np.ndarray) -> Predictions:
    """Some rows, in the order given."""
    records = [predictions.records[row] for row in rows]
    return Predictions(predictions.scores[rows], predictions.targets[rows], records, predictions.header)


def under_policy(predictions: Predictions, policy: LabelPolicy) -> Predictions:
    """The same scores with targets made anew from the labels of the records.

    Raises:
        DataError: If the records hold no labels.
    """
    if not any(record.get("labels") for record in predictions.records):
        raise DataError(
            "the records of these predictions hold no labels, so no policy can be applied to them",
            hint="leave out --label-policy",
        )
    uncertain, blank = POLICIES[policy]
    targets = targets_from_labels(
        predictions.records,
        predictions.classes,
        task_type=predictions.task_type,
        uncertain=uncertain,
        blank=blank,
    )
    header = {**predictions.header, "policy": {"uncertain": uncertain, "blank": blank}}
    return Predictions(predictions.scores, targets, predictions.records, header)


def _read_table(ref: Reference) -> ScoreTable:
    where, facts = display(Path(ref["path"])), ref["table"]
    table = read_table(Path(where))
    truth = read_table(Path(display(verify(facts["truth"])))) if "truth" in facts else None
    with at(where):
        names = {name: facts[name] for name in (TARGET, SCORE) if name in facts}
        return read_scores(table, key=facts["key"], truth=truth, **names)


def _from_table(ref: Reference) -> Predictions:
    table, facts = _read_table(ref), ref["table"]
    in_part = [part == ref["part"] for part in table.others.get("part", [ref["part"]] * len(table.ids))]
    rows = np.flatnonzero(in_part)
    kind, reason = _score_kind(table, facts["scores"])
    if kind == ScoreKind.probability and is_exclusive(table.task_type, len(table.classes)):
        check_sums(table.scores)
    key = load_key(Path(facts["key_file"]) if "key_file" in facts else None)
    others = {name: cells for name, cells in table.others.items() if name != "part"}
    patients = others.pop(facts["patient"], None)
    if patients is None and facts["patient"] != "patient":
        raise UsageError(f"there is no column {facts['patient']!r}", hint="--patient names the column")
    unread = next((name for name in others if _bare(name) in _PATIENTS), None) if patients is None else None
    records = [
        _record(
            table.ids[row],
            table.labels[row],
            patient="" if patients is None else patients[row],
            facts={name: cells[row] for name, cells in others.items()},
            key=key,
        )
        for row in rows
    ]
    uncertain, blank = POLICIES[LabelPolicy.mentioned]
    targets = targets_from_labels(
        records, table.classes, task_type=table.task_type, uncertain=uncertain, blank=blank
    )
    header = {
        "task": {"type": table.task_type, "classes": table.classes},
        "part": ref["part"],
        "score": kind,
        "score_reason": reason,
        "declared": facts["scores"],
        "model": None,
        "policy": {"uncertain": uncertain, "blank": blank},
        "history": [],
        **({} if unread is None else {"unread_patients": unread}),
    }
    return Predictions(table.scores[rows], targets, records, header)


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _score_kind(table: ScoreTable, declared: str) -> tuple[str, str]:
    """What the scores are, and why they are bare ranks: as declared, or because a value is no probability."""
    if declared != ScoreKind.auto:
        return declared, "they are declared as ranks" if declared == ScoreKind.rank else ""
    is_outside = (table.scores < 0) | (table.scores > 1)
    if not is_outside.any():
        return str(ScoreKind.probability), ""
    row, column = np.unravel_index(np.argmax(np.abs(table.scores - 0.5)), table.scores.shape)
    worst = f"{table.scores[row, column]:.6g} of {table.classes[column]!r} in row {row + 1}"
    count = int(is_outside.any(axis=1).sum())
    return str(ScoreKind.rank), f"{count} rows have scores outside [0, 1], the furthest is {worst}"


def _record(
    name: str, labels: dict[str, int], *, patient: str, facts: dict[str, str], key: bytes
) -> dict[str, Any]:
    """A row as a record: keyed hashes for who it is, the rest for subgroups."""
    record: dict[str, Any] = {"id": keyed_hash(name, key=key, kind="row"), "labels": labels}
    if not is_blank(patient):
        record["patient"] = keyed_hash(patient, key=key, kind="patient")
    kept = {}
    for field, value in facts.items():
        if is_blank(value):
            continue
        if field == "age":
            parsed: Any = parse_age(value)
        elif field == "sex":
            parsed = parse_sex(value)
        else:
            parsed = value
        if parsed is None:
            continue
        if field in {"age", "sex", *_SHORT_FIELDS}:
            record[field] = parsed
        else:
            kept[field] = value
    if kept:
        record["kept"] = kept
    return record
