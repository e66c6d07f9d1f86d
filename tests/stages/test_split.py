"""The split stage: what it adds to the manifest, and what it tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from medcli.config import SplitBy, SplitConfig
from medcli.errors import DataError
from medcli.progress import SILENT
from medcli.stages import split
from medcli.store.digests import digest_json
from medcli.store.manifest import Manifest, read_manifest, write_manifest


class Notes:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.task = SILENT.task

    def note(self, text: str) -> None:
        self.lines.append(text)


def study(path: Path, *, with_patients: bool = True, task: dict | None = None) -> SplitConfig:
    records = [
        {
            "id": f"{i:016x}",
            "sha256": f"{i:064x}",
            "labels": {"Edema": int(i < 20), **({"Mass": 1} if i < 2 else {})},
            **({"patient": f"{i // 2:016x}"} if with_patients else {}),
        }
        for i in range(60)
    ]
    write_manifest(Manifest(task=task, records=records), path)
    return SplitConfig(source=str(path))


TASK = {"type": "multilabel", "classes": ["Edema", "Mass"]}


def test_splits_with_evidence_are_added_and_replaced(tmp_path: Path) -> None:
    config = study(tmp_path / "in.json", task=TASK)
    notes = Notes()
    manifest = split.run(config, progress=notes)
    splits = manifest.splits
    assert splits is not None
    assert splits["shares"] == [0.8, 0.1, 0.1]
    assert splits["sha256"] == digest_json(splits["parts"])
    assert {part: len(ids) for part, ids in splits["parts"].items()} == {"train": 48, "val": 6, "test": 6}
    assert splits["evidence"]["overlap"] == {"patients": 0, "groups": 0, "identical files": 0}
    assert manifest.history[-1]["inputs"] == [{"role": "records", "sha256": manifest.records_digest()}]
    assert manifest.history[-1]["splits"] == splits["sha256"]
    assert any(line.startswith("Mass has 1 patients, too few for every part") for line in notes.lines)
    assert any("no patient, group or file in two parts" in line for line in notes.lines)
    write_manifest(manifest, tmp_path / "once.json")
    again = split.run(SplitConfig(source=str(tmp_path / "once.json"), seed=1))
    assert again.splits is not None
    assert again.splits["sha256"] != splits["sha256"]
    write_manifest(again, tmp_path / "twice.json")
    assert read_manifest(str(tmp_path / "twice.json")).splits == again.splits


def test_images_without_patients_need_a_loud_consent(tmp_path: Path) -> None:
    config = study(tmp_path / "in.json", with_patients=False)
    with pytest.raises(DataError, match="60 of 60 images have neither patient nor group"):
        split.run(config)
    notes = Notes()
    split.run(SplitConfig(source=config.source, by=SplitBy.image), progress=notes)
    assert notes.lines[0].startswith("60 of 60 images have no patient: each counts as its own patient")


def test_nothing_to_split_is_refused(tmp_path: Path) -> None:
    write_manifest(Manifest(), tmp_path / "empty.json")
    with pytest.raises(DataError, match="no records to split"):
        split.run(SplitConfig(source=str(tmp_path / "empty.json")))
