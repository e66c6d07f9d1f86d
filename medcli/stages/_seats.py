"""Readings put beside the images that a model is judged on, whichever key a table has for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.cohorts.deidentify import keyed_hash
from medcli.errors import DataError, UsageError
from medcli.formats.reader_table import Readings

_READINGS = "readings are 1 and 0, or ratings; names of classes only where classes exclude each other"


@dataclass(frozen=True)
class Seats:
    """Readings in the order of the images that are counted.

    Attributes:
        readers: Names.
        values: float [readers, images, classes]; NaN is not read.
        unmatched: Images of the tables that are not among those.
        uncertain: Readings of -1 where the others are 1 and 0.
    """

    readers: list[str]
    values: np.ndarray
    unmatched: int
    uncertain: int
    categories: np.ndarray | None = None


def readings_of_records(records: list[dict[str, Any]], classes: list[str]) -> Readings:
    """What the records say that readers said, as ingest found it beside the images.

    Raises:
        DataError: If they say nothing of any class.
    """
    said = [
        (name, record["id"], label, value)
        for record in records
        for name, labels in record.get("readers", {}).items()
        for label, value in labels.items()
        if label in classes
    ]
    if not said:
        raise DataError("the records hold no reading of any class", hint="give --readers TABLE")
    readers, ids, labels = (list(dict.fromkeys(item[k] for item in said)) for k in range(3))
    places = [{name: place for place, name in enumerate(names)} for names in (readers, ids, labels)]
    values = np.full((len(readers), len(ids), len(labels)), np.nan)
    for *names, value in said:
        values[tuple(place[name] for place, name in zip(places, names, strict=True))] = value
    return Readings(readers, labels, ids, values, [], [""] * len(ids))


def seat(readings: Readings, ids: list[str], classes: list[str], *, key: bytes) -> Seats:
    """Readings by image and class. Keys are those of the table of scores, of the records, or their paths."""
    place = {identity: row for row, identity in enumerate(ids)}
    found, rows = [], []
    for row, name in enumerate(readings.ids):
        forms = (name, keyed_hash(name, key=key, kind="row"), keyed_hash(name, key=key, kind="path"))
        spot = next((place[form] for form in forms if form in place), None)
        if spot is not None:
            found.append(spot)
            rows.append(row)
    if not found:
        raise DataError(
            f"none of the {len(readings.ids)} images that were read is among the {len(ids)} judged",
            where="tables of readers",
            hint="both tables need the same keys; --key names the column",
        )
    if len(set(found)) < len(found):
        raise DataError("an image stands under two keys", where="tables of readers")
    values = np.full((len(readings.readers), len(ids), len(classes)), np.nan)
    categories = None
    if readings.categories:
        said = readings.values[:, rows, 0]
        categories = np.full((len(readings.readers), len(ids)), np.nan)
        categories[:, found] = _as_classes(said, readings.categories, classes)
        values = np.where(
            np.isnan(categories)[:, :, None], np.nan, categories[:, :, None] == np.arange(len(classes))
        )
    else:
        for column, label in enumerate(readings.labels):
            values[:, found, _class_of(label, classes)] = readings.values[:, rows, column]
    uncertain = _forget_uncertain(values)
    return Seats(readings.readers, values, len(readings.ids) - len(found), uncertain, categories)


def _class_of(label: str, classes: list[str]) -> int:
    if label in classes:
        return classes.index(label)
    if not label and len(classes) == 1:
        return 0
    if not label:
        raise UsageError(
            f"the readings name no label, and there are {len(classes)} classes",
            hint="call columns like the classes, or add a column called label",
        )
    raise UsageError(f"the label {label!r} of the readings is no class of the predictions")


def _as_classes(said: np.ndarray, categories: list[str], classes: list[str]) -> np.ndarray:
    """Positions in `categories` as positions in `classes`."""
    if len(classes) == 1:
        raise DataError(
            f"a reading is {categories[-1]!r}, which is no number", where="tables of readers", hint=_READINGS
        )
    if unknown := [name for name in categories if name not in classes]:
        raise DataError(
            f"readers say {unknown[0]!r}, which is none of the classes",
            where="tables of readers",
            hint=f"classes are {', '.join(classes[:8])}",
        )
    positions = np.array([classes.index(name) for name in categories], dtype=float)
    known = ~np.isnan(said)
    result = np.full(said.shape, np.nan)
    result[known] = positions[said[known].astype(int)]
    return result


def _forget_uncertain(values: np.ndarray) -> int:
    """Take -1 for not read in labels whose readings are otherwise 1 and 0, in place; how many there were."""
    count = 0
    for column in range(values.shape[2]):
        one = values[:, :, column]
        known = one[~np.isnan(one)]
        if np.isin(known, (-1.0, 0.0, 1.0)).all():
            count += int(np.sum(one == -1))
            one[one == -1] = np.nan
    return count
