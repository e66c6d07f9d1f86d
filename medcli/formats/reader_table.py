"""What readers said of images, from the tables that people have, with nothing guessed.

A file a reader:   id, Edema, Nodule                (the reader is called like the file)
                   id, value                        (one label)
Long:              id, reader, Edema, Nodule
                   id, reader, label, value         or id, reader, value (one label)
Wide:              id, reader:A, reader:B           (one label)
                   id, reader:A:Edema, reader:B:Edema

A reading is a call (1 or 0), a rating (a number) or, where classes exclude each other, the name of one.
Several files are joined by key; a blank is an image that a reader did not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from medcli.errors import DataError, UsageError
from medcli.formats.tables import Table, columns_of

READER, LABEL, VALUE = "reader", "label", "value"
_BLANKS = frozenset({"", "nan", "na", "n/a", "none", "null"})
_WORDS = {"true": 1.0, "false": 0.0}
_SHOWN = 6
_TOO_LARGE = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Readings:
    """What each reader said of each image, label by label.

    Attributes:
        readers: Names, as written, in order of appearance.
        labels: Names; one empty name when the tables have a single label without one.
        ids: Key of each image, as written.
        values: float [readers, images, labels]; NaN where nothing was said.
        categories: When readings are names, what the values are positions in; else empty.
        patients: Of each image, as written; empty where unknown.
    """

    readers: list[str]
    labels: list[str]
    ids: list[str]
    values: np.ndarray
    categories: list[str]
    patients: list[str]


@dataclass(frozen=True)
class Reading:
    """What one reader said of one label in one table.

    Attributes:
        reader: Name, as written.
        label: Name, or empty.
        cells: As written, by key of the image.
        rows: Row of each in the table, from 1, by key.
        patients: By key; empty without such a column.
        table: Name of the table, for messages.
        arm: In which arm of a study he said it; empty where there is one.
    """

    reader: str
    label: str
    cells: dict[str, str]
    rows: dict[str, int]
    patients: dict[str, str]
    table: str
    arm: str = ""


def read_one_table(
    table: Table,
    *,
    name: str,
    where: str,
    key: str,
    patient: str,
    labels: Sequence[str] | None = None,
    arm: str | None = None,
) -> list[Reading]:
    """The readings in one table, whichever of the forms above it has.

    Args:
        table: As text.
        name: Of the reader, when the table is of one.
        where: Name of the table, for messages.
        key: Column that identifies an image.
        patient: Column of the patient, which need not be there.
        labels: Columns that are labels, others being left out; None takes all others.
        arm: Column of the arm of the study, if it has several.

    Raises:
        UsageError: If the key, the arm, or every label is missing.
        DataError: If a key is blank, or a reader says two things of one image.
    """
    sheet = _Sheet(columns_of(table), key=key, patient=patient, table=where)
    sheet.check_keys(arm)
    columns, taken = sheet.columns, {key, patient, READER, arm}
    wide = [column for column in columns if column.startswith(f"{READER}:")]
    found: list[Reading] = []
    for name_of_arm, rows in sheet.rows_by(arm).items() if arm else [("", range(len(table.rows)))]:
        if wide:
            here = [sheet.reading(column, *_wide_name(column), rows) for column in wide]
        elif READER in columns:
            here = _long(sheet, rows, taken=taken, labels=labels)
        else:
            used = _label_columns(columns, taken=taken, labels=labels)
            here = [sheet.reading(column, name, "" if column == VALUE else column, rows) for column in used]
        found += [replace(item, arm=name_of_arm) for item in here]
    return found


def join_readings(parts: Sequence[Reading]) -> Readings:
    """Everything that was said, as one array.

    Raises:
        DataError: If a reader says two things of one image in different tables, or a reading is no number.
    """
    readers = list(dict.fromkeys(part.reader for part in parts))
    labels = list(dict.fromkeys(part.label for part in parts))
    if "" in labels and len(labels) > 1:
        raise DataError(
            f"some readings have a label and some have none; labels are {_some(filter(None, labels))}",
            hint="name the label everywhere",
        )
    place: dict[str, int] = {}
    patients: dict[str, str] = {}
    for part in parts:
        for identity in part.cells:
            place.setdefault(identity, len(place))
        for identity, owner in part.patients.items():
            if patients.setdefault(identity, owner) != owner:
                raise DataError(
                    f"row {part.rows[identity]}: the image has another patient elsewhere", where=part.table
                )
    categories = _categories(parts) if labels == [""] else []
    values = np.full((len(readers), len(place), len(labels)), np.nan)
    is_told = np.zeros(values.shape, dtype=bool)
    for part in parts:
        rows = [place[identity] for identity in part.cells]
        spot = readers.index(part.reader), rows, labels.index(part.label)
        if is_told[spot].any():
            row = list(part.rows.values())[int(is_told[spot].argmax())]
            raise DataError(
                f"row {row}: reader {part.reader!r} reads this image in another table too",
                where=part.table,
                hint="each reader reads an image once; a table of one reader is called like him",
            )
        is_told[spot] = True
        values[spot] = _numbers(part, categories)
    return Readings(
        readers, labels, list(place), values, categories, [patients.get(name, "") for name in place]
    )


@dataclass(frozen=True)
class _Sheet:
    """One table's columns, and what identifies a row."""

    columns: dict[str, list[str]]
    key: str
    patient: str
    table: str

    def check_keys(self, arm: str | None) -> None:
        for name, hint in ((self.key, "name the key with --key COLUMN"), (arm, "--arm names the column")):
            if name is not None and name not in self.columns:
                raise UsageError(f"there is no column {name!r}; there are {_some(self.columns)}", hint=hint)
        for name in (self.key, READER, arm or READER):
            for row, cell in enumerate(self.columns.get(name, ()), 1):
                if not cell:
                    raise DataError(f"row {row} has nothing in column {name!r}")

    def reading(self, column: str, reader: str, label: str, rows: Sequence[int]) -> Reading:
        """Some rows of a column, by key."""
        keys, owners = self.columns[self.key], self.columns.get(self.patient)
        first: dict[str, int] = {}
        for row in rows:
            if keys[row] in first:
                raise DataError(
                    f"rows {first[keys[row]]} and {row + 1}: reader {reader!r} says two things of one image",
                    hint="each reader reads an image once; name another column with --key",
                )
            first[keys[row]] = row + 1
        return Reading(
            reader,
            label,
            {identity: self.columns[column][row - 1] for identity, row in first.items()},
            first,
            {} if owners is None else {identity: owners[row - 1] for identity, row in first.items()},
            self.table,
        )

    def rows_by(self, name: str, among: Sequence[int] | None = None) -> dict[str, list[int]]:
        """Rows from 0 by what they say in a column, in order of appearance."""
        cells = self.columns[name]
        found: dict[str, list[int]] = {}
        for row in range(len(cells)) if among is None else among:
            found.setdefault(cells[row], []).append(row)
        return found


