"""Tables of labels: CSV and TSV, plain or gzipped, with nothing guessed."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from medcli.errors import DataError, InputError, at
from medcli.formats.inflate import GZIP, inflate

MAX_TABLE_BYTES = 1 << 29
_TAB_SUFFIXES = (".tsv", ".tab", ".tsv.gz", ".tab.gz")
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

    UTF-8, or UTF-16 with a byte order mark; commas, or tabs when the name ends in .tsv or .tab.

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
        text = _decode(
            inflate(content, wbits=GZIP, limit=MAX_TABLE_BYTES) if content[:2] == b"\x1f\x8b" else content
        )
        is_tabs = path.name.lower().endswith(_TAB_SUFFIXES)
        columns, rows = _parse(text, delimiter or ("\t" if is_tabs else ","))
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


def _decode(content: bytes) -> str:
    encoding, start = next(
        ((name, len(bom)) for bom, name in _BOMS.items() if content.startswith(bom)), ("utf-8", 0)
    )
    try:
        text = content[start:].decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"the table is not {encoding.upper()} (byte {error.start + start})",
            hint="convert it, for example: iconv -f latin1 -t utf-8 TABLE > NEW",
        ) from error
    if "\0" in text:
        raise DataError(
            "the table holds zero bytes: no text, or UTF-16 without its byte order mark",
            hint="convert it, for example: iconv -f utf-16le -t utf-8 TABLE > NEW",
        )
    return text


def _parse(text: str, delimiter: str) -> tuple[list[str], list[list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        lines = [[cell.strip() for cell in row] for row in reader]
    except csv.Error as error:
        raise DataError(f"line {reader.line_num} of the table: {error}") from error
    lines = [line for line in lines if any(line)]
    if not lines:
        raise DataError("the table is empty")
    columns = lines[0]
    while columns and not columns[-1]:
        columns.pop()
    if len(columns) == 1 and delimiter == "," and (";" in columns[0] or "\t" in columns[0]):
        raise DataError(
            "the header has no commas",
            hint="save it with commas, or with tabs and a name in .tsv; ingest takes --delimiter ';'",
        )
    return columns, lines[1:]
