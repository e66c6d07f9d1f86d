"""Which file a row means: by relative path, file name, file name without extension, or DICOM UID."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from medcli.errors import DataError


def stem(path: str) -> str:
    """File name without folder and extension; `.nii.gz` counts as one extension."""
    name = posixpath.basename(path)
    shorter = name[:-3] if name.lower().endswith(".gz") else name
    return posixpath.splitext(shorter)[0]


_UID = re.compile(r"\d+(\.\d+){3,}", re.ASCII)

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
    """The rule of `RULES` under which most keys have a file; at a tie the stricter one.

    Raises:
        DataError: If under that rule a key means several files.
    """
    return best_match(
        keys, {rule: [(to_key(path), path) for path in files] for rule, to_key in RULES.items()}
    )


def looks_like_uid(key: str) -> bool:
    """Whether a key may be a DICOM UID (PS3.5 9.1)."""
    return len(key) <= 64 and _UID.fullmatch(key) is not None


def best_match(keys: Iterable[str], candidates: Mapping[str, Iterable[tuple[str, str]]]) -> Matching:
    """The rule under which most keys have a file; at a tie the first one.

    Args:
        keys: Of the table.
        candidates: By rule: pairs of a key that a file has under it, and the file.

    Raises:
        DataError: If under that rule a key means several files.
    """
    wanted = set(keys)
    best = Matching({}, next(iter(candidates)))
    best_doubled: dict[str, int] = {}
    for rule, pairs in candidates.items():
        found: dict[str, str] = {}
        doubled: dict[str, int] = {}
        for key, path in pairs:
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
