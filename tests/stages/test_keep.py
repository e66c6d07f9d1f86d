"""What --keep takes: columns of tables, and DICOM keywords of a list; nothing that names a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medcli.config import IngestConfig, Layout
from medcli.errors import UsageError
from medcli.stages.ingest import run
from medcli.store.manifest import Manifest
from tests.formats.make import dicom_bytes, image_bytes, ramp


def ingest(place: Path, **options: Any) -> Manifest:
    root = place / "in"
    root.mkdir(exist_ok=True)
    (root / "a.dcm").write_bytes(dicom_bytes(ramp(), StudyDate="20200131", Manufacturer="X" * 64))
    (root / "b.png").write_bytes(image_bytes(ramp()))
    config = IngestConfig(
        source=root, output=place / "c.json", key_file=place / "patient.key", jobs=1, quick=True, **options
    )
    return run(config)


def test_keywords_are_kept_only_when_asked_for(tmp_path: Path) -> None:
    assert all("kept" not in record for record in ingest(tmp_path).records)
    manifest = ingest(tmp_path, keep=("StudyDate", "Manufacturer", "KVP"))
    assert [record.get("kept") for record in manifest.records] == [
        {"StudyDate": "20200131", "Manufacturer": "X" * 64},
        None,
    ]


def test_a_column_of_that_name_comes_first(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label,StudyDate,note\na.dcm,x,19990101,n\nb.png,y,,\n")
    manifest = ingest(tmp_path, labels=table, keep=("StudyDate", "note", "Manufacturer"))
    assert [record.get("kept") for record in manifest.records] == [
        {"Manufacturer": "X" * 64, "StudyDate": "19990101", "note": "n"},
        None,
    ]


@pytest.mark.parametrize(
    "name", ["PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "nothing"]
)
def test_what_may_identify_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        ingest(tmp_path, keep=(name,))
    assert "StudyDate" in caught.value.hint


def test_columns_of_a_published_table(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (root / "ISIC_1.jpg").write_bytes(image_bytes(ramp(), kind="JPEG"))
    header = "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset"
    (root / "HAM10000_metadata.csv").write_text(
        f"{header}\nHAM_1,ISIC_1,bkl,histo,80.0,male,scalp,rosendahl\n"
    )
    config = IngestConfig(
        source=root,
        output=tmp_path / "c.json",
        key_file=tmp_path / "patient.key",
        layout=Layout.ham10000,
        labels_only=True,
        keep=("localization",),
    )
    (record,) = run(config).records
    assert record["kept"] == {"localization": "scalp"}
