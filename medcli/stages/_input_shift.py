"""How far images and patients of another source are from those of the first: what goes in, not the scores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from medcli.metrics.intervals import mean_value
from medcli.metrics.shift import (
    chi_square,
    kolmogorov_smirnov,
    paired_change,
    population_stability_index,
)
from medcli.quantity import hypothesis_test
from medcli.stages._lineup import Lineup
from medcli.store.schema import RECORD_SCHEMA

PIXELS = tuple(RECORD_SCHEMA["properties"]["pixels"]["properties"])
FIELDS = ("sex", "view", "device", "site", "age")
_MOST_CATEGORIES = 50
Rows = list[dict[str, Any]]


def input_shift(lineup: Lineup, number: int, *, level: float) -> Rows:
    """What the pixels, the patients and columns that were kept differ in: an entry each, with its test.

    Of the same images only the pixels can differ, and it is said by how much they changed; nothing where they
    did not. Of others, numbers of the pixels are of all images, everything else of one image a patient.
    """
    if lineup.is_paired:
        return _changes(lineup, number, level=level)
    found = []
    for name in PIXELS:
        sides = [_pixels(lineup.records[index], name) for index in (0, number)]
        owners = [lineup.scored[index].clusters for index in (0, number)]
        if not any(np.isnan(side).all() for side in sides):
            found.append(_numbers(name, sides, owners, of="image", level=level))
    records = [_one_each(lineup, index) for index in (0, number)]
    kept = sorted({name for side in records for record in side for name in record.get("kept", ())})
    for name, values in (*_fields(records, FIELDS), *_kept(records, kept)):
        if all(values):
            found.append(_of_patients(name, values, level=level))
    return found


def _changes(lineup: Lineup, number: int, *, level: float) -> Rows:
    first, second = lineup.records[0], lineup.records[number]
    if [record.get("pixels") for record in first] == [record.get("pixels") for record in second]:
        return []
    found, owners = [], lineup.scored[0].clusters
    for name in PIXELS:
        sides = [_pixels(records, name) for records in (first, second)]
        known = ~np.isnan(sides[0]) & ~np.isnan(sides[1])
        if known.any():
            before, after = (side[known] for side in sides)
            what, spread = f"mean {name}", float(before.std())
            change = paired_change(before, after, owners[known], level=level, what=what)
            found.append(
                {
                    "name": name,
                    "of": "image",
                    "kind": "number",
                    "mean_first": mean_value(before, owners[known], level=level, what=what, floor=None),
                    "change": change,
                    # Beside what images differ in anyway: any change of all of them alike is significant.
                    "deviations": change["estimate"] / spread if spread else None,
                }
            )
    return found


def _pixels(records: Rows, name: str) -> np.ndarray:
    return np.array([record.get("pixels", {}).get(name, math.nan) for record in records], dtype=float)


def _fields(records: list[Rows], names: tuple[str, ...]) -> list[tuple[str, list[list[Any]]]]:
    return [
        (name, [[r[name] for r in side if r.get(name) is not None] for side in records]) for name in names
    ]


def _kept(records: list[Rows], names: list[str]) -> list[tuple[str, list[list[Any]]]]:
    return _fields([[record.get("kept", {}) for record in side] for side in records], tuple(names))


def _of_patients(name: str, values: list[list[Any]], *, level: float) -> dict[str, Any]:
    """Numbers of more than two values as numbers, anything else as categories."""
    numbers = [[_number(value) for value in side] for side in values]
    every = {number for side in numbers for number in side}
    if None not in every and len(every) > 2:
        sides = [np.array(side, dtype=float) for side in numbers]
        return _numbers(name, sides, [np.arange(len(side)) for side in sides], of="patient", level=level)
    names = sorted({str(value) for side in values for value in side})
    entry = {"name": name, "of": "patient", "kind": "category", "n": [len(side) for side in values]}
    if len(names) > _MOST_CATEGORIES:
        reason = f"{len(names)} values are too many for categories"
        return {
            **entry,
            "test": hypothesis_test("chi-square of homogeneity", statistic=None, p=None, reason=reason),
        }
    told = [[str(value) for value in side] for side in values]
    counts = [np.array([side.count(value) for value in names]) for side in told]
    return {**entry, "test": chi_square(*counts)}


def _numbers(
    name: str, sides: list[np.ndarray], owners: list[np.ndarray], *, of: str, level: float
) -> dict[str, Any]:
    kept = [~np.isnan(side) for side in sides]
    sides = [side[keep] for side, keep in zip(sides, kept, strict=True)]
    owners = [own[keep] for own, keep in zip(owners, kept, strict=True)]
    means = [
        mean_value(*side, level=level, what=f"mean {name}" if of == "image" else "mean", floor=None)
        for side in zip(sides, owners, strict=True)
    ]
    ids: dict[str, Any] = {"first_clusters": owners[0], "second_clusters": owners[1]}
    return {
        "name": name,
        "of": of,
        "kind": "number",
        "n": [len(side) for side in sides],
        "mean_first": means[0],
        "mean_second": means[1],
        "test": kolmogorov_smirnov(*sides, **ids),
        "psi": population_stability_index(*sides, **ids),
    }


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _one_each(lineup: Lineup, number: int) -> Rows:
    """One record a patient, so that patients count once."""
    _, rows = np.unique(lineup.scored[number].clusters, return_index=True)
    return [lineup.records[number][row] for row in sorted(rows)]
