"""`--like`: the very recipe of a model or a shard, and nothing beside it that differs."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.config import (
    Crop,
    Depth,
    Fit,
    Normalize,
    Part,
    Plane,
    PredictConfig,
    PreprocessConfig,
    SplitBy,
    SplitConfig,
    When,
    recorded_options,
)
from medcli.errors import DataError, InputError, UsageError
from medcli.stages import predict, preprocess, split, train
from medcli.stages._recipe import recipe_like, recorded_recipe, restore
from medcli.store.manifest import write_manifest
from medcli.store.shards import ShardReader, ShardWriter
from tests.cli.run import medcli
from tests.stages.test_preprocess import configure, make_cohort
from tests.stages.tiny_study import options


def write_shard(path: Path, recipe: dict) -> Path:
    header = {"task": None, "recipe": recipe, "history": []}
    with ShardWriter(path, shape=(8, 8, 1), header=header, with_masks=False) as shard:
        shard.append(np.zeros((8, 8, 1), np.uint8), {"id": "0" * 16, "labels": {}})
        shard.finish([])
    return path


@pytest.fixture(scope="module")
def any_shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shard(
        tmp_path_factory.mktemp("shard") / "s.h5", recorded_options(PreprocessConfig(size=128))
    )


def test_a_shard_made_like_another_has_its_bytes(tmp_path: Path) -> None:
    cohort = make_cohort(tmp_path)
    recipe = {"size": 40, "depth": Depth.uint16, "clahe": True, "clahe_clip": 3.5, "percentiles": (1.0, 99.0)}
    preprocess.run(configure(cohort, **recipe))
    config = PreprocessConfig(source=str(cohort), shard=tmp_path / "b.h5", like=tmp_path / "out.h5", jobs=1)
    preprocess.run(config)
    assert (tmp_path / "b.h5").read_bytes() == (tmp_path / "out.h5").read_bytes()


def test_another_site_goes_through_the_recipe_of_a_model_with_its_statistics(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    cohort = make_cohort(tmp_path / "here", num_images=20)
    splits = split.run(SplitConfig(source=str(cohort), by=SplitBy.image, shares=(60, 20, 20)))
    write_manifest(splits, cohort)
    made = preprocess.run(configure(cohort, normalize=Normalize.train, size=32))
    write_manifest(made, tmp_path / "made.json")
    train.run(options(tmp_path / "made.json", tmp_path / "run", epochs=1))
    model = tmp_path / "run" / "model.safetensors"

    (tmp_path / "there").mkdir()
    site = make_cohort(tmp_path / "there", num_images=4, side=60)
    config = PreprocessConfig(source=str(site), shard=tmp_path / "site.h5", like=model, jobs=1)
    there = preprocess.run(config)
    assert there.splits is None  # it has none
    assert ShardReader(there.shards).header["recipe"] == ShardReader(made.shards).header["recipe"]
    write_manifest(there, tmp_path / "site.json")
    asked = PredictConfig(
        source=str(tmp_path / "site.json"),
        model=model,
        predictions=tmp_path / "p.h5",
        part=Part.all,
        device="cpu",
        jobs=1,
    )
    assert predict.run(asked).predictions["all"]
    # Its own statistics would be others, and are refused.
    own = split.run(SplitConfig(source=str(site), by=SplitBy.image, shares=(50, 25, 25)))
    write_manifest(own, tmp_path / "there" / "own.json")
    config = configure(tmp_path / "there" / "own.json", normalize=Normalize.train, size=32)
    write_manifest(preprocess.run(config), tmp_path / "site.json")
    with pytest.raises(
        DataError, match=r"another recipe: statistics was of splits \w{12}, is of splits \w{12}$"
    ):
        predict.run(asked)
    # Again at home, the splits are still those of the statistics.
    config = PreprocessConfig(source=str(cohort), shard=tmp_path / "again.h5", like=model, jobs=1)
    assert preprocess.run(config).splits == made.splits
    assert (tmp_path / "again.h5").read_bytes() == Path(made.shards[0]["path"]).read_bytes()


def test_options_that_differ_are_refused_by_name(any_shard: Path) -> None:
    config = PreprocessConfig(like=any_shard, size=96, clahe=True)
    with pytest.raises(UsageError, match=r"^--size and --clahe: not as in the recipe of s\.h5$"):
        recipe_like(config)
    assert recipe_like(PreprocessConfig(like=any_shard, size=128))[0].size == 128
    with pytest.raises(UsageError, match="--size"):
        recipe_like(PreprocessConfig(like=any_shard), {"size"})
    assert recipe_like(PreprocessConfig(size=96)) == (PreprocessConfig(size=96), None)


@pytest.mark.parametrize(
    ("words", "environment"),
    [(["--size", "224"], {}), ([], {"MEDCLI_PREPROCESS_SIZE": "224"}), (["--config", "c.toml"], {})],
)
def test_asking_for_a_default_counts_as_asking(
    any_shard: Path, tmp_path: Path, words: list[str], environment: dict[str, str]
) -> None:
    (tmp_path / "c.toml").write_text("[preprocess]\nsize = 224\n")
    line = ["preprocess", "--like", str(any_shard), *words, "in.json", "o.h5"]
    done = medcli(*line, cwd=tmp_path, **environment)
    assert done.returncode == 2
    assert "--size: not as in the recipe of s.h5" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"halo": 3}, "an option that this version of medcli does not know: halo"),
        ({"fit": "wrap"}, "a value that this version does not know: wrap"),
        ({"size": 4}, "--size is 4"),
        ({"statistics": {"means": []}}, "not as preprocess records them"),
    ],
)
def test_recipes_of_other_versions_are_refused(tmp_path: Path, change: dict, message: str) -> None:
    shard = write_shard(tmp_path / "s.h5", recorded_options(PreprocessConfig()) | change)
    with pytest.raises((DataError, UsageError), match=message):
        recipe_like(PreprocessConfig(like=shard))


def test_files_without_a_recipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("{}")
    with pytest.raises(DataError, match="neither a model nor a shard"):
        recipe_like(PreprocessConfig(like=tmp_path / "m.json"))
    with pytest.raises(InputError, match="no such file"):
        recipe_like(PreprocessConfig(like=tmp_path / "absent.h5"))


RECIPES = st.builds(
    PreprocessConfig,
    size=st.integers(8, 512),
    depth=st.sampled_from(list(Depth)),
    fit=st.sampled_from(list(Fit)),
    plane=st.sampled_from(list(Plane)),
    spacing=st.none() | st.lists(st.floats(0.1, 9), min_size=1, max_size=3).map(tuple),
    slices=st.sampled_from(["central", "all", "7"]),
    crop=st.sampled_from(list(Crop)),
    normalize=st.sampled_from([Normalize.auto, Normalize.window]),
    window=st.lists(st.tuples(st.floats(-999, 999), st.floats(1, 9999)), max_size=1).map(tuple),
    percentiles=st.tuples(st.floats(0, 40), st.floats(60, 100)),
    foreground=st.booleans(),
    denoise_strength=st.none() | st.floats(0.1, 100),
    clahe_clip=st.floats(0.1, 100),
    when=st.sampled_from(list(When)),
)


@given(RECIPES)
def test_every_recipe_comes_back_as_it_was(recipe: PreprocessConfig) -> None:
    found = PreprocessConfig(**restore(json.loads(json.dumps(recorded_recipe(recipe, None))))[0])
    assert found == recipe
    assert [type(getattr(found, f.name)) for f in fields(found)] == [
        type(getattr(recipe, f.name)) for f in fields(recipe)
    ]
