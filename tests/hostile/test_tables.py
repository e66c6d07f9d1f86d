"""Every kind of odd and broken table: the labels that it means, or what is wrong with it."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from medcli.cohorts.layouts import LAYOUTS, Cohort
from medcli.config import IngestConfig, Layout, Task
from medcli.errors import DataError, UsageError
from medcli.formats.tables import read_table
from tests.cli.run import medcli
from tests.cohorts.folder import MemoryFolder
from tests.formats.make import image_bytes, ramp

FILES = ["007.png", "7.png", "a/b c.png", "ö.png"]
PLAIN = "path,label\n007.png,x\n7.png,y\na/b c.png,y\nö.png,x\n"
MEANT = {"007.png": "x", "7.png": "y", "a/b c.png": "y", "ö.png": "x"}


def cohort(content: bytes, folder: Path, *, name: str = "t.csv", **options: Any) -> Cohort:
    (folder / name).write_bytes(content)
    table = read_table(folder / name, delimiter=options.get("delimiter"))
    config = IngestConfig(labels=folder / name, **options)
    return LAYOUTS[Layout.table].read(MemoryFolder(FILES, given=table), config)


def named(found: Cohort) -> dict[str, str]:
    return {entry.path: next(iter(entry.labels), "") for entry in found.entries}


def codes(found: Cohort) -> dict[str, str]:
    return {refusal.name: refusal.code for refusal in found.refusals}


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        gzip.compress(PLAIN.encode(), mtime=0),
        (PLAIN + PLAIN.partition("\n")[2]).encode(),
        PLAIN.replace("a/b c.png", '"a/b c.png"').encode(),
        PLAIN.replace("a/b c.png", "./a//b c.png").encode(),
        PLAIN.replace("a/b c.png", "a\\b c.png").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        "\n".join(["path,label", *reversed(PLAIN.splitlines()[1:])]).encode(),
    ],
)
def test_every_way_to_write_it_means_the_same(content: bytes, tmp_path: Path) -> None:
    found = cohort(content, tmp_path)
    assert named(found) == MEANT
    assert found.refusals == []


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"", {}, "empty"),
        (b"path,label\n", {}, "at least 2"),
        (PLAIN.encode("latin-1"), {}, "UTF-8"),
        (PLAIN.replace("ö", "o").encode("utf-16-le"), {}, "zero bytes"),
        (PLAIN.encode("utf-32"), {}, "zero bytes|UTF-16"),
        (PLAIN.encode() + b"\0\0", {}, "zero bytes"),
        (PLAIN.encode(), {"delimiter": ";"}, "no column 'path'"),
        (PLAIN.replace("path", "file").encode(), {}, "no column 'path'; it has file, label"),
        (PLAIN.encode(), {"key": "label", "label": ("path",)}, "no row of the table has a file"),
        (b"path,label,label\n7,x,y\n", {}, "2 columns called 'label'"),
        (b"path,path,label\n7,7,y\n", {}, "2 columns called 'path'"),
        (b'path,label\n7,"x\n', {}, "line"),
        (PLAIN.replace(",y", ",x").encode(), {}, "at least 2"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-9], {}, "ends early"),
        (b"\x89PNG\r\n\x1a\n\xff\xff", {}, "UTF-8"),
    ],
)
def test_what_cannot_be_read_says_why(
    content: bytes, options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises((DataError, UsageError), match=words):
        cohort(content, tmp_path, **options)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("7,x,more\n007,y,\n", {"7\0x\0more": "table/ragged-row"}),
        ("7\n007,y\n", {"7": "table/ragged-row"}),
        (",x\n007,y\n", {"\0x": "table/no-key"}),
        ("7,x\n7,y\n007,y\n", {"7.png": "table/duplicate-key"}),
        ("7.png,x\n7,y\n007.png,y\n", {"7": "table/no-file"}),
        ("/etc/passwd,x\n007,y\n", {"/etc/passwd": "table/no-file"}),
        ("../7.png,x\n007,y\n", {"../7.png": "table/no-file"}),
        ("gone,x\n007,y\n", {"gone": "table/no-file"}),
    ],
)
def test_rows_that_cannot_be_trusted_have_their_code(
    rows: str, expected: dict[str, str], tmp_path: Path
) -> None:
    found = cohort(f"path,label\n{rows}".encode(), tmp_path, classes=("x", "y"))
    assert {name: code for name, code in codes(found).items() if code != "table/no-row"} == expected
    assert len(found.entries) + sum(code == "table/no-row" for code in codes(found).values()) >= 3


def test_blank_uncertain_and_wrong_states(tmp_path: Path) -> None:
    content = b"path,label:A,label:B\n007.png,1,\n7.png,-1,0.0\na/b c.png,,\n\xc3\xb6.png,2,1\n"
    found = cohort(content, tmp_path)
    assert {entry.path: entry.labels for entry in found.entries} == {
        "007.png": {"A": 1},
        "7.png": {"A": -1, "B": 0},
        "a/b c.png": {},
    }
    assert codes(found) == {"ö.png": "table/bad-label"}


def test_a_compressed_bomb_is_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medcli.formats.tables.MAX_TABLE_BYTES", 1 << 20)
    with pytest.raises(DataError, match="more than 1048576 bytes"):
        cohort(gzip.compress(bytes(1 << 21)), tmp_path)


def test_many_rows_take_seconds(tmp_path: Path) -> None:
    lines = (f"f{number},{number % 2},{number // 3}" for number in range(30_000))
    (tmp_path / "t.csv").write_text("path,label,patient\n" + "\n".join(lines))
    table = read_table(tmp_path / "t.csv")
    files = [f"f{number}.png" for number in range(30_000)]
    start = time.process_time()
    config = IngestConfig(labels=tmp_path / "t.csv", task=Task.multiclass)
    found = LAYOUTS[Layout.table].read(MemoryFolder(files, given=table), config)
    assert len(found.entries) == 30_000
    assert time.process_time() - start < 5


HOSTILE_NAMES = [
    "<script>alert(1)</script>",
    "{{7*7}}",
    "=1+1|cmd",
    "\x1b[31mred",
    "new\nmedcli: error: forged",
]


def test_text_of_a_table_is_data(tmp_path: Path) -> None:
    """Names of classes go into the manifest and the report as they are, and can do nothing there."""
    root = tmp_path / "in"
    root.mkdir()
    rows = ["path,label"]
    for number, name in enumerate(HOSTILE_NAMES):
        (root / f"{number}.png").write_bytes(image_bytes(ramp() + number))
        rows.append(f'{number},"{name}"')
    (tmp_path / "labels.csv").write_text("\n".join([*rows, 'gone,"\x1b[31mred"']))
    done = medcli(
        *("ingest", "--labels", tmp_path / "labels.csv", "--classes", "\x1b[2Jno such", root),
        *(part for name in HOSTILE_NAMES for part in ("--classes", name)),
        *("--report", tmp_path / "page.html", "-o", tmp_path / "cohort.json", "--jobs", "1"),
        cwd=tmp_path,
    )
    assert done.returncode == 3, done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert "\nmedcli: error: forged" not in done.stderr
    manifest = json.loads((tmp_path / "cohort.json").read_text())
    assert {name for record in manifest["records"] for name in record["labels"]} == set(HOSTILE_NAMES)
    html = (tmp_path / "page.html").read_text()
    assert "<script>alert" not in html
    assert "{{7*7}}" in html
    assert "\x1b" not in html
