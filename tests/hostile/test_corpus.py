"""Every kind of broken or odd file in one folder, through the real commands: a code each, no leak."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from medcli.formats.image import decode
from tests.cli.run import medcli
from tests.hostile.kind import Kind
from tests.hostile.kinds_of_dicom import DICOM
from tests.hostile.kinds_of_files import FOREIGN, RASTER
from tests.hostile.kinds_of_streams import STREAMS
from tests.hostile.kinds_of_volumes import NIFTI, NPZ

KINDS = {**FOREIGN, **RASTER, **NIFTI, **NPZ, **DICOM, **STREAMS}
ODD = {
    "loop": "file/symlink",
    "outside": "file/symlink",
    "nowhere": "file/symlink",
    "pipe": "file/not-regular",
}
NAMES = ["-o rf.png", "new\nline.png", "\x1b[31mred.png", os.fsdecode(b"\xff\xfe.png"), "CANARY^NAME.png"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus, ingested: `in/` beside `cohort.json`, and what the command said."""
    place = tmp_path_factory.mktemp("hostile")
    root = place / "in"
    root.mkdir()
    for name, kind in KINDS.items():
        (root / name).write_bytes(kind.build())
    plain = KINDS["grey.png"].build()
    for name in NAMES:
        (root / name).write_bytes(plain)
    (root / "loop").symlink_to(".")
    (root / "outside").symlink_to("/etc/passwd")
    (root / "nowhere").symlink_to("missing")
    os.mkfifo(root / "pipe")
    done = medcli("ingest", root, "-o", place / "cohort.json", "--jobs", "2", cwd=place)
    (place / "said").write_text(f"{done.returncode}\n{done.stdout}{done.stderr}")
    return place


def outcome(place: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Code and reason of every input by name; both empty of one that was kept."""
    manifest = json.loads((place / "cohort.json").read_text())
    (private,) = place.glob("*sources*.json")
    sources = json.loads(private.read_bytes().decode("utf-8", "surrogateescape"))
    files = {key: value["path"] for key, value in sources["files"].items()}
    codes = {files[record["id"]]: "" for record in manifest["records"]}
    rejected = {files[entry["id"]]: entry for entry in manifest["rejected"]}
    assert not codes.keys() & rejected.keys()
    return (
        {**codes, **{name: entry["code"] for name, entry in rejected.items()}},
        {name: entry["reason"] for name, entry in rejected.items()},
    )


def test_every_kind_has_its_code_and_no_input_is_lost(place: Path) -> None:
    expected = {**{name: kind.code for name, kind in KINDS.items()}, **ODD, **dict.fromkeys(NAMES, "")}
    found, reasons = outcome(place)
    assert found.keys() == expected.keys()
    wrong = {name: (found[name], reasons.get(name)) for name, code in expected.items() if found[name] != code}
    assert wrong == {}


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.pixels])
def test_what_is_kept_has_the_pixels_that_were_put_in(name: str, tmp_path: Path) -> None:
    kind: Kind = KINDS[name]
    assert kind.pixels is not None
    (tmp_path / name).write_bytes(kind.build())
    found, expected = decode(tmp_path / name).pixels, kind.pixels()
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert np.abs(found.astype(np.float64) - expected.astype(np.float64)).max() <= kind.tolerance


def test_some_were_rejected_and_no_traceback_is_shown(place: Path) -> None:
    said = (place / "said").read_text()
    assert said.startswith("3\n"), said
    assert "Traceback" not in said
    assert "worker/" not in (place / "cohort.json").read_text()


def test_neither_names_nor_tags_nor_texts_leak(place: Path) -> None:
    for text in ((place / "said").read_text(), (place / "cohort.json").read_text()):
        assert "CANARY" not in text
        assert "\x1b" not in text


def test_preprocess_keeps_what_ingest_kept(place: Path) -> None:
    kept = [name for name, code in outcome(place)[0].items() if not code]
    done = medcli(
        *("preprocess", place / "cohort.json", place / "out.h5", "--size", "16", "--jobs", "2"),
        *("-o", place / "shards.json", "--max-rejects", "100%"),
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    assert "CANARY" not in done.stderr + (place / "shards.json").read_text()
    manifest = json.loads((place / "shards.json").read_text())
    num_new = len(manifest["rejected"]) - (len(KINDS) + len(ODD) + len(NAMES) - len(kept))
    assert len(manifest["records"]) + num_new == len(kept)


def test_a_folder_of_only_broken_files_is_bad_data(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (root / "CANARY").write_bytes(b"")
    done = medcli("ingest", root, "-o", tmp_path / "cohort.json", cwd=tmp_path)
    assert done.returncode == 65
    assert "decode/empty" in done.stderr
    assert "CANARY" not in done.stderr
    assert not (tmp_path / "cohort.json").exists()


def test_no_input_at_all(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    done = medcli("ingest", tmp_path / "in", "-o", tmp_path / "cohort.json", cwd=tmp_path)
    assert done.returncode == 66
    assert "Traceback" not in done.stderr
