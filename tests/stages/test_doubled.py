"""One SOP Instance UID in several files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medcli.config import IngestConfig
from medcli.stages.ingest import run
from medcli.store.manifest import Manifest
from medcli.store.sources import read_sources
from tests.cli.run import medcli
from tests.formats.make import dicom_bytes, ramp


def ingest(root: Path, **options: Any) -> tuple[Manifest, dict[str, str], list[str]]:
    """The manifest, the code of each rejected file, and the files that were kept."""
    place = root.parent
    config = IngestConfig(
        source=root, output=place / "cohort.json", key_file=place / "patient.key", jobs=1, **options
    )
    manifest = run(config)
    assert manifest.sources is not None
    sources = read_sources(manifest.sources)[1]
    names = {identity: source.get("path") or source["row"] for identity, source in sources.items()}
    codes = {names[entry["id"]]: entry["code"] for entry in manifest.rejected}
    return manifest, codes, [names[record["id"]] for record in manifest.records]


def write(root: Path, **films: bytes) -> Path:
    root.mkdir()
    for name, content in films.items():
        (root / f"{name}.dcm").write_bytes(content)
    return root


def film(pixels: np.ndarray | None = None, *, uid: str = "1.2.3", **tags: Any) -> bytes:
    return dicom_bytes(ramp() if pixels is None else pixels, SOPInstanceUID=uid, **tags)


@pytest.mark.parametrize("is_quick", [False, True])
def test_a_copy_is_left_out_and_said(tmp_path: Path, is_quick: bool) -> None:
    root = write(tmp_path / "in", a=film(), b=film(), c=film(ramp() + 1, uid="1.2.4"))
    manifest, codes, kept = ingest(root, quick=is_quick)
    assert codes == {"b.dcm": "file/doubled"}
    assert kept == ["a.dcm", "c.dcm"]
    assert manifest.evidence is not None
    assert manifest.evidence["images"] == 2


def test_a_copy_with_another_header_is_still_one(tmp_path: Path) -> None:
    root = write(tmp_path / "in", a=film(), b=film(StationName="X"))
    assert ingest(root)[1] == {"b.dcm": "file/doubled"}


def test_other_pixels_under_one_uid_are_all_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "in", a=film(), b=film(ramp() + 1), c=film(ramp() + 2, uid="1.2.4"), d=film())
    _, codes, kept = ingest(root)
    assert codes == dict.fromkeys(("a.dcm", "b.dcm", "d.dcm"), "file/uid-conflict")
    assert kept == ["c.dcm"]


def test_one_uid_for_all_is_said_with_a_way_out(tmp_path: Path) -> None:
    films = {f"film{i}": ramp() + i for i in range(4)}
    root = write(tmp_path / "in", **{name: film(pixels) for name, pixels in films.items()})
    done = medcli("ingest", root, "-o", tmp_path / "cohort.json", "--key-file", tmp_path / "key")
    assert "anonymiser may have given one to all" in done.stderr
    (root / "other.dcm").write_bytes(film(ramp() + 9, uid="1.2.4"))
    done = medcli("ingest", root, "-o", tmp_path / "cohort.json", "--key-file", tmp_path / "key")
    assert "4 images share SOP Instance UIDs but differ" in done.stderr
    without = write(
        tmp_path / "without",
        **{name: dicom_bytes(pixels, SOPInstanceUID=None) for name, pixels in films.items()},
    )
    assert len(ingest(without)[2]) == 4


def test_copies_whose_rows_contradict_each_other_are_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "in", a=film(), b=film(), c=film(ramp() + 2, uid="1.2.4"))
    table = tmp_path / "labels.csv"
    table.write_text("path,label\na.dcm,x\nb.dcm,y\nc.dcm,y\n")
    manifest, codes, _ = ingest(root, labels=table)
    assert codes == {"a.dcm": "file/uid-conflict", "b.dcm": "file/uid-conflict"}
    assert "labels" in manifest.rejected[0]["reason"]


def test_images_without_a_uid_are_not_compared(tmp_path: Path) -> None:
    root = write(tmp_path / "in", a=film(uid=""), b=film(ramp() + 1, uid=""))
    assert ingest(root)[1] == {}


def test_rows_may_name_images_by_their_uid(tmp_path: Path) -> None:
    root = write(tmp_path / "in", a=film(SeriesInstanceUID="1.2.3.4"), b=film(ramp() + 1, uid="1.2.9.9"))
    table = tmp_path / "labels.csv"
    table.write_text("uid,label\n1.2.3.4,x\n1.2.9.8,y\n")
    manifest, codes, kept = ingest(root, labels=table, key="uid")
    assert kept == ["a.dcm"]
    assert manifest.records[0]["labels"] == {"x": 1}
    assert codes.get("b.dcm") == "table/no-row"


def test_images_that_may_have_text_are_counted(tmp_path: Path) -> None:
    root = write(tmp_path / "in", a=film(), b=film(ramp() + 1, uid="1.2.4", BurnedInAnnotation="NO"))
    manifest = ingest(root)[0]
    assert ["burned-in" in record["quality"] for record in manifest.records] == [True, False]
    assert manifest.evidence is not None
    assert manifest.evidence["quality"]["burned-in"]["count"] == 1
