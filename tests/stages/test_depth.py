"""Shards of every depth go all the way: parts, merge, training, prediction, maps, sheet, show and check."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medcli.config import (
    CheckConfig,
    Depth,
    ExplainConfig,
    MergeConfig,
    Normalize,
    Part,
    PredictConfig,
    ShowConfig,
    SplitBy,
    SplitConfig,
)
from medcli.errors import DataError
from medcli.stages import check, explain, merge, predict, preprocess, show, split, train
from medcli.store.manifest import Manifest, write_manifest
from medcli.store.predictions import read_predictions
from medcli.store.shards import ShardReader
from medcli.store.weights import read_header
from tests.stages.test_preprocess import configure, make_cohort
from tests.stages.tiny_study import options

NUM_IMAGES = 20


def keep(manifest: Manifest, path: Path) -> str:
    write_manifest(manifest, path)
    return str(path)


@pytest.mark.parametrize(
    ("depth", "normalize"),
    [(Depth.uint16, Normalize.auto), (Depth.float16, Normalize.zscore)],
)
def test_a_depth_goes_all_the_way(tmp_path: Path, depth: Depth, normalize: Normalize) -> None:
    cohort = make_cohort(tmp_path, num_images=NUM_IMAGES)
    recipe = {"depth": depth, "normalize": normalize, "size": 32, "sheet": tmp_path / "sheet.png"}
    whole = preprocess.run(configure(cohort, **recipe))
    parts = []
    for number in (1, 2):
        config = configure(cohort, **recipe, part=f"{number}/2", shard=tmp_path / f"part{number}.h5")
        parts.append(keep(preprocess.run(config), tmp_path / f"part{number}.json"))
    merge.run(MergeConfig(shard=tmp_path / "merged.h5", parts=tuple(parts)))
    assert (tmp_path / "merged.h5").read_bytes() == (tmp_path / "out.h5").read_bytes()
    facts = show.run(ShowConfig(file=str(tmp_path / "out.h5")))
    assert facts["arrays"]["images"] == f"{depth.name} [{NUM_IMAGES}, 32, 32, 1]"
    assert facts["recipe"]["depth"] == depth
    assert np.ptp(np.array(Image.open(BytesIO((tmp_path / "sheet.png").read_bytes())))) == 255

    shards = keep(whole, tmp_path / "shards.json")
    splits = split.run(SplitConfig(source=shards, by=SplitBy.image, shares=(60, 20, 20)))
    trained = train.run(options(Path(keep(splits, tmp_path / "splits.json")), tmp_path / "run", epochs=1))
    model = read_header(tmp_path / "run" / "model.safetensors")
    assert model["recipe"]["depth"] == depth
    assert model["architecture"]["mean"] == ([0.0] if normalize is Normalize.zscore else [0.5])
    config = PredictConfig(
        source=keep(trained, tmp_path / "trained.json"),
        predictions=tmp_path / "predictions.h5",
        part=Part.test,
        jobs=2,
        device="cpu",
    )
    again = read_predictions(predict.run(config).predictions["test"])
    assert np.array_equal(again.scores, read_predictions(trained.predictions["test"]).scores)
    maps = ExplainConfig(source=config.source, maps=tmp_path / "maps.h5", jobs=1, device="cpu", limit=4)
    gallery = Path(explain.run(maps).explanation["gallery"]["path"])  # type: ignore[index]
    assert np.ptp(np.array(Image.open(gallery))) == 255
    assert check.run(CheckConfig(files=(config.source, str(tmp_path / "out.h5")))) == []


def test_eight_bits_are_the_default_and_a_model_refuses_another_depth(tmp_path: Path) -> None:
    cohort = make_cohort(tmp_path, num_images=NUM_IMAGES)
    plain = preprocess.run(configure(cohort))
    asked = preprocess.run(configure(cohort, depth=Depth.uint8, shard=tmp_path / "asked.h5"))
    assert asked.shards[0]["sha256"] == plain.shards[0]["sha256"]
    assert ShardReader(plain.shards).image(0).dtype == np.uint8
    splits = split.run(SplitConfig(source=keep(plain, tmp_path / "a.json"), by=SplitBy.image))
    train.run(options(Path(keep(splits, tmp_path / "b.json")), tmp_path / "run", epochs=1))
    preprocess.run(configure(cohort, depth=Depth.uint16, shard=tmp_path / "deep.h5"))
    config = PredictConfig(
        source=str(tmp_path / "deep.h5"),
        model=tmp_path / "run" / "model.safetensors",
        predictions=tmp_path / "p.h5",
        device="cpu",
    )
    with pytest.raises(DataError, match=r"another recipe: depth was 8, is 16$"):
        predict.run(config)
    both = [plain.shards[0], {"path": str(tmp_path / "deep.h5"), "sha256": None}]
    with pytest.raises(DataError, match="its recipe differs"):
        ShardReader(both, verify=False)
