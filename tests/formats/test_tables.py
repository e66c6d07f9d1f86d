"""Tables: every spelling of the same table reads the same, and nothing is guessed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from medcli.errors import DataError, InputError
from medcli.formats.tables import read_table

COLUMNS = ["path", "label"]
ROWS = [["a.png", "Ödem, links"], ["b.png", "=1+1"], ["007", ""]]
TEXT = 'path,label\na.png,"Ödem, links"\nb.png,=1+1\n007,\n'

SPELLINGS = {
    "plain": ("t.csv", TEXT.encode()),
    "CRLF": ("t.csv", TEXT.replace("\n", "\r\n").encode()),
    "BOM": ("t.csv", b"\xef\xbb\xbf" + TEXT.encode()),
    "UTF-16": ("t.csv", TEXT.encode("utf-16")),
    "UTF-16 big endian": ("t.csv", b"\xfe\xff" + TEXT.encode("utf-16-be")),
    "gzip": ("t.csv.gz", gzip.compress(TEXT.encode(), mtime=0)),
    "no last newline": ("t.csv", TEXT.encode().rstrip()),
    "blank lines": ("t.csv", TEXT.replace("\n", "\n\n,\n").encode()),
    "spaces": ("t.csv", TEXT.replace("label", " label ").replace("a.png,", "a.png ,").encode()),
    "empty last column": ("t.csv", TEXT.replace("label\n", "label,\n").encode()),
    "tabs": ("t.tsv", "path\tlabel\na.png\tÖdem, links\nb.png\t=1+1\n007\t\n".encode()),
}


@pytest.mark.parametrize(("name", "content"), SPELLINGS.values(), ids=SPELLINGS.keys())
def test_spellings(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    table = read_table(path)
    assert (table.columns, table.rows) == (COLUMNS, ROWS)


@pytest.mark.parametrize("sign", [";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\r\n\r\n"])
def test_a_header_without_commas_says_what_stands_between_cells(
    sign: str, start: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(f'{start}path{sign}"label"\r\na{sign}b,c\r\n'.encode())
    assert read_table(path).columns == ["path", "label"]
    assert read_table(path).rows == [["a", "b,c"]]
    assert read_table(path, delimiter=sign) == read_table(path)


def test_a_comma_in_the_header_decides_unless_declared(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("path,one;label\na,b;c\n")
    assert read_table(path).columns == ["path", "one;label"]
    assert read_table(path, delimiter=";").columns == ["path,one", "label"]


def test_a_workbook_is_no_table_of_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"PK\x03\x04\x14\0")
    with pytest.raises(DataError, match="zip archive, as workbooks are"):
        read_table(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n\n , \n", "empty"),
        ("path,label\na,Ö\n".encode("latin-1"), "UTF-8"),
        (b'path,label\na,"b\n', "line"),
        (b"\x1f\x8b\x08\x00damaged", "damaged"),
    ],
)
def test_damaged_tables_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_table(path)
    assert caught.value.where == str(path)


def test_a_missing_table_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_table(tmp_path / "none.csv")
