"""Which file a row means: by relative path, by file name, or by file name without extension."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from medcli.errors import DataError


def stem(path: str) -> str:
    """File name without folder and extension; `.nii.gz` counts as one extension."""
    name = posixpath.basename(path)
    shorter = name[:-3] if name.lower().endswith(".gz") else name
    return posixpath.splitext(shorter)[0]


RULES: dict[str, Callable[[str], str]] = {
    "path below the folder": lambda path: path,
    "file name": posixpath.basename,
    "file name without extension": stem,
}


@dataclass(frozen=True)
class Matching:
    """Key to file, for the keys that have one, and the rule that found them."""

    files: dict[str, str]
    rule: str


def match_keys(keys: Iterable[str], files: list[str]) -> Matching:
    """The rule under which most keys have a file; at a tie the stricter one.

    Raises:
        DataError: If under that rule a key means several files.
    """
    wanted = set(keys)
    best = Matching({}, next(iter(RULES)))
    best_doubled: dict[str, int] = {}
    for rule, to_key in RULES.items():
        found: dict[str, str] = {}
        doubled: dict[str, int] = {}
        for path in files:
            key = to_key(path)
            if key in wanted:
                if key in found:
                    doubled[key] = doubled.get(key, 1) + 1
                found[key] = path
        if len(found) > len(best.files):
            best, best_doubled = Matching(found, rule), doubled
    if best_doubled:
        raise DataError(
            f"{len(best_doubled)} keys of the table mean several files each when matched by {best.rule}",
            hint="give --key a column with paths below the folder",
        )
    return best


def normalize_key(cell: str) -> str:
    """A key as a relative path with `/`; one that climbs out or is absolute matches no file."""
    key = cell.replace("\\", "/")
    return posixpath.normpath(key) if key.startswith("./") or "//" in key or "/./" in key else key
