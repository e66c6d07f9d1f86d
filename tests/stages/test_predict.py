"""Predict: the same scores as train, and refusals of what a model does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medcli.config import Part, PredictConfig
from medcli.errors import DataError, UsageError
from medcli.stages import predict, train
from medcli.store.manifest import Manifest, write_manifest
from medcli.store.predictions import read_predictions
from tests.stages.tiny_study import RECIPE, TASK, make_study, options, records, write_shard


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest with a model."""
    folder = tmp_path_factory.mktemp("trained")
    manifest = train.run(options(make_study(folder), folder / "run", epochs=1))
    write_manifest(manifest, folder / "trained.json")
    return folder / "trained.json"


def ask(trained: Path, source: Path, output: Path, **changes: object) -> PredictConfig:
    return PredictConfig(
        source=str(source),
        predictions=output,
        jobs=1,
        device="cpu",
        **{"model": trained.parent / "run" / "model.safetensors", **changes},  # type: ignore[arg-type]
    )


def test_a_part_again_gives_the_scores_of_train(trained: Path, tmp_path: Path) -> None:
    for jobs in (1, 3):
        config = ask(trained, trained, tmp_path / f"{jobs}.h5", model=None, part=Part.test, batch_size=8)
        manifest = predict.run(PredictConfig(**{**vars(config), "jobs": jobs}))
        ours = read_predictions(manifest.predictions["test"])
        theirs = read_predictions(trained.parent / "run" / "predictions-test.h5")
        np.testing.assert_array_equal(ours.scores, theirs.scores)
        np.testing.assert_array_equal(ours.targets, theirs.targets)
        assert ours.records == theirs.records
        assert ours.header["model"] == theirs.header["model"]
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "3.h5").read_bytes()
    assert manifest.history[-1]["command"] == "predict"
    # `auto` of the options is another arithmetic on another machine: what was taken is said.
    assert manifest.history[-1]["precision"] in {"fp32", "bf16"}


def test_a_shard_of_another_site_goes_in_on_its_own(trained: Path, tmp_path: Path) -> None:
    rows = records(4, prefix="other")
    write_shard(tmp_path / "site.h5", rows)
    manifest = predict.run(ask(trained, tmp_path / "site.h5", tmp_path / "out.h5"))
    found = read_predictions(manifest.predictions["all"])
    assert found.part == "all"
    assert found.records == rows
    assert found.targets.sum(axis=1).tolist() == [1] * 8


def test_unlabelled_images_have_unknown_targets(trained: Path, tmp_path: Path) -> None:
    write_shard(tmp_path / "site.h5", records(2, labelled=False), task=None)
    manifest = predict.run(ask(trained, tmp_path / "site.h5", tmp_path / "out.h5"))
    found = read_predictions(manifest.predictions["all"])
    assert np.isnan(found.targets).all()
    assert np.isfinite(found.scores).all()
    assert found.classes == TASK["classes"]


def test_another_recipe_or_other_classes_are_refused_by_name(trained: Path, tmp_path: Path) -> None:
    rows = records(2)
    cases = [
        ({"recipe": {**RECIPE, "clahe": True}}, "another recipe: clahe was False, is True"),
        (
            {"task": {**TASK, "classes": ["flat", "columns", "rows"]}},
            "3 classes, the shards 3; their order differs",
        ),
        ({"task": {**TASK, "classes": [*TASK["classes"], "dots"]}}, "not in both: dots"),
        ({"task": {**TASK, "type": "multilabel"}}, "task is multiclass, that of the shards multilabel"),
    ]
    for number, (changes, message) in enumerate(cases):
        write_shard(tmp_path / f"{number}.h5", rows, **changes)
        with pytest.raises(DataError, match=message):
            predict.run(ask(trained, tmp_path / f"{number}.h5", tmp_path / "out.h5"))
    assert not (tmp_path / "out.h5").exists()


def test_no_model_no_shards_and_no_such_part(trained: Path, tmp_path: Path) -> None:
    shard = trained.parent / "shard.h5"
    with pytest.raises(UsageError, match="no model is given"):
        predict.run(ask(trained, shard, tmp_path / "out.h5", model=None))
    with pytest.raises(DataError, match="the manifest has no splits"):
        predict.run(ask(trained, shard, tmp_path / "out.h5", part=Part.val))
    write_manifest(Manifest(task=TASK, records=records(1)), tmp_path / "bare.json")
    with pytest.raises(DataError, match="the manifest has no shards"):
        predict.run(ask(trained, tmp_path / "bare.json", tmp_path / "out.h5"))
    with pytest.raises(DataError, match="not a whole safetensors file"):
        predict.run(ask(trained, shard, tmp_path / "out.h5", model=shard))
