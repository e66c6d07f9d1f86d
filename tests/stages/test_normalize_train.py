"""`--normalize train`: only the training part counts, and only its own splits may be trained by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from medcli.config import Depth, MergeConfig, Normalize, PreprocessConfig, SplitBy, SplitConfig
from medcli.errors import DataError, GateError
from medcli.stages import _statistics, merge, preprocess, split, train
from medcli.stages._splits import carry, origin
from medcli.store.digests import digest_json, sha256_file
from medcli.store.manifest import Manifest, manifest_bytes, read_manifest, write_manifest
from medcli.store.shards import ShardReader
from medcli.store.weights import read_header
from tests.stages.test_preprocess import configure, image_files, make_cohort
from tests.stages.tiny_study import options


def keep(manifest: Manifest, path: Path) -> Path:
    write_manifest(manifest, path)
    return path


def split_cohort(cohort: Path, *, seed: int = 0, name: str = "split.json") -> Path:
    made = split.run(SplitConfig(source=str(cohort), by=SplitBy.image, shares=(60, 20, 20), seed=seed))
    return keep(made, cohort.parent / name)


def ask(source: Path, **changes: object) -> PreprocessConfig:
    return replace(configure(source, normalize=Normalize.train), **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of 20 images with splits."""
    return split_cohort(make_cohort(tmp_path_factory.mktemp("cohort"), num_images=20))


def statistics(manifest: Manifest) -> dict:
    return ShardReader(manifest.shards).header["recipe"]["statistics"]


def test_they_are_those_of_the_training_part(cohort: Path) -> None:
    made = preprocess.run(ask(cohort))
    found, splits = statistics(made), read_manifest(str(cohort)).splits
    assert splits is not None
    files = {p.name: p for p in image_files(cohort)}
    ids = [record["id"] for record in read_manifest(str(cohort)).records]
    images = [cv2.imread(str(files[f"p{ids.index(i)}.png"]), 0) for i in splits["parts"]["train"]]
    assert found["means"] == [pytest.approx(float(np.mean(images)))]
    assert found["deviations"] == [pytest.approx(float(np.std(images)))]
    assert (found["num_images"], found["splits"]) == (len(images), splits["sha256"])
    assert made.splits == splits
    roles = [entry["role"] for entry in made.history[-1]["inputs"]]
    assert roles == ["records", "splits"]


def test_images_of_validation_and_test_never_change_them(tmp_path: Path) -> None:
    source = split_cohort(make_cohort(tmp_path, num_images=20))
    before = preprocess.run(ask(source))
    document = read_manifest(str(source))
    assert document.splits is not None
    held_out = {*document.splits["parts"]["val"], *document.splits["parts"]["test"]}
    for number, record in enumerate(document.records):
        if record["id"] in held_out:
            path = tmp_path / "in" / f"p{number}.png"
            cv2.imwrite(str(path), np.full((40, 50), 255 - number, np.uint8))
            record["sha256"] = sha256_file(path)
    after = preprocess.run(ask(keep(document, tmp_path / "altered.json"), shard=tmp_path / "altered.h5"))
    assert statistics(after) == statistics(before)
    assert sum(r["id"] in held_out for r in after.records) == len(held_out)
    assert {r["id"] for r in after.records if "unlike-training" in r.get("quality", ())} == held_out
    first, second = ShardReader(before.shards), ShardReader(after.shards)
    for row, record in enumerate(before.records):
        is_same = np.array_equal(first.image(row), second.image(row))
        assert is_same == (record["id"] not in held_out)
    # And those of the training part do.
    number = next(n for n, record in enumerate(document.records) if record["id"] not in held_out)
    path = tmp_path / "in" / f"p{number}.png"
    cv2.imwrite(str(path), np.full((40, 50), 128, np.uint8))
    document.records[number]["sha256"] = sha256_file(path)
    third = preprocess.run(ask(keep(document, tmp_path / "third.json"), shard=tmp_path / "third.h5"))
    assert statistics(third) != statistics(before)


def test_splits_are_needed_and_must_be_whole(cohort: Path, tmp_path: Path) -> None:
    plain = read_manifest(str(cohort))
    with pytest.raises(DataError, match="the manifest has no splits") as caught:
        preprocess.run(ask(keep(replace(plain, splits=None), tmp_path / "a.json"), shard=tmp_path / "a.h5"))
    assert "medcli split" in caught.value.hint
    assert plain.splits is not None
    parts = {**plain.splits["parts"], "train": plain.splits["parts"]["train"][1:]}
    for splits, error in (
        ({**plain.splits, "parts": parts}, DataError),
        ({"sha256": digest_json(parts), "parts": parts}, GateError),
    ):
        broken = keep(replace(plain, splits=splits), tmp_path / "b.json")
        with pytest.raises(error):
            preprocess.run(ask(broken, shard=tmp_path / "b.h5"))
    with pytest.raises(
        DataError, match=r"none of 12 images .* could be used; the last one: .*recipe/channels"
    ):
        preprocess.run(ask(cohort, shard=tmp_path / "c.h5", channels=2))
    assert not list(tmp_path.glob("*.h5"))