def _wide_name(column: str) -> tuple[str, str]:
    """Reader and label of a column `reader:A` or `reader:A:Edema`."""
    reader, _, label = column.removeprefix(f"{READER}:").partition(":")
    if not reader:
        raise DataError(f"column {column!r} names no reader", hint="call it reader:NAME or reader:NAME:LABEL")
    return reader, label


def _label_columns(
    columns: dict[str, list[str]], *, taken: set[str | None], labels: Sequence[str] | None
) -> list[str]:
    free = [column for column in columns if column not in taken]
    found = free if labels is None else [column for column in free if column == VALUE or column in labels]
    if not found:
        wanted = VALUE if labels is None else _some([*labels, VALUE])
        raise UsageError(
            f"no column holds readings; there are {_some(columns)}",
            hint=f"readings stand under {wanted}, or under reader:NAME",
        )
    return found


def _long(
    sheet: _Sheet, rows: Sequence[int], *, taken: set[str | None], labels: Sequence[str] | None
) -> list[Reading]:
    is_long = LABEL in sheet.columns and VALUE in sheet.columns
    used = [] if is_long else _label_columns(sheet.columns, taken=taken, labels=labels)
    found = []
    for reader, own in sheet.rows_by(READER, rows).items():
        if is_long:
            found += [
                sheet.reading(VALUE, reader, label, said)
                for label, said in sheet.rows_by(LABEL, own).items()
                if labels is None or label in labels
            ]
        found += [sheet.reading(column, reader, "" if column == VALUE else column, own) for column in used]
    if not found:
        raise UsageError(
            f"column {LABEL!r} names none of {_some(labels or ())}", hint="labels are called like classes"
        )
    return found


def _categories(parts: Sequence[Reading]) -> list[str]:
    """Names in order, when any reading is a name; then all are."""
    cells = {cell for part in parts for cell in part.cells.values() if not _is_blank(cell)}
    return [] if all(_number(cell) is not None for cell in cells) else sorted(cells)


def _numbers(part: Reading, categories: list[str]) -> np.ndarray:
    place = {name: float(position) for position, name in enumerate(categories)}
    values = np.full(len(part.cells), np.nan)
    for position, (identity, cell) in enumerate(part.cells.items()):
        if _is_blank(cell):
            continue
        value = place.get(cell) if categories else _number(cell)
        if value is None:
            raise DataError(
                f"row {part.rows[identity]}: what {part.reader!r} says under {part.label!r} is no number",
                where=part.table,
                hint="readings are 1 and 0, ratings, or blank; columns that are not readings must go",
            )
        values[position] = value
    return values


def _number(cell: str) -> float | None:
    word = _WORDS.get(cell.lower())
    try:
        value = float(cell) if word is None else word
    except ValueError:
        return None
    # Beyond float32 squares overflow.
    return value if abs(value) < _TOO_LARGE else None


def _is_blank(cell: str) -> bool:
    return cell.lower() in _BLANKS


def _some(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
