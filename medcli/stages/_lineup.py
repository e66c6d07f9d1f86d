"""Predictions of several models side by side: the same images in one order, or other images of anyone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from medcli.calibration.scores import is_exclusive
from medcli.config import LabelPolicy, Pairing
from medcli.errors import DataError, at
from medcli.metrics.patients import UNITS, patient_codes
from medcli.metrics.scored import Scored
from medcli.metrics.tallies import LabelScores
from medcli.stages._entrants import Entrant
from medcli.stages._predictions import take_rows, under_policy
from medcli.stages._scoring import score
from medcli.store.predictions import Predictions
from medcli.store.references import display


@dataclass(frozen=True)
class Lineup:
    """Models ready to be compared.

    Attributes:
        names: Of the models.
        scored: Their images; when paired, the same in the same order.
        records: Of those images.
        thresholds: Where the thresholds of each model come from.
        is_paired: All were given the same images.
        unit: `patient`, `group` or `image`.
        num_clusters: Patients of all models together, who share one numbering.
        flags: What was left out.
    """

    names: list[str]
    scored: list[Scored]
    records: list[list[dict[str, Any]]]
    thresholds: list[dict[str, Any]]
    is_paired: bool
    unit: str
    num_clusters: int
    flags: list[str]

    @property
    def classes(self) -> list[str]:
        """Names of the columns, which all models share."""
        return self.scored[0].classes

    def label(self, model: int, column: int, rows: np.ndarray | None = None) -> LabelScores:
        """One label of one model, of images with a known truth (among `rows`, a mask)."""
        scored = self.scored[model]
        known = ~np.isnan(scored.targets[:, column])
        if rows is not None:
            known &= rows
        threshold = scored.thresholds[column]["threshold"]
        best = scored.before if scored.after is None else scored.after
        return LabelScores(
            targets=scored.targets[known, column],
            ranks=scored.ranks[known, column],
            called=None if threshold is None else scored.decided[known, column] >= threshold,
            probabilities=None if best is None else best[known, column],
            clusters=scored.clusters[known],
        )


def line_up(entrants: list[Entrant], *, pairing: Pairing, policy: LabelPolicy) -> Lineup:
    """Bring rows and columns of all models into one order, under one label policy.

    Raises:
        DataError: If classes differ, if some images are common and others not, or the truth of one differs.
    """
    tables = [
        entrant.predictions if policy is LabelPolicy.stored else under_policy(entrant.predictions, policy)
        for entrant in entrants
    ]
    tables = _same_columns(tables, [entrant.name for entrant in entrants])
    is_paired, rows, flags = _pair(tables, pairing)
    tables = [take_rows(table, own) for table, own in zip(tables, rows, strict=True)]
    if is_paired:
        tables, told = _one_truth(tables, rows[0])
        flags += told
        tables = _one_patient(tables, rows[0])
    exclusive = is_exclusive(tables[0].task_type, len(tables[0].classes))
    if exclusive:
        known = [np.flatnonzero(np.nansum(table.targets, axis=1) == 1) for table in tables]
        tables = [take_rows(table, own) for table, own in zip(tables, known, strict=True)]
    everyone = [record for table in tables[: 1 if is_paired else None] for record in table.records]
    unit, codes = patient_codes(everyone)
    scored, thresholds, start = [], [], 0
    for entrant, table in zip(entrants, tables, strict=True):
        with at(display(Path(entrant.ref["path"]))):
            own, origin = score(table, entrant.manifest)
        stop = start + len(table.records)
        scored.append(replace(own, clusters=codes[start:stop]))
        thresholds.append(origin)
        start = 0 if is_paired else stop
    return Lineup(
        names=[entrant.name for entrant in entrants],
        scored=scored,
        records=[table.records for table in tables],
        thresholds=thresholds,
        is_paired=is_paired,
        unit=unit,
        num_clusters=len(np.unique(codes)),
        flags=flags,
    )


def _same_columns(tables: list[Predictions], names: list[str]) -> list[Predictions]:
    """Columns in the order of the first model."""
    classes, result = tables[0].classes, []
    for name, table in zip(names, tables, strict=True):
        if sorted(table.classes) != sorted(classes) or table.task_type != tables[0].task_type:
            missing = sorted(set(classes) ^ set(table.classes))
            told = f"not both have {missing[0]!r}" if missing else f"tasks are {table.task_type} and others"
            raise DataError(
                f"{name} is for other classes than {names[0]}: {told}",
                hint="models are compared on the same classes",
            )
        order = [table.classes.index(each) for each in classes]
        header = {**table.header, "task": tables[0].header["task"]}
        result.append(Predictions(table.scores[:, order], table.targets[:, order], table.records, header))
    return result


def _pair(tables: list[Predictions], pairing: Pairing) -> tuple[bool, list[np.ndarray], list[str]]:
    """Whether all have the same images, and the rows of each that are compared."""
    places = [{record["id"]: row for row, record in enumerate(table.records)} for table in tables]
    every = [np.array(_by_patient(table), dtype=np.int64) for table in tables]
    ordered = [tables[0].records[row]["id"] for row in every[0]]
    common = [name for name in ordered if all(name in place for place in places)]
    is_same = all(len(place) == len(common) for place in places)
    if pairing is Pairing.unpaired or (pairing is Pairing.auto and not common):
        return False, every, []
    if pairing is Pairing.auto and not is_same:
        raise DataError(
            f"{len(common)} images are common to all, of {', '.join(str(len(place)) for place in places)}",
            hint="--pairing paired compares on the common ones, --pairing unpaired takes all",
        )
    if not common:
        raise DataError("no image is common to all", hint="--pairing unpaired compares different images")
    left_out = sum(len(place) - len(common) for place in places)
    flags = [f"{left_out} images that not all models scored were left out"] if left_out else []
    return True, [np.array([place[name] for name in common]) for place in places], flags


def _by_patient(table: Predictions) -> list[int]:
    """Rows by patient, then image, so that what is drawn does not depend on how they came."""
    keys = [tuple(str(record.get(name, "")) for name in (*UNITS, "id")) for record in table.records]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _one_patient(tables: list[Predictions], rows: np.ndarray) -> list[Predictions]:
    """The same images, each with the patient and group that any source knows, who must be one."""
    found: list[dict[str, Any]] = [{} for _ in tables[0].records]
    for number, table in enumerate(tables, start=1):
        for row, (known, record) in enumerate(zip(found, table.records, strict=True)):
            for unit in UNITS:
                if record.get(unit) and known.setdefault(unit, record[unit]) != record[unit]:
                    raise DataError(
                        f"source {number} knows another {unit} of an image than those before it, "
                        f"first of that in row {rows[row] + 1} of source 1",
                        hint="one image is of one patient in all sources",
                    )
    return [
        Predictions(
            table.scores,
            table.targets,
            [{**record, **known} for record, known in zip(table.records, found, strict=True)],
            table.header,
        )
        for table in tables
    ]


def _one_truth(tables: list[Predictions], rows: np.ndarray) -> tuple[list[Predictions], list[str]]:
    """The truth that is known to all; one that differs is refused."""
    targets = [table.targets.astype(np.float64) for table in tables]
    known = np.all([~np.isnan(each) for each in targets], axis=0)
    for number, each in enumerate(targets[1:], start=2):
        differs = known & (each != targets[0])
        if differs.any():
            row, column = np.argwhere(differs)[0]
            raise DataError(
                f"the truth of {int(differs.any(axis=1).sum())} images differs between source 1 and "
                f"{number}, first {tables[0].classes[column]!r} in row {rows[row] + 1} of source 1",
                hint="give --truth, or predictions that were made with the same labels and policy",
            )
    truth = np.where(known, targets[0], np.nan)
    lost = sum(int((~np.isnan(each) & ~known).sum()) for each in targets)
    flags = [f"{lost} labels that are known for some models only were left out"] if lost else []
    return [Predictions(t.scores, truth, t.records, t.header) for t in tables], flags
