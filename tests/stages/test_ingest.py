"""Ingest: every input kept or rejected with a code, nobody's name anywhere, the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from medcli.cohorts.deidentify import keyed_hash
from medcli.config import IngestConfig, Layout, Task, Unmatched
from medcli.errors import DataError, InputError, OutputError, UsageError
from medcli.formats.codes import CODES
from medcli.stages._key import load_key
from medcli.stages.ingest import run
from medcli.store.manifest import Manifest, manifest_bytes, parse_manifest
from medcli.store.sources import read_sources
from tests.formats.make import PATIENT, dicom_bytes, image_bytes, nifti_bytes, ramp
from tests.realdata import real_data

KEY = "ab" * 32


class Notes:
    """Progress that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    def task(self, label: str, total: int | None = None) -> Any:
        from medcli.progress import SILENT

        return SILENT.task(label, total)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "patient.key"
    path.write_text(KEY)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one image of every format."""
    root = tmp_path / "in"
    (root / "CANARY-folder").mkdir(parents=True)
    (root / "CANARY-folder" / "film.dcm").write_bytes(dicom_bytes(ramp()))
    (root / "a.png").write_bytes(image_bytes(ramp()))
    (root / "b").write_bytes(image_bytes(ramp(), kind="JPEG"))
    (root / "c.tif").write_bytes(image_bytes(ramp(), kind="TIFF"))
    (root / "d.nii").write_bytes(nifti_bytes(ramp().reshape(3, 2, 5)))
    return root


def ingest(root: Path, key_file: Path, *, notes: Notes | None = None, **options: Any) -> Manifest:
    output = root.parent / "out" / "cohort.json"
    output.parent.mkdir(exist_ok=True)
    config = IngestConfig(source=root, output=output, key_file=key_file, **{"jobs": 1, **options})
    manifest = run(config, progress=notes or Notes())
    content = manifest_bytes(manifest, base=output.parent)
    assert parse_manifest(content, where="test", base=output.parent).records == manifest.records
    assert all(entry["code"] in CODES for entry in manifest.rejected)
    return manifest


def ingest_beside(
    root: Path, place: Path, key_file: Path, *, notes: Notes | None = None, **options: Any
) -> Manifest:
    """Ingest a folder that nothing may be written to."""
    config = IngestConfig(source=root, output=place / "m.json", key_file=key_file, **options)
    return run(config, progress=notes or Notes())


def names(manifest: Manifest) -> dict[str, str]:
    """Record or reject id to what the private map says."""
    assert manifest.sources is not None
    return {identity: file.get("path", "") for identity, file in read_sources(manifest.sources)[1].items()}


def reject_codes(manifest: Manifest) -> dict[str, str]:
    name = names(manifest)
    return {name[entry["id"]]: entry["code"] for entry in manifest.rejected}


def test_a_bare_folder(folder: Path, key_file: Path) -> None:
    manifest = ingest(folder, key_file, quick=True)
    assert manifest.task is None
    assert manifest.rejected == []
    assert sorted(names(manifest).values()) == ["CANARY-folder/film.dcm", "a.png", "b", "c.tif", "d.nii"]
    film = manifest.records[0]
    key = bytes.fromhex(KEY)
    assert film == {
        "id": keyed_hash("CANARY-folder/film.dcm", key=key, kind="path"),
        "sha256": film["sha256"],
        "quality": ["burned-in"],
        "labels": {},
        "patient": keyed_hash(PATIENT, key=key, kind="patient"),
        "age": 58,
        "sex": "F",
        "modality": "DX",
        "view": "PA",
    }
    assert set(manifest.records[1]) == {"id", "sha256", "labels"}
    assert manifest.history[-1]["command"] == "ingest"


def test_no_identity_and_no_name_gets_out(folder: Path, key_file: Path) -> None:
    (folder / "CANARY-empty.dcm").touch()
    (folder / "CANARY-cut.dcm").write_bytes(dicom_bytes(ramp())[:500])
    notes = Notes()
    manifest = ingest(folder, key_file, notes=notes)
    written = manifest_bytes(manifest, base=folder.parent).decode()
    for word in ("CANARY", PATIENT, "film", "a.png", KEY):
        assert word not in written
        assert not any(word in said for said in notes.said)
    assert manifest.sources is not None
    private = Path(manifest.sources["path"])
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert PATIENT not in private.read_text()


def test_another_key_gives_other_hashes(folder: Path, key_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.write_text("cd" * 32)
    one, two = ingest(folder, key_file), ingest(folder, other)
    assert {record["id"] for record in one.records}.isdisjoint(record["id"] for record in two.records)
    assert one.records[0]["patient"] != two.records[0]["patient"]
    assert [record["sha256"] for record in one.records] == [record["sha256"] for record in two.records]


def test_jobs_and_time_change_nothing(folder: Path, key_file: Path) -> None:
    (folder / "empty").touch()
    results = []
    for jobs in (1, 2):
        manifest = ingest(folder, key_file, jobs=jobs)
        results.append(manifest_bytes(manifest, base=folder.parent))
        for path in folder.rglob("*"):
            os.utime(path, (time.time() - 9e6,) * 2)
    assert results[0] == results[1]


def test_hostile_files_are_rejected_each_with_its_code(folder: Path, key_file: Path) -> None:
    (folder / "empty.dcm").touch()
    (folder / "one").write_bytes(b"\0")
    (folder / "page.dcm").write_bytes(b"<html>not found</html>")
    (folder / "pointer.png").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    (folder / "cut.png").write_bytes(image_bytes(ramp())[:40])
    (folder / "cut.dcm").write_bytes(dicom_bytes(ramp())[:-20])
    (folder / "loop").symlink_to("loop")
    (folder / "outside").symlink_to(key_file)
    os.mkfifo(folder / "pipe")
    with open(os.fsencode(folder) + b"/\xff\n.dcm", "wb") as file:
        file.write(b"text")
    manifest = ingest(folder, key_file)
    assert reject_codes(manifest) == {
        "empty.dcm": "decode/empty",
        "one": "decode/truncated",
        "page.dcm": "decode/unknown-format",
        "pointer.png": "decode/unknown-format",
        "cut.png": "decode/truncated",
        "cut.dcm": "decode/truncated",
        "loop": "file/symlink",
        "outside": "file/symlink",
        "pipe": "file/not-regular",
        "\udcff\n.dcm": "decode/unknown-format",
    }
    assert len(manifest.records) == 5


def test_a_table(folder: Path, key_file: Path) -> None:
    table = folder / "labels.csv"
    table.write_bytes(
        b"\xef\xbb\xbfpath,patient,view,age,sex,site,label:Edema\r\n"
        b"CANARY-folder/film.dcm,p9,lateral,414,x,north,1\r\n"
        b"a.png,p9,,33.0,male,,-1\r\n"
        b"b,,,,,,\r\n"
        b"gone.png,p1,,,,,0\r\n"
    )
    notes = Notes()
    manifest = ingest(folder, key_file, labels=table, notes=notes, quick=True)
    film, png, jpeg = manifest.records
    assert manifest.task == {"type": "multilabel", "classes": ["Edema"]}
    assert film["patient"] == png["patient"] == keyed_hash("p9", key=bytes.fromhex(KEY), kind="patient")
    assert (film["view"], film["site"], film["labels"]) == ("LATERAL", "north", {"Edema": 1})
    assert "age" not in film
    assert "sex" not in film
    assert (png["age"], png["sex"], png["labels"]) == (33, "M", {"Edema": -1})
    assert set(jpeg) == {"id", "sha256", "labels"}
    assert reject_codes(manifest) == {"": "table/no-file", "c.tif": "table/no-row", "d.nii": "table/no-row"}
    assert "1 values of age make no sense and were left out" in notes.said
    assert [entry["role"] for entry in manifest.history[-1]["inputs"]] == ["files", "labels"]


def test_masks_are_in_the_private_map_only(folder: Path, key_file: Path) -> None:
    table = folder / "labels.csv"
    table.write_text("path,label,mask\na.png,x,c.tif\nb,y,\n")
    manifest = ingest(folder, key_file, labels=table, unmatched=Unmatched.skip)
    assert [record.get("has_mask") for record in manifest.records] == [True, None]
    assert manifest.sources is not None
    files = read_sources(manifest.sources)[1]
    assert files[manifest.records[0]["id"]] == {"path": "a.png", "mask": "c.tif"}
    digest = hashlib.sha256((folder / "c.tif").read_bytes()).hexdigest()
    assert [record.get("mask_sha256") for record in manifest.records] == [digest, None]


def test_a_mask_that_is_no_image_is_refused(folder: Path, key_file: Path) -> None:
    (folder / "m.png").write_bytes(b"CANARY^NAME")
    table = folder / "labels.csv"
    table.write_text("path,label,mask\na.png,x,m.png\nb,y,\n")
    manifest = ingest(folder, key_file, labels=table, unmatched=Unmatched.skip)
    assert reject_codes(manifest) == {"a.png": "table/bad-mask"}
    assert "CANARY" not in str(manifest.rejected)


def test_class_folders_and_a_link_among_them(tmp_path: Path, key_file: Path) -> None:
    root = tmp_path / "in"
    for name in ("x/1.png", "y/2.png"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(image_bytes(ramp()))
    (root / "link").symlink_to("x")
    manifest = ingest(root, key_file, layout=Layout.class_folders)
    assert manifest.task == {"type": "multiclass", "classes": ["x", "y"]}
    assert [record["labels"] for record in manifest.records] == [{"x": 1}, {"y": 1}]
    assert reject_codes(manifest) == {"link": "file/symlink"}


@pytest.mark.parametrize(("limit", "is_allowed"), [("1", True), ("0", False), ("20%", True), ("16%", False)])
def test_max_rejects(folder: Path, key_file: Path, limit: str, is_allowed: bool) -> None:
    (folder / "empty").touch()  # 1 of 6
    if is_allowed:
        assert len(ingest(folder, key_file, max_rejects=limit).rejected) == 1
    else:
        with pytest.raises(DataError, match="1 of 6"):
            ingest(folder, key_file, max_rejects=limit)


def test_nothing_to_ingest(tmp_path: Path, key_file: Path) -> None:
    root = tmp_path / "in"
    with pytest.raises(InputError, match="no such"):
        ingest(root, key_file)
    root.mkdir()
    (root / "README.md").touch()
    with pytest.raises(InputError, match="no file"):
        ingest(root, key_file)
    (root / "x.dcm").write_text("not an image at all")
    with pytest.raises(DataError, match="looks like text"):
        ingest(root, key_file)


@pytest.mark.parametrize(
    "options",
    [
        {"layout": Layout.table},
        {"layout": Layout.class_folders, "labels": Path("t.csv")},
        {"task": Task.binary},
        {"label": ("dx",)},
        {"patient": "pid"},
        {"unmatched": Unmatched.skip},
        {"max_rejects": "few"},
    ],
)
def test_options_that_lack_a_partner(folder: Path, key_file: Path, options: dict) -> None:
    with pytest.raises(UsageError):
        ingest(folder, key_file, **options)


def test_a_single_file(folder: Path, key_file: Path) -> None:
    assert list(names(ingest(folder / "a.png", key_file)).values()) == ["a.png"]


# --- the key


def test_the_key_is_made_once_and_kept_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    first = load_key(None)
    path = tmp_path / "config" / "medcli" / "patient.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first) == 32
    assert load_key(None) == first
    assert os.listdir(path.parent) == ["patient.key"]
    path.unlink()
    assert load_key(None) != first


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    for text in ("", "hello", "ab" * 8, "xy" * 32):
        path = tmp_path / "key"
        path.write_text(text)
        with pytest.raises(DataError, match="no key"):
            load_key(path)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        load_key(tmp_path / "file" / "key")


# --- real cohorts


@pytest.mark.realdata
def test_a_table_of_112_120_rows(tmp_path: Path, key_file: Path) -> None:
    data = real_data("chestxray14")
    (tmp_path / "out").mkdir()
    start = time.monotonic()
    config = IngestConfig(
        source=data / "images",
        labels=data / "Data_Entry_2017_v2020.csv.gz",
        output=tmp_path / "out" / "m.json",
        key_file=key_file,
        key="Image Index",
        label=("Finding Labels",),
        separator="|",
        patient="Patient ID",
        view="View Position",
        age="Patient Age",
        sex="Patient Gender",
    )
    manifest = run(config)
    assert time.monotonic() - start < 30
    assert len(manifest.records) == 1000
    assert len(manifest.records) + len(manifest.rejected) == 112_120
    assert len({record["patient"] for record in manifest.records}) == 264
    assert len(manifest.classes) == 15
    assert {record["view"] for record in manifest.records} == {"AP", "PA"}


def test_equal_pixels_in_other_files_are_found(tmp_path: Path, key_file: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    pixels = ramp(64, 48)
    (root / "a.png").write_bytes(image_bytes(pixels))
    (root / "b.tif").write_bytes(image_bytes(pixels, kind="TIFF"))
    (root / "c.png").write_bytes(image_bytes(pixels[::-1].copy()))
    manifest = ingest(root, key_file)
    first, second, third = manifest.records
    assert first["sha256"] != second["sha256"]
    assert first["pixels_sha256"] == second["pixels_sha256"] != third["pixels_sha256"]
    assert manifest.evidence is not None
    assert manifest.evidence["same_pixels"]["sets"] == 1


def test_rows_without_images(tmp_path: Path, key_file: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("path,patient,label,part\na.png,p,x,train\nb.png,q,y,test\n")
    manifest = ingest(tmp_path, key_file, labels=table, labels_only=True)
    assert [record["labels"] for record in manifest.records] == [{"x": 1}, {"y": 1}]
    assert [record["part"] for record in manifest.records] == ["train", "test"]
    assert all("sha256" not in record for record in manifest.records)
    assert manifest.sources is None


@pytest.mark.realdata
def test_all_findings_of_chestxray14(tmp_path: Path, key_file: Path) -> None:
    notes = Notes()
    manifest = ingest_beside(real_data("chestxray14"), tmp_path, key_file, notes=notes, labels_only=True)
    assert notes.said[0] == "layout: chestxray14 (Data_Entry_2017_v2020.csv.gz)"
    counts = Counter(name for record in manifest.records for name, value in record["labels"].items() if value)
    assert (len(manifest.records), len({record["patient"] for record in manifest.records})) == (
        112_120,
        30_805,
    )
    assert sum(not any(record["labels"].values()) for record in manifest.records) == 60_361
    assert counts == {
        "Infiltration": 19_894,
        "Effusion": 13_317,
        "Atelectasis": 11_559,
        "Nodule": 6_331,
        "Mass": 5_782,
        "Pneumothorax": 5_302,
        "Consolidation": 4_667,
        "Pleural_Thickening": 3_385,
        "Cardiomegaly": 2_776,
        "Emphysema": 2_516,
        "Edema": 2_303,
        "Fibrosis": 1_686,
        "Pneumonia": 1_431,
        "Hernia": 227,
    }


@pytest.mark.realdata
def test_four_series_of_one_case_are_one_volume(tmp_path: Path, key_file: Path) -> None:
    manifest = ingest_beside(real_data("gbm_dicom"), tmp_path, key_file)
    (record,) = manifest.records
    assert manifest.rejected == []
    assert len(record["spacing_mm"]) == 3
    assert manifest.sources is not None
    source = read_sources(manifest.sources)[1][record["id"]]
    assert len({len(channel["series"]) for channel in source["channels"]}) == 1
    assert len(source["channels"]) == 4
    assert "Patient" not in json.dumps(manifest.records)


@pytest.mark.realdata
def test_an_archive_keeps_its_official_parts(tmp_path: Path, key_file: Path) -> None:
    manifest = ingest_beside(real_data("adrenalmnist3d"), tmp_path, key_file, quick=True)
    assert Counter(record["part"] for record in manifest.records) == {"train": 1188, "val": 98, "test": 298}
    assert manifest.task == {"type": "binary", "classes": ["hyperplasia"]}


def test_a_folder_that_cannot_be_written_is_found_before_the_work(folder: Path, key_file: Path) -> None:
    config = IngestConfig(source=folder, output=folder.parent / "none" / "m.json", key_file=key_file)
    with pytest.raises(OutputError):
        run(config)
