"""`show` tells what a file is, in 80 columns, and never what it must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from medcli.config import ShowConfig
from medcli.errors import DataError
from medcli.stages.show import render, run
from medcli.store.manifest import Manifest, write_manifest
from medcli.store.predictions import write_predictions
from medcli.store.weights import write_safetensors
from tests.store.helpers import TASK, record, small_predictions, write_shard


def test_a_manifest_is_counted(tmp_path: Path) -> None:
    records = [
        record(0, site="a"),
        record(1, site="b"),
        record(2, site="a", labels={"Nodule": -1, "Effusion": 0}),
    ]
    rejected = [{"id": "f" * 16, "code": "decode/truncated", "reason": "cut"}] * 2
    write_manifest(Manifest(task=TASK, records=records, rejected=rejected), tmp_path / "m.json")
    facts = run(ShowConfig(file=str(tmp_path / "m.json")))
    assert (facts["images"], facts["patients"]) == (3, 2)
    assert facts["labels"] == {"Effusion": {"no": 1, "yes": 1}, "Nodule": {"uncertain": 1, "yes": 1}}
    assert facts["site"] == {"a": 2, "b": 1}
    assert facts["rejected"] == {"decode/truncated": 2}
    assert max(len(line) for line in render(facts).splitlines()) <= 80


def test_every_kind_of_file_is_told_by_content(tmp_path: Path) -> None:
    import torch

    write_shard(tmp_path / "shard.odd")
    write_predictions(tmp_path / "p.h5", small_predictions())
    write_safetensors(tmp_path / "m", {"w": torch.zeros(2)}, {"medcli": "model/1", "task": TASK})
    kinds = {name: run(ShowConfig(file=str(tmp_path / name)))["kind"] for name in ("shard.odd", "p.h5", "m")}
    assert kinds == {"shard.odd": "shard/1", "p.h5": "predictions/1", "m": "model/1"}


def test_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x00\x01nothing")
    with pytest.raises(DataError, match="no file of medcli"):
        run(ShowConfig(file=str(tmp_path / "x")))


def test_an_evaluated_table_has_areas_and_no_count_of_records(tmp_path: Path) -> None:
    from medcli.config import EvaluateConfig
    from medcli.stages.evaluate import run as evaluate

    rows = [f"{k},{k},{k % 2},{(k % 7 + 3 * (k % 2)) / 10}" for k in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["id,patient,target,score", *rows]) + "\n")
    options = {"report": tmp_path / "r", "key_file": tmp_path / "key", "resamples": 50}
    write_manifest(evaluate(EvaluateConfig(source=str(tmp_path / "t.csv"), **options)), tmp_path / "s.json")
    facts = run(ShowConfig(file=str(tmp_path / "s.json")))
    assert facts["evaluated"] == "60 images, part test"
    assert "images" not in facts
    assert next(iter(facts["auc"].values())).startswith("0.8")
    assert "evaluated    60 images, part test" in render(facts)
