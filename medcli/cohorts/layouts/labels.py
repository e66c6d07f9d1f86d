"""Labels in the cells of a table: three ways to write them, each declared by options.

One column of class names; one column of lists (`--separator`); or one column a class with 1, 0, -1 or blank.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from medcli.cohorts.deidentify import is_blank
from medcli.cohorts.layouts.cohort import Rows, choose_class, make_task
from medcli.cohorts.layouts.columns import find_column
from medcli.config import IngestConfig, Task
from medcli.errors import UsageError

PREFIX = "label:"
_STATES = {"1": 1, "1.0": 1, "0": 0, "0.0": 0, "-1": -1, "-1.0": -1}
_MAX_SHARED = 4096
_EXCLUSIVE = {Task.multiclass, Task.ordinal}


@dataclass(frozen=True)
class LabelReader:
    """The task, and how one row's cells become labels.

    Attributes:
        task: As in the manifest; None when nothing is labelled.
        columns: Positions of the cells that `parse` takes.
        parse: Cells to labels, or None when they say something impossible.
    """

    task: dict[str, Any] | None
    columns: list[int]
    parse: Callable[[list[str]], dict[str, int] | None]


def read_labels(config: IngestConfig, table: Rows) -> LabelReader:
    """How the labels of this table are written, from options and names of columns.

    Without --label: columns `label:NAME`, or else a column `label`.

    Raises:
        UsageError: If options contradict each other or name an absent column.
    """
    names = list(config.label) or _default_columns(table.columns)
    if not names:
        if config.task or config.classes or config.separator:
            raise UsageError("no column holds labels", hint="name it with --label COLUMN")
        return LabelReader(None, [], lambda _: {})
    columns = [find_column(table, name, option="--label") for name in names]
    if config.separator is not None:
        if len(names) > 1 or config.task not in {None, Task.multilabel}:
            raise UsageError("--separator needs one --label column and a multi-label task")
        return _list_reader(config, table, columns[0])
    if len(names) > 1 or names[0].startswith(PREFIX) or _is_state(config):
        return _state_reader(config, names, columns)
    return _name_reader(config, table, columns[0], source=f"column {names[0]!r}")


def _default_columns(columns: list[str]) -> list[str]:
    prefixed = [name for name in columns if name.startswith(PREFIX)]
    if prefixed and "label" in columns:
        raise UsageError("the table has a column 'label' and columns 'label:...'", hint="choose with --label")
    return prefixed or [name for name in columns if name == "label"]


def _is_state(config: IngestConfig) -> bool:
    """Whether a single column holds 1, 0, -1 for one class, and not the name of a class."""
    return config.task is Task.multilabel or (config.task is Task.binary and not config.classes)


def _state_reader(config: IngestConfig, names: list[str], columns: list[int]) -> LabelReader:
    found = {name.removeprefix(PREFIX): column for name, column in zip(names, columns, strict=True)}
    classes = list(config.classes or found)
    if missing := [name for name in classes if name not in found]:
        raise UsageError(f"no label column is called {missing[0]!r}; there are {', '.join(found)}")
    task_type = config.task or Task.multilabel
    task = make_task(task_type, classes, source="the table")

    def parse(cells: list[str]) -> dict[str, int] | None:
        known = {name: cell for name, cell in zip(classes, cells, strict=True) if not is_blank(cell)}
        if any(cell not in _STATES for cell in known.values()):
            return None
        labels = {name: _STATES[cell] for name, cell in known.items()}
        has_conflict = task_type in _EXCLUSIVE and list(labels.values()).count(1) > 1
        return None if has_conflict else labels

    @functools.lru_cache(maxsize=_MAX_SHARED)
    def shared(*cells: str) -> dict[str, int] | None:
        return parse(list(cells))

    # Most of a million rows say what others say: their labels are one object, which nobody changes.
    return LabelReader(task, [found[name] for name in classes], lambda cells: shared(*cells))


def _name_reader(config: IngestConfig, table: Rows, column: int, *, source: str) -> LabelReader:
    task_type = config.task or Task.multiclass
    if task_type is Task.ordinal and not config.classes:
        raise UsageError("an ordinal task needs its classes in order", hint="give --classes")
    classes = list(config.classes) or sort_names(_cells(table, column))
    task = make_task(task_type, classes, source=source)

    def parse(cells: list[str]) -> dict[str, int] | None:
        # A class that is declared, such as `none`, is one, also where the word might mean a blank.
        is_known = cells[0] in classes or not is_blank(cells[0])
        return choose_class(cells[0], task=task_type, classes=classes) if is_known else {}

    return LabelReader(task, [column], parse)


def _list_reader(config: IngestConfig, table: Rows, column: int) -> LabelReader:
    separator = config.separator or ""
    if not separator:
        raise UsageError("--separator is empty")
    lists = (_split(cell, separator) for cell in _cells(table, column))
    classes = list(config.classes) or sort_names(name for names in lists for name in names)
    task = make_task(Task.multilabel, classes, source="the table")

    def parse(cells: list[str]) -> dict[str, int] | None:
        named = _split(cells[0], separator)
        return {name: int(name in named) for name in classes} if named else {}

    return LabelReader(task, [column], parse)


def _split(cell: str, separator: str) -> set[str]:
    return {name.strip() for name in cell.split(separator)} - {""}


def _cells(table: Rows, column: int) -> set[str]:
    """Distinct values of a column that say something."""
    return {cell for row in table.rows if len(row) > column and not is_blank(cell := row[column])}


def sort_names(names: Iterable[str]) -> list[str]:
    """Distinct names: whole numbers by value, all else by code points."""
    distinct = set(names)
    is_numeric = all(name.lstrip("-").isdecimal() for name in distinct)
    return (
        sorted(distinct, key=int)
        if is_numeric and len({int(n) for n in distinct}) == len(distinct)
        else sorted(distinct)
    )
