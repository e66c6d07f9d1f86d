"""The tables of readers that options name, read and joined."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medcli.config import ReadersConfig
from medcli.errors import DataError, InputError, at
from medcli.formats.reader_table import Reading, Readings, join_readings, read_one_table
from medcli.formats.tables import Table, read_table
from medcli.stages._predictions import TABLES
from medcli.store.references import display


def load_readings(
    sources: Sequence[str], *, key: str, patient: str, labels: Sequence[str] | None = None
) -> tuple[Readings, list[str]]:
    """What readers said, and the SHA-256 of each table.

    Args:
        sources: Tables, or folders of tables; a table of one reader is called like him.
        key: Column that identifies an image.
        patient: Column of the patient.
        labels: Columns that are labels; None takes all others.

    Raises:
        InputError: If a table is missing, or a folder has none.
        DataError: If tables contradict each other.
    """
    parts: list[Reading] = []
    tables = _read(sources)
    for path, table in tables:
        with at(display(path)):
            parts += read_one_table(
                table, name=_stem(path), where=display(path), key=key, patient=patient, labels=labels
            )
    with at("tables of readers"):
        readings = join_readings(parts)
    return readings, [table.sha256 for _, table in tables]


def load_arms(config: ReadersConfig) -> tuple[dict[str, Readings], list[str]]:
    """Readings by arm, all with the same readers, labels and images in one order; one arm has no name.

    Raises:
        UsageError: If there is no column of arms.
        DataError: If arms have no reader in common.
    """
    parts: dict[str, list[Reading]] = {}
    tables = _read(config.sources)
    for path, table in tables:
        with at(display(path)):
            for part in read_one_table(
                table,
                name=_stem(path),
                where=display(path),
                key=config.key,
                patient=config.patient,
                labels=config.label or None,
                arm=config.arm,
            ):
                parts.setdefault(part.arm, []).append(part)
    with at("tables of readers"):
        arms = {arm: join_readings(found) for arm, found in sorted(parts.items())}
        return _aligned(arms), [table.sha256 for _, table in tables]


def load_truth(config: ReadersConfig, labels: Sequence[str], ids: Sequence[str]) -> tuple[np.ndarray, str]:
    """The truth of each image and label, 1, 0 or NaN (-1, blank, not in the table), and the table's SHA-256.

    Columns are called like the labels, or `target:LABEL`; of a single label, also `target`.

    Raises:
        DataError: If a label is none of these, or no image has a truth.
    """
    assert config.truth is not None
    table = read_table(config.truth)
    wanted = [name or "value" for name in labels]
    only = wanted[0] if len(wanted) == 1 else "target"
    renamed = [only if name == "target" else name.removeprefix("target:") for name in table.columns]
    with at(display(config.truth)):
        found = join_readings(
            read_one_table(
                Table(renamed, table.rows, table.sha256),
                name="truth",
                where=display(config.truth),
                key=config.key,
                patient=config.patient,
                labels=wanted,
            )
        )
        if found.categories or not np.isin(found.values[~np.isnan(found.values)], (-1, 0, 1)).all():
            raise DataError("a truth is 1, 0, -1 (uncertain) or blank")
        place = {name: row for row, name in enumerate(found.ids)}
        rows = np.array([place.get(name, -1) for name in ids])
        if (rows < 0).all():
            raise DataError("no image that was read is in this table", hint="--key names the column of both")
    truth = np.full((len(ids), len(labels)), np.nan)
    for column, name in enumerate(labels):
        if name in found.labels:
            values = found.values[0, rows, found.labels.index(name)]
            truth[:, column] = np.where((rows < 0) | (values < 0), np.nan, values)
    return truth, table.sha256


def _read(sources: Sequence[str]) -> list[tuple[Path, Table]]:
    return [(path, read_table(path)) for path in table_files(sources)]


def _aligned(arms: dict[str, Readings]) -> dict[str, Readings]:
    """All arms with the readers of all, every image, and the labels of the first."""
    if len(arms) == 1:
        return arms
    first = next(iter(arms.values()))
    readers = [name for name in first.readers if all(name in item.readers for item in arms.values())]
    if not readers:
        raise DataError("no reader reads in every arm", hint="a reader is called alike in all arms")
    ids = list(dict.fromkeys(name for item in arms.values() for name in item.ids))
    owners = {
        name: owner
        for item in arms.values()
        for name, owner in zip(item.ids, item.patients, strict=True)
        if owner
    }
    result = {}
    for arm, item in arms.items():
        if sorted(item.labels) != sorted(first.labels) or item.categories:
            raise DataError(f"arm {arm!r} has other labels than {next(iter(arms))!r}")
        place = {name: row for row, name in enumerate(ids)}
        values = np.full((len(readers), len(ids), len(first.labels)), np.nan)
        columns = [item.labels.index(label) for label in first.labels]
        chosen = [item.readers.index(name) for name in readers]
        rows = [place[name] for name in item.ids]
        values[:, rows] = item.values[np.ix_(chosen, range(len(item.ids)), columns)]
        result[arm] = Readings(readers, first.labels, ids, values, [], [owners.get(name, "") for name in ids])
    return result


def table_files(sources: Sequence[str]) -> list[Path]:
    """The tables that are named, and those of folders that are named.

    Raises:
        InputError: If a folder has none.
    """
    return [path for source in sources for path in _tables(Path(source))]


def _tables(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.name.lower().endswith(TABLES))
    if not found:
        raise InputError("there is no table in this folder", where=display(path), hint="give .csv or .tsv")
    return found


def _stem(path: Path) -> str:
    """The name without .csv, .tsv.gz and the like: who reads, in a table of one reader."""
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return name.stem
