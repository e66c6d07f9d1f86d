"""The split stage: what it adds to the manifest, and what it tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from medcli.config import SplitBy, SplitConfig
from medcli.errors import DataError, GateError
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
    assert not any(splits["evidence"]["overlap"].values())
    assert manifest.history[-1]["inputs"] == [{"role": "records", "sha256": manifest.records_digest()}]
    assert manifest.history[-1]["splits"] == splits["sha256"]
    assert any(line.startswith("Mass has 1 patients, too few for every part") for line in notes.lines)
    assert any("no patient, group, file or image in two parts" in line for line in notes.lines)
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


def with_parts(config: SplitConfig, names: list[str]) -> SplitConfig:
    """The study with the official parts of its images, in the order of the records."""
    manifest = read_manifest(config.source)
    for record, name in zip(manifest.records, names, strict=True):
        record["part"] = name
    write_manifest(manifest, Path(config.source))
    return SplitConfig(source=config.source, official=True)


def test_official_parts(tmp_path: Path) -> None:
    config = with_parts(study(tmp_path / "in.json", task=TASK), ["test"] * 20 + ["train"] * 40)
    notes = Notes()
    splits = split.run(config, progress=notes).splits
    assert splits is not None
    assert splits["parts"]["test"] == [f"{i:016x}" for i in range(20)]
    assert {part: len(ids) for part, ids in splits["parts"].items()} == {"train": 36, "val": 4, "test": 20}
    assert splits["official"] is True
    assert splits["shares"] == [0.6, 0.066667, 0.333333]
    assert "the source names no val: it was taken from train, by patient" in notes.lines
    assert "Edema has 10 patients: none in train and val" in notes.lines


def test_official_parts_that_leak_are_refused(tmp_path: Path) -> None:
    config = with_parts(study(tmp_path / "in.json"), ["train", "test", "val"] * 20)
    with pytest.raises(GateError, match="30 patients are in more than one part") as caught:
        split.run(config)
    assert "without --official" in caught.value.hint


def test_external_records_are_a_part_that_is_never_drawn(tmp_path: Path) -> None:
    config = study(tmp_path / "in.json", task=TASK)
    manifest = read_manifest(config.source)
    for number, record in enumerate(manifest.records):
        record["site"] = "inside" if number < 40 else "outside"
    write_manifest(manifest, tmp_path / "sites.json")
    notes = Notes()
    config = SplitConfig(source=str(tmp_path / "sites.json"), external=("site=outside",))
    splits = split.run(config, progress=notes).splits
    assert splits is not None
    assert splits["external"] == ["site=outside"]
    assert splits["parts"]["external"] == [f"{i:016x}" for i in range(40, 60)]
    assert {part: len(ids) for part, ids in splits["parts"].items()} == {
        "train": 32,
        "val": 4,
        "test": 4,
        "external": 20,
    }
    assert any("external 20 images of 10 patients" in line for line in notes.lines)


def test_nothing_to_split_is_refused(tmp_path: Path) -> None:
    write_manifest(Manifest(), tmp_path / "empty.json")
    with pytest.raises(DataError, match="no records to split"):
        split.run(SplitConfig(source=str(tmp_path / "empty.json")))
