"""The files below a folder: in one order, without following anything out of it."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from medcli.errors import InputError

IGNORED_SUFFIXES = frozenset(
    {
        *("csv", "tsv", "tab", "json", "jsonl", "toml", "yaml", "yml", "xml", "xls", "xlsx", "sql"),
        *("txt", "md", "rst", "log", "html", "htm", "css", "js", "pdf", "doc", "docx", "bib", "cff"),
        *("py", "r", "sh", "ipynb", "h5", "safetensors", "key", "sha256", "md5"),
    }
)
IGNORED_NAMES = re.compile(
    r"(readme|license|licence|changelog|citation|notice|checksums?|dicomdir|makefile)$", re.I
)


@dataclass
class Listing:
    """What lies below a folder.

    Attributes:
        files: Paths of regular files relative to the folder, with `/`, sorted by their bytes.
        odd: Path and reason code of every link or special file that is not followed.
        others: Paths of what is no input because of how it is called, but for hidden files; sorted likewise.
        ignored: Number of files a suffix (or name), that are no inputs because of how they are called.
    """

    files: list[str] = field(default_factory=list)
    odd: list[tuple[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    ignored: dict[str, int] = field(default_factory=dict)


def list_files(root: Path) -> Listing:
    """Everything below `root` that may be an image.

    One rule says what is no input: hidden names, names whose suffix says table, text, program or output of
    ours (`IGNORED_SUFFIXES`, also with `.gz`), and README, LICENSE, DICOMDIR and their like. All else is an
    input and is judged by its content. A link to a file inside the folder is followed; other links are odd.

    Raises:
        InputError: If the folder does not exist or cannot be listed.
    """
    listing = Listing()
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = _entries(root, folder)
        except InputError:
            if not folder:
                raise
            listing.odd.append((folder.rstrip("/"), "file/unreadable"))
            continue
        for entry in entries:
            relative = f"{folder}{entry.name}"
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                folders.append(f"{relative}/")
            elif word := ignored_as(entry.name):
                listing.ignored[word] = listing.ignored.get(word, 0) + 1
                if word != "hidden" and not _odd_code(root, entry):
                    listing.others.append(relative)
            elif code := _odd_code(root, entry):
                listing.odd.append((relative, code))
            else:
                listing.files.append(relative)
    listing.files.sort(key=os.fsencode)
    listing.others.sort(key=os.fsencode)
    listing.odd.sort(key=lambda item: os.fsencode(item[0]))
    listing.ignored = dict(sorted(listing.ignored.items()))
    return listing


def _entries(root: Path, folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as entries:
            return list(entries)
    except OSError as error:
        raise InputError(
            f"cannot be listed: {(error.strerror or '').lower()}", where=str(root / folder)
        ) from error


def ignored_as(name: str) -> str:
    """The suffix, or name, by which a file is no input; empty where it may be one."""
    if name.startswith("."):
        return "hidden"
    if IGNORED_NAMES.match(name):
        return name.lower()
    parts = name.lower().split(".")
    suffix = parts[-2] if parts[-1] == "gz" and len(parts) > 2 else parts[-1]
    return f".{suffix}" if len(parts) > 1 and suffix in IGNORED_SUFFIXES else ""


def _odd_code(root: Path, entry: os.DirEntry[str]) -> str:
    """The reason not to read an entry; empty for regular files and for links to one inside the root."""
    try:
        if entry.is_symlink():
            target = Path(entry.path).resolve(strict=True)
            inside = target.is_relative_to(root.resolve())
            return "" if inside and stat.S_ISREG(target.stat().st_mode) else "file/symlink"
        return "" if entry.is_file(follow_symlinks=False) else "file/not-regular"
    except (OSError, RuntimeError):
        return "file/symlink"
