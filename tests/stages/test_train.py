"""Train: what it writes, exact restarts, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medcli.config import Augment, Blank, Loss, TrainConfig
from medcli.errors import DataError, GateError, InputError, OutputError, StoppedError, UsageError
from medcli.models.inference import predict_logits
from medcli.models.networks import create_network, network_from_header
from medcli.models.training import Trainer
from medcli.progress import SILENT
from medcli.stages import train
from medcli.stages._training_job import macro_auc
from medcli.store.atomic import locked
from medcli.store.digests import digest_json
from medcli.store.manifest import manifest_bytes, read_manifest, write_manifest
from medcli.store.predictions import read_predictions
from medcli.store.shards import ShardReader
from medcli.store.weights import read_header, read_tensors, write_safetensors
from tests.stages.tiny_study import RECIPE, TASK, contents, make_study, options

WRITTEN = {
    "curve.png",
    "log.jsonl",
    "model.safetensors",
    "predictions-test.h5",
    "predictions-val.h5",
    "run.json",
}


class Notes:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.task = SILENT.task

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def whole(study: Path) -> tuple[TrainConfig, dict[str, str]]:
    """A run that nothing disturbed."""
    config = options(study, study.parent / "whole")
    train.run(config)
    return config, contents(config.run)


def test_outputs_say_where_they_come_from(study: Path, whole: tuple[TrainConfig, dict]) -> None:
    config, written = whole
    assert set(written) == WRITTEN
    manifest = train.run(config)
    splits = read_manifest(str(study)).splits
    assert splits is not None
    header = read_header(config.run / "model.safetensors")
    assert header["task"] == TASK
    assert header["recipe"] == RECIPE
    assert header["splits"] == splits["sha256"]
    assert header["policy"] == {"uncertain": "ignore", "blank": "zero"}
    assert [entry["command"] for entry in header["history"]] == ["split", "train"]
    assert header["history"] == manifest.history
    log = [json.loads(line) for line in (config.run / "log.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in log] == [1, 2]
    best = max(log, key=lambda entry: entry["val_auc"])
    assert header["metric"]["auc"] == best["val_auc"]
    for data in (path.read_bytes() for path in config.run.iterdir()):
        assert str(study.parent).encode() not in data


def test_predictions_are_those_of_the_kept_weights_with_all_record_fields(
    study: Path, whole: tuple[TrainConfig, dict]
) -> None:
    config, _ = whole
    manifest = train.run(config)
    header = read_header(config.run / "model.safetensors")
    network = network_from_header(header, read_tensors(config.run / "model.safetensors"))
    reader = ShardReader(manifest.shards)
    for part in ("val", "test"):
        predictions = read_predictions(manifest.predictions[part])
        assert manifest.splits is not None
        ids = manifest.splits["parts"][part]
        assert [record["id"] for record in predictions.records] == ids
        rows = reader.indices_of(ids)
        assert predictions.records == [reader.records[row] for row in rows]
        classes = [TASK["classes"].index(next(iter(r["labels"]))) for r in predictions.records]
        np.testing.assert_array_equal(predictions.targets, np.eye(3)[classes])
        images = [np.stack([reader.image(row) for row in rows])]
        made = header["architecture"]
        expected = predict_logits(
            network, images, mean=made["mean"], std=made["std"], precision=header["options"]["precision"]
        )
        np.testing.assert_allclose(predictions.scores, expected, atol=0.05)
        assert predictions.header["model"] == manifest.model["sha256"]  # type: ignore[index]
        assert predictions.score_kind == "logit"
    val = read_predictions(manifest.predictions["val"])
    auc = macro_auc(val.scores, val.targets, task_type="multiclass")
    assert auc == pytest.approx(header["metric"]["auc"], abs=0.02)


def stop_after(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Pretend that a stop signal arrives before the given question."""
    left = iter(range(calls))
    monkeypatch.setattr(train, "stop_requested", lambda: next(left, None) is None)