def test_a_model_records_them_and_other_splits_are_refused(cohort: Path, tmp_path: Path) -> None:
    made = preprocess.run(ask(cohort, shard=tmp_path / "out.h5", depth=Depth.float16, size=32))
    source = keep(made, tmp_path / "made.json")
    train.run(options(source, tmp_path / "run", epochs=1))
    model = read_header(tmp_path / "run" / "model.safetensors")
    assert model["recipe"]["statistics"] == statistics(made)
    assert model["splits"] == model["recipe"]["statistics"]["splits"]
    assert (model["architecture"]["mean"], model["architecture"]["std"]) == ([0.0], [1.0])
    other = split_cohort(source, seed=1, name="other.json")
    with pytest.raises(DataError, match="scaled by the training part of other splits"):
        train.run(options(other, tmp_path / "other", epochs=1))
    same = split_cohort(source, seed=0, name="same.json")
    train.run(options(same, tmp_path / "same", epochs=1))


def test_what_is_done_is_neither_measured_nor_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = split_cohort(make_cohort(tmp_path, num_images=10))
    first = preprocess.run(ask(source))
    measured: list[int] = []
    combine = _statistics.combine

    def counting(samples: list, **options: object) -> object:
        measured.append(len(samples))
        return combine(samples, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(_statistics, "combine", counting)
    assert preprocess.run(ask(source)) == first
    assert measured == []
    part = replace(ask(source), shard=tmp_path / "part.h5", part="1/2")
    once = preprocess.run(part)
    assert preprocess.run(part) == once
    assert measured == [6]
    # Of a training image that changed since, part 2 must not take the statistics that part 1 found.
    splits = read_manifest(str(source)).splits
    assert splits is not None
    ids = [record["id"] for record in first.records]
    numbers = [n for n, identity in enumerate(ids) if identity in splits["parts"]["train"]]
    (tmp_path / "in" / f"p{numbers[-1]}.png").write_bytes(b"")
    again = preprocess.run(part)
    assert measured == [6, 5]
    assert statistics(again)["num_images"] == 5


def test_parts_of_an_array_have_the_same_and_merge_to_one_run(tmp_path: Path) -> None:
    source = split_cohort(make_cohort(tmp_path, num_images=20))
    document = read_manifest(str(source))
    assert document.splits is not None
    lost = document.splits["parts"]["train"][0]
    image_files(source)[0].parent.joinpath(f"p{[r['id'] for r in document.records].index(lost)}.png").unlink()
    whole = preprocess.run(ask(source))
    assert whole.splits is not None
    assert lost not in whole.splits["parts"]["train"]
    assert origin(whole.splits) == document.splits["sha256"] != whole.splits["sha256"]
    assert digest_json(whole.splits["parts"]) == whole.splits["sha256"]
    parts = []
    for number in (1, 2):
        part = preprocess.run(ask(source, part=f"{number}/2", shard=tmp_path / f"{number}.h5"))
        parts.append(str(keep(part, tmp_path / f"{number}.json")))
    merged = merge.run(MergeConfig(shard=tmp_path / "merged.h5", parts=tuple(parts)))
    assert (tmp_path / "merged.h5").read_bytes() == (tmp_path / "out.h5").read_bytes()
    assert manifest_bytes(replace(merged, shards=[]), base=tmp_path) == manifest_bytes(
        replace(whole, shards=[]), base=tmp_path
    )


def test_slices_go_where_their_volume_went() -> None:
    parts = {"train": ["a" * 16], "val": [], "test": ["b" * 16]}
    volumes = [{"id": f"{n:016x}", "volume": name * 16, "labels": {}} for n, name in enumerate("abab")]
    splits = {"sha256": digest_json(parts), "parts": parts, "shares": [0.5, 0, 0.5], "evidence": {}}
    carried = carry(splits, Manifest(task=None, records=volumes))
    assert carried["parts"] == {
        "train": ["0" * 16, f"{2:016x}"],
        "val": [],
        "test": [f"{1:016x}", f"{3:016x}"],
    }
    assert carried["sha256"] == digest_json(carried["parts"])
    assert origin(carried) == origin(carry(carried, Manifest(records=volumes[:3]))) == splits["sha256"]
    assert carried["evidence"]["images"]["counts"] == {"train": 2, "val": 0, "test": 2}


def test_parts_that_take_the_statistics_of_the_first_make_what_one_run_makes(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = preprocess.run(ask(cohort, shard=tmp_path / "whole.h5"))
    first = preprocess.run(ask(cohort, shard=tmp_path / "1.h5", part="1/3"))
    monkeypatch.setattr(_statistics, "measure_training_part", None)
    like = {"like": tmp_path / "1.h5"}
    others = [
        preprocess.run(replace(configure(cohort, shard=tmp_path / f"{i}.h5", part=f"{i}/3"), **like))
        for i in (2, 3)
    ]
    parts = [keep(part, tmp_path / f"{i}.json") for i, part in enumerate((first, *others))]
    merged = merge.run(MergeConfig(shard=tmp_path / "merged.h5", parts=tuple(parts)))
    assert sha256_file(tmp_path / "merged.h5") == sha256_file(tmp_path / "whole.h5")
    assert merged.splits == whole.splits
