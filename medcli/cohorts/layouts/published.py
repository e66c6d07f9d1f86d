"""What the layouts of published sets share: finding their tables, columns and files."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NoReturn

from medcli.cohorts.layouts.cohort import Cohort, Folder, Refusal, Rows
from medcli.config import IngestConfig, Unmatched
from medcli.errors import DataError, UsageError


def find(folder: Folder, pattern: str) -> str:
    """The first of `others`, by depth and then by name, whose file name is of the pattern; or nothing."""
    return next(iter(find_all(folder, pattern)), "")


def find_all(folder: Folder, pattern: str) -> list[str]:
    """All of `others` whose file name is of the pattern, by depth and then by name."""
    expression = re.compile(pattern)
    found = [name for name in folder.others if expression.fullmatch(posixpath.basename(name))]
    return sorted(found, key=lambda name: (name.count("/"), name))


def absent(what: str, *, layout: str) -> NoReturn:
    """Refuse a folder that lacks what its layout is known by."""
    raise DataError(
        f"layout {layout} needs {what}, which is not below the folder",
        hint=f"medcli man ingest shows the folder that --layout {layout} expects",
    )


def column_of(table: Rows, *names: str) -> int:
    """Position of a column by the first of its known names.

    Raises:
        DataError: If none is there.
    """
    for name in names:
        if name in table.columns:
            return table.columns.index(name)
    raise DataError(f"the table has no column {names[0]!r}; it has {', '.join(table.columns[:8])}")


def rows_by_key(table: Rows, key: int, cohort: Cohort) -> dict[str, list[str]]:
    """Rows of a table by the cell that names them; those that cannot be used are refused.

    Rows that say the same count once; a key whose rows differ is refused as a whole.
    """
    width = len(table.columns)
    rows: dict[str, list[str]] = {}
    doubled: set[str] = set()
    refused: set[Refusal] = set()
    for row in table.rows:
        if len(row) < width or any(row[width:]):
            reason = f"a row of {len(row)} cells under {width} columns"
            refused.add(Refusal("\0".join(row), "table/ragged-row", reason))
        elif not row[key]:
            refused.add(Refusal("\0".join(row), "table/no-key", "the row has no key"))
        elif rows.setdefault(row[key], row) != row:
            doubled.add(row[key])
    for name in doubled:
        refused.add(Refusal(name, "table/duplicate-key", "several rows say different things of it"))
        del rows[name]
    cohort.refusals += sorted(refused, key=lambda refusal: (refusal.name, refusal.code))
    return rows


def chosen_classes(config: IngestConfig, known: Sequence[str]) -> list[str]:
    """All classes of a set, or those of --classes in that order.

    Raises:
        UsageError: If one is not of the set.
    """
    if wrong := [name for name in config.classes if name not in known]:
        raise UsageError(f"{wrong[0]!r} is no class of this set; there are {', '.join(known)}")
    return list(config.classes or known)


def by_file_name(folder: Folder, *, suffixes: Iterable[str]) -> dict[str, list[str]]:
    """Inputs by their file name; one name may be in several folders."""
    wanted = tuple(suffixes)
    found: dict[str, list[str]] = {}
    for path in folder.inputs:
        if path.lower().endswith(wanted):
            found.setdefault(posixpath.basename(path), []).append(path)
    return found


def one_of_each(files: dict[str, list[str]], cohort: Cohort) -> dict[str, list[str]]:
    """For each name one file: of several (such as films in two sizes) that of the folder with most files."""
    sizes = Counter(posixpath.dirname(path) for paths in files.values() for path in paths)
    chosen = {
        name: min(paths, key=lambda path: (-sizes[posixpath.dirname(path)], path))
        for name, paths in files.items()
    }
    if num_left := sum(len(paths) - 1 for paths in files.values()):
        cohort.num_skipped += num_left
        cohort.notes.append(f"left out, as their images are also in a folder with more files: {num_left}")
    return {name: [path] for name, path in chosen.items()}


def settle_unmatched(
    cohort: Cohort, rows: Iterable[str], files: dict[str, list[str]], config: IngestConfig
) -> None:
    """Refuse, or leave out and say so, rows without a file and files without a row."""
    known = set(rows)
    refused = {refusal.name for refusal in cohort.refusals}
    lonely_rows = [name for name in known - refused if name not in files]
    lonely_files = [path for name, paths in files.items() if name not in known | refused for path in paths]
    if config.unmatched is Unmatched.skip:
        cohort.num_skipped += len(lonely_rows) + len(lonely_files)
        if lonely_rows or lonely_files:
            cohort.notes.append(
                f"skipped: {len(lonely_rows)} rows without a file, {len(lonely_files)} files without a row"
            )
        return
    cohort.refusals += [Refusal(name, "table/no-file", "the row has no file") for name in sorted(lonely_rows)]
    cohort.refusals += [Refusal(path, "table/no-row", "the file has no row") for path in sorted(lonely_files)]