def test_a_run_stopped_anywhere_ends_with_the_bytes_of_an_unbroken_one(
    whole: tuple[TrainConfig, dict], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = replace(whole[0], run=tmp_path / "broken")
    # 5 steps an epoch and one question for each part: in and after epochs, in validation, in prediction.
    for calls in (2, 2, 1, 0, 3, 1, 0, 0):
        with monkeypatch.context() as patch:
            stop_after(patch, calls)
            with pytest.raises(StoppedError):
                train.run(config)
        assert not (config.run / "model.safetensors").exists() or not (config.run / "run.json").exists()
    train.run(config)
    assert contents(config.run) == whole[1]


def test_workers_change_no_byte(whole: tuple[TrainConfig, dict], tmp_path: Path) -> None:
    config = replace(whole[0], run=tmp_path / "crowd", jobs=3)
    train.run(config)
    assert contents(config.run) == whole[1]


def test_threads_of_the_machine_change_no_byte(whole: tuple[TrainConfig, dict], tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        config = replace(whole[0], run=tmp_path / "threads")
        train.run(config)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert contents(config.run) == whole[1]


def test_a_finished_run_is_recognised(
    whole: tuple[TrainConfig, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "run", None)
    first, second = train.run(whole[0]), train.run(replace(whole[0], jobs=2))
    assert first == second
    assert first.model is not None
    assert first.model["name"] == "test_efficientnet"


def test_another_run_in_the_folder_is_refused_by_what_differs(whole: tuple[TrainConfig, dict]) -> None:
    with pytest.raises(DataError, match=r"a finished run of other options: epochs was 2, is 3") as caught:
        train.run(replace(whole[0], epochs=3))
    assert "--fresh" in caught.value.hint


def test_an_unfinished_run_of_other_options_and_a_damaged_checkpoint_are_refused(
    whole: tuple[TrainConfig, dict], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = replace(whole[0], run=tmp_path / "run")
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        with pytest.raises(StoppedError):
            train.run(config)
    with pytest.raises(DataError, match=r"an unfinished run of other options: seed was 0, is 5"):
        train.run(replace(config, seed=5))
    checkpoint = config.run / "last.checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    with pytest.raises(DataError, match="not a whole safetensors file") as caught:
        train.run(config)
    assert "--fresh" in caught.value.hint
    assert checkpoint.exists()
    train.run(replace(config, fresh=True))
    assert contents(config.run) == whole[1]


def test_a_damaged_output_of_a_finished_run_is_named(study: Path, tmp_path: Path) -> None:
    config = options(study, tmp_path / "run", epochs=1, augment=Augment.none)
    first, second = (manifest_bytes(train.run(config), base=tmp_path) for _ in range(2))
    assert first == second
    model = config.run / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"model\.safetensors: it is not what this run wrote"):
        train.run(config)


def test_two_jobs_with_one_folder(study: Path, tmp_path: Path) -> None:
    config = options(study, tmp_path)
    with locked(tmp_path / "model.safetensors"), pytest.raises(OutputError, match="another job is writing"):
        train.run(config)


def test_a_loss_that_explodes_names_the_records_and_leaves_no_model(study: Path, tmp_path: Path) -> None:
    config = options(study, tmp_path / "run", learning_rate=1e30, epochs=3)
    with pytest.raises(
        DataError, match=r"(loss|norm) is (nan|inf) in epoch \d, step \d, with records"
    ) as caught:
        train.run(config)
    named = caught.value.message.split("with records ")[1].split(", ")
    assert set(named) <= {record["id"] for record in read_manifest(str(study)).records}
    assert not (config.run / "model.safetensors").exists()


def test_it_learns_stripes(study: Path, tmp_path: Path) -> None:
    config = options(study, tmp_path / "run", epochs=8, dropout=0, augment=Augment.none, learning_rate=1e-2)
    manifest = train.run(config)
    test = read_predictions(manifest.predictions["test"])
    auc = macro_auc(test.scores, test.targets, task_type="multiclass")
    assert auc is not None
    assert auc > 0.9


def test_backbone_from_a_file_and_frozen(study: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = create_network("test_efficientnet", num_classes=5, channels=3, options={}, dropout=0)
    weights = tmp_path / "weights.safetensors"
    write_safetensors(weights, source.state_dict(), {})
    notes = Notes()
    config = options(
        study,
        tmp_path / "run",
        weights=str(weights),
        backbone_rate=0.0,
        epochs=1,
        reweight=True,
        loss=Loss.focal,
    )
    train.run(config, progress=notes)
    trained = read_tensors(config.run / "model.safetensors")
    for name, tensor in source.state_dict().items():
        if name == "conv_stem.weight":
            torch.testing.assert_close(trained[name], tensor.sum(dim=1, keepdim=True))
        elif not name.startswith("classifier"):
            torch.testing.assert_close(trained[name], tensor, rtol=0, atol=0)
    header = read_header(config.run / "model.safetensors")
    assert header["options"]["weights"] == "file"
    roles = [item["role"] for item in header["history"][-1]["inputs"]]
    assert roles == ["shard", "splits", "weights"]
    moved = weights.rename(tmp_path / "elsewhere.safetensors")
    again = replace(config, run=tmp_path / "again", weights=str(moved))
    train.run(again)
    assert contents(again.run) == contents(config.run)
    with pytest.raises(InputError, match="no such file"):
        train.run(replace(config, weights=str(tmp_path / "absent")))


def test_a_leak_and_changed_splits_are_refused(study: Path, tmp_path: Path) -> None:
    manifest = read_manifest(str(study))
    assert manifest.splits is not None
    parts = manifest.splits["parts"]
    parts["val"].append(parts["train"].pop())
    write_manifest(manifest, tmp_path / "changed.json")
    with pytest.raises(DataError, match="splits are not those that split wrote"):
        train.run(options(tmp_path / "changed.json", tmp_path / "run"))
    manifest.splits["sha256"] = digest_json(parts)
    write_manifest(manifest, tmp_path / "leak.json")
    with pytest.raises(GateError, match="1 patients are in more than one part"):
        train.run(options(tmp_path / "leak.json", tmp_path / "run"))
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_what_is_missing_or_does_not_fit_is_refused_before_training(study: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no splits"):
        train.run(options(study.parent / "preprocessed.json", tmp_path / "run"))
    with pytest.raises(UsageError, match="loss bce does not fit a multiclass task"):
        train.run(options(study, tmp_path / "run", loss=Loss.bce))
    with pytest.raises(UsageError, match="timm has no model"):
        train.run(options(study, tmp_path / "run", model="no_such_network"))


def test_macro_auc_leaves_out_what_is_undefined() -> None:
    nan = np.nan
    targets = np.array([[1, 0, 1], [0, 0, nan], [1, 0, 0], [0, 0, 1]], dtype=np.float32)
    logits = np.array([[3, 0, 1], [2, 0, 9], [1, 0, 0], [0, 0, 2]], dtype=np.float32)
    # Class 1: positives 3, 1 against 2, 0: 3 of 4 pairs; class 2 has no positive; class 3: 1, 2 above 0.
    assert macro_auc(logits, targets, task_type="multilabel") == pytest.approx((0.75 + 1) / 2)
    assert macro_auc(logits[:, 1:2], targets[:, 1:2], task_type="binary") is None
    rows = np.array([[2.0, 0.0], [5.0, 4.0]], dtype=np.float32)
    # Softmax gives the first image more of class 1, though its logit is smaller.
    assert macro_auc(rows, np.eye(2, dtype=np.float32), task_type="multiclass") == 1


def test_unlabelled_training_images_are_left_out_and_said(study: Path, tmp_path: Path) -> None:
    notes = Notes()
    config = options(study, tmp_path / "run", epochs=1, augment=Augment.none, blank=Blank.ignore)
    train.run(config, progress=notes)
    assert not any("left out" in line for line in notes.lines)
    assert any(line.startswith("kept epoch 1 of 1: macro AUC") for line in notes.lines)
