"""What human readers said: one table for all of them, or one table each.

All in one:    id, reader, Edema, Nodule      (1, 0, or a rating; blank: not read)
One each:      id, Edema, Nodule              in files that are called like the readers
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.errors import DataError, UsageError
from medcli.formats.tables import Table

READER = "reader"
_BLANKS = frozenset({"", "nan", "na", "n/a"})


@dataclass(frozen=True)
class ReaderTable:
    """Ratings of several readers on the same images.

    Attributes:
        readers: Their names.
        ids: Key of each image that any of them read, as written.
        classes: Labels that any of them rated.
        ratings: float64 [readers, images, classes]; NaN where a reader did not say.
    """

    readers: list[str]
    ids: list[str]
    classes: list[str]
    ratings: np.ndarray


def read_readers(tables: list[tuple[str, Table]], *, key: str, classes: list[str]) -> ReaderTable:
    """Ratings from one table with a column `reader`, or from one table a reader.

    Args:
        tables: Name of the reader (of the file) and table.
        key: Column that identifies an image.
        classes: Labels of interest; other columns are left out. A table with one label may call its column
            `rating`.

    Raises:
        UsageError: If the key, or every label, is missing.
        DataError: If a reader rated an image twice, or a rating is no number.
    """
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for name, table in tables:
        _add_table(rows, table, reader=name, key=key, classes=classes)
    readers = list(rows)
    ids = list(dict.fromkeys(identity for said in rows.values() for identity in said))
    position = {identity: i for i, identity in enumerate(ids)}
    ratings = np.full((len(readers), len(ids), len(classes)), np.nan)
    for r, said in enumerate(rows.values()):
        for identity, values in said.items():
            for c, label in enumerate(classes):
                ratings[r, position[identity], c] = values.get(label, np.nan)
    return ReaderTable(readers, ids, list(classes), ratings)


def _add_table(
    rows: dict[str, dict[str, dict[str, float]]], table: Table, *, reader: str, key: str, classes: list[str]
) -> None:
    columns = {name: i for i, name in enumerate(table.columns)}
    if key not in columns:
        raise UsageError(
            f"there is no column {key!r}; there are {', '.join(table.columns[:6])}",
            hint="--key names the column that identifies an image, in every table",
        )
    labels = {name: columns[name] for name in classes if name in columns}
    if not labels and len(classes) == 1 and "rating" in columns:
        labels = {classes[0]: columns["rating"]}
    if not labels:
        raise UsageError(f"no column is called like a class: {', '.join(classes[:6])}")
    for number, row in enumerate(table.rows, 1):
        if len(row) < len(table.columns):
            raise DataError(f"row {number} has {len(row)} cells under {len(table.columns)} columns")
        name = row[columns[READER]] if READER in columns else reader
        said = rows.setdefault(name, {})
        if row[columns[key]] in said:
            raise DataError(f"row {number}: this reader rated the same image twice")
        said[row[columns[key]]] = _ratings(row, labels, number=number)


def _ratings(row: list[str], labels: dict[str, int], *, number: int) -> dict[str, float]:
    values = {}
    for name, column in labels.items():
        cell = row[column]
        if cell.lower() in _BLANKS:
            continue
        try:
            values[name] = float(cell)
        except ValueError:
            raise DataError(f"row {number}: the rating of {name!r} is not a number") from None
        if not np.isfinite(values[name]):
            raise DataError(f"row {number}: the rating of {name!r} is not finite")
    return values
