"""Which group each record belongs to, by one field, bins of a number, or several fields at once.

sex,site                  the values of a field; several subgroups with commas between them
age:0-40-60-120           bins from 0 to below 40, 40 to below 60, 60 to below 120
sex*age                   every combination; age has the bins that another subgroup gives it
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.cohorts.fields import check_field, field_value
from medcli.errors import DataError, UsageError

UNKNOWN = "unknown"
_MOST_GROUPS = 50
# A number with more different values than this is no group until bins are given.
_MOST_NUMBERS = 10
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Factor:
    """One field, and the edges of its bins, or none."""

    field: str
    edges: tuple[float, ...] = ()


@dataclass(frozen=True)
class Subgroups:
    """One way to part the records: `text` as asked for, and the fields whose values are combined."""

    text: str
    factors: tuple[Factor, ...]


@dataclass(frozen=True)
class Grouping:
    """The group of each record.

    Attributes:
        names: Of the groups; those that are only listed come last.
        codes: Index of each record's group, int [records].
        listed: Groups that are no groups, such as `unknown`, and why they are not compared.
    """

    names: list[str]
    codes: np.ndarray
    listed: dict[str, str]


def parse_subgroups(texts: Sequence[str]) -> list[Subgroups]:
    """What `--subgroup` asks for, each once.

    Raises:
        UsageError: If a word does not follow the grammar above.
    """
    words = [word.strip() for text in texts for word in text.split(",")]
    parsed = [(word, [_factor(part, word) for part in word.split("*")]) for word in dict.fromkeys(words)]
    edges = {factor.field: factor.edges for _, factors in parsed for factor in factors if factor.edges}
    found = []
    for word, factors in parsed:
        if len({factor.field for factor in factors}) < len(factors):
            raise UsageError(f"--subgroup {word!r} names a field twice")
        bound = tuple(Factor(f.field, f.edges or edges.get(f.field, ())) for f in factors)
        found.append(Subgroups(word, bound))
    return found


def _factor(text: str, word: str) -> Factor:
    field, colon, bins = text.strip().partition(":")
    numbers = bins.split("-")
    is_range = len(numbers) > 1 and all(_NUMBER.fullmatch(number.strip()) for number in numbers)
    if not field.strip() or (colon and not is_range):
        raise UsageError(
            f"--subgroup {word!r} is not FIELD, FIELD:LOW-EDGE-HIGH or FIELD*FIELD",
            hint="for example --subgroup sex,age:0-40-60-120,sex*age",
        )
    edges = tuple(float(number) for number in numbers) if colon else ()
    if any(low >= high for low, high in itertools.pairwise(edges)):
        raise UsageError(f"--subgroup {word!r}: the edges of bins must rise")
    return Factor(field.strip(), edges)


def assign_groups(records: Sequence[dict[str, Any]], subgroups: Subgroups) -> Grouping:
    """The group of each record; those of unknown value, or outside all bins, are groups that are listed only.

    Raises:
        DataError: If no record has the field, bins are asked of words, or the values are too many for groups.
    """
    columns = [_names_of(records, factor) for factor in subgroups.factors]
    orders = [order for _, order in columns]
    outside = [_outside(factor) for factor in subgroups.factors if factor.edges]
    names: list[str] = []
    for values in zip(*(cells for cells, _ in columns), strict=True):
        if UNKNOWN in values:
            names.append(UNKNOWN)
        else:
            names.append(next((value for value in values if value in outside), " & ".join(values)))
    seen = set(names)
    compared = [name for name in map(" & ".join, itertools.product(*orders)) if name in seen]
    if len(compared) > _MOST_GROUPS:
        raise DataError(
            f"{subgroups.text!r} makes {len(compared)} groups, at most {_MOST_GROUPS} can be compared"
        )
    listed = {name: "outside all bins: listed, not tested" for name in outside if name in seen}
    if UNKNOWN in seen:
        listed[UNKNOWN] = "the value is unknown: listed, not tested"
    order = {name: code for code, name in enumerate([*compared, *listed])}
    return Grouping(list(order), np.array([order[name] for name in names], dtype=np.int64), listed)


def _names_of(records: Sequence[dict[str, Any]], factor: Factor) -> tuple[list[str], list[str]]:
    """Name of each record's value, and the names in their order."""
    check_field(records, factor.field)
    values = [field_value(record, factor.field) for record in records]
    if factor.edges:
        names = [f"[{low:g}, {high:g})" for low, high in itertools.pairwise(factor.edges)]
        return _binned(values, factor, names), names
    known = {_text(value): value for value in values if _text(value) != UNKNOWN}
    is_number = all(isinstance(value, int | float) for value in known.values())
    if is_number and len(known) > _MOST_NUMBERS:
        raise DataError(
            f"the field {factor.field!r} has {len(known)} different numbers",
            hint=f"give it bins, such as {factor.field}:0-40-60-120",
        )
    if len(known) > _MOST_GROUPS:
        raise DataError(
            f"the field {factor.field!r} has {len(known)} different values, at most {_MOST_GROUPS} are groups"
        )
    order = sorted(known, key=lambda name: (known[name] if is_number else 0, name))
    return [_text(value) for value in values], order


def _binned(values: list[Any], factor: Factor, names: list[str]) -> list[str]:
    numbers = np.array([_number(value) for value in values])
    if np.isnan(numbers).all():
        raise DataError(f"the field {factor.field!r} holds no numbers, so it has no bins")
    codes = np.searchsorted(factor.edges, numbers, side="right")
    table = [_outside(factor), *names, _outside(factor)]
    return [UNKNOWN if np.isnan(n) else table[code] for n, code in zip(numbers, codes, strict=True)]


def _outside(factor: Factor) -> str:
    return f"{factor.field} outside [{factor.edges[0]:g}, {factor.edges[-1]:g})"


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return np.nan
    return number if np.isfinite(number) else np.nan


def _text(value: Any) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        return UNKNOWN
    return f"{value:g}" if isinstance(value, int | float) else str(value).strip()
