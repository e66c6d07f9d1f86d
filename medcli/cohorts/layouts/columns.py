"""Which column of a table says what: declared ones must exist, those called by default may."""

from __future__ import annotations

from dataclasses import fields

from medcli.cohorts.layouts.cohort import Rows
from medcli.config import IngestConfig
from medcli.errors import DataError, UsageError

_DEFAULTS = {f.name: f.default for f in fields(IngestConfig)}
_MANY = 40


def find_column(table: Rows, name: str, *, option: str) -> int:
    """Position of a column that must exist.

    Raises:
        UsageError: If it does not, listing those that do.
        DataError: If two columns have that name.
    """
    count = table.columns.count(name)
    if count > 1:
        raise DataError(f"the table has {count} columns called {name!r}")
    if not count:
        there = ", ".join(table.columns[:_MANY]) + (", ..." if len(table.columns) > _MANY else "")
        raise UsageError(f"the table has no column {name!r}; it has {there}", hint=f"give {option} COLUMN")
    return table.columns.index(name)


def kept_columns(table: Rows, config: IngestConfig) -> dict[str, int]:
    """Positions of the columns of --keep that the table has; what is left is asked of the images."""
    return {name: find_column(table, name, option="--keep") for name in config.keep if name in table.columns}


def kept_cells(row: list[str], columns: dict[str, int]) -> dict[str, str]:
    """What a row says in the columns of `kept_columns`; blank cells are left out."""
    return {name: row[column] for name, column in columns.items() if row[column]}


def optional_columns(table: Rows, config: IngestConfig, roles: tuple[str, ...]) -> dict[str, int]:
    """Positions of the roles that the table has; a role whose column was declared must be there."""
    found = {}
    for role in roles:
        name = getattr(config, role)
        if name != _DEFAULTS[role] or name in table.columns:
            found[role] = find_column(table, name, option=f"--{role}")
    return found
