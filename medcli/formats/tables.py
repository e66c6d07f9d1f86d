"""Tables of labels: CSV and TSV, plain or gzipped, with nothing guessed."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from medcli.errors import DataError, InputError, at
from medcli.formats.inflate import GZIP, inflate

MAX_TABLE_BYTES = 1 << 29
MAX_SHARED = 1 << 14
"""Distinct cells, of the first there are, that are kept once however often they come back."""

_TAB_SUFFIXES = (".tsv", ".tab", ".tsv.gz", ".tab.gz")
_ZIP = b"PK\x03\x04"
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True)
class Table:
    """A table as text.

    Attributes:
        columns: Names in the header, stripped.
        rows: Cells, stripped; a row may be ragged. Rows without any content are left out.
        sha256: Digest of the file's bytes.
    """

    columns: list[str]
    rows: list[list[str]]
    sha256: str


def read_table(path: Path, *, delimiter: str | None = None) -> Table:
    """The whole table.

    UTF-8, or UTF-16 with a byte order mark; commas, or tabs when the name ends in .tsv or .tab. A header
    without any comma in which there are semicolons, or tabs, is read by them, as spreadsheets write it where
    the comma stands in numbers.

    Raises:
        InputError: If it does not exist or cannot be read.
        DataError: If it is empty or not text.
    """
    with at(path):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError((error.strerror or "cannot be read").lower()) from error
        digest = hashlib.sha256(content).hexdigest()
        if content[:2] == b"\x1f\x8b":
            content = inflate(content, wbits=GZIP, limit=MAX_TABLE_BYTES)
        is_tabs = path.name.lower().endswith(_TAB_SUFFIXES)
        if content.startswith(_ZIP):
            raise DataError(
                "it is a zip archive, as workbooks are, and no text", hint="save the sheet as CSV in UTF-8"
            )
        lines = _lines(content)
        if delimiter is None:
            delimiter, lines = ("\t", lines) if is_tabs else _delimiter_of(lines)
        columns, rows = _parse(lines, delimiter)
        return Table(columns, rows, digest)


def columns_of(table: Table) -> dict[str, list[str]]:
    """Cells by column, of a table whose rows all have as many cells as there are columns.

    Raises:
        DataError: If a row is ragged, there is none, or two columns are called alike.
    """
    width = len(table.columns)
    ragged = next((i for i, row in enumerate(table.rows) if len(row) < width or any(row[width:])), None)
    if ragged is not None:
        raise DataError(
            f"row {ragged + 1} has {len(table.rows[ragged])} cells under {width} columns",
            hint="every row needs a cell for every column",
        )
    if not table.rows:
        raise DataError("the table has a header and no rows")
    if doubled := [name for i, name in enumerate(table.columns) if name in table.columns[:i]]:
        raise DataError(f"two columns are called {doubled[0]!r}")
    return {name: [row[i] for row in table.rows] for i, name in enumerate(table.columns)}


def _lines(content: bytes) -> Iterator[str]:
    """The text by line, so that it is never there twice."""
    encoding, start = next(
        ((name, len(bom)) for bom, name in _BOMS.items() if content.startswith(bom)), ("utf-8", 0)
    )
    file = io.BytesIO(content)
    file.seek(start)
    try:
        for line in io.TextIOWrapper(file, encoding=encoding, newline=""):
            if "\0" in line:
                raise DataError(
                    "the table holds zero bytes: no text, or UTF-16 without its byte order mark",
                    hint="convert it, for example: iconv -f utf-16le -t utf-8 TABLE > NEW",
                )
            yield line
    except UnicodeDecodeError as error:
        place = _first_undecodable(content[start:], encoding) + start
        raise DataError(
            f"the table is not {encoding.upper()} (byte {place})",
            hint="convert it, for example: iconv -f latin1 -t utf-8 TABLE > NEW",
        ) from error


def _delimiter_of(lines: Iterator[str]) -> tuple[str, Iterator[str]]:
    """What stands between the cells of a header, and all lines again."""
    seen = []
    for line in lines:
        seen.append(line)
        if line.strip():
            break
    header = seen[-1] if seen else ""
    found = next((sign for sign in (",", ";", "\t") if sign in header), ",")
    return found, chain(seen, lines)


def _first_undecodable(content: bytes, encoding: str) -> int:
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return len(content)


def _parse(text: Iterator[str], delimiter: str) -> tuple[list[str], list[list[str]]]:
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    shared: dict[str, str] = {}

    def cell_of(raw: str) -> str:
        cell = raw.strip()
        return shared.setdefault(cell, cell) if len(shared) < MAX_SHARED else shared.get(cell, cell)

    try:
        stripped = ([cell_of(cell) for cell in row] for row in reader)
        lines = [line for line in stripped if any(line)]
    except csv.Error as error:
        raise DataError(f"line {reader.line_num} of the table: {error}") from error
    if not lines:
        raise DataError("the table is empty")
    columns = lines[0]
    while columns and not columns[-1]:
        columns.pop()
    return columns, lines[1:]
