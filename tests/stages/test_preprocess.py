"""From sources to a shard: order, refusals, digests, and what is left when something goes wrong."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from medcli.config import Fit, PreprocessConfig
from medcli.errors import DataError, MedcliError, OutputError, UsageError
from medcli.formats.codes import CODES
from medcli.stages.preprocess import run
from medcli.store.atomic import locked
from medcli.store.manifest import Manifest, read_manifest, write_manifest
from medcli.store.shards import ShardReader
from medcli.store.sources import write_sources

NUM_IMAGES = 7


def make_cohort(
    folder: Path, *, num_images: int = NUM_IMAGES, with_masks: bool = False, side: int = 40
) -> Path:
    """A manifest of PNG files, each with a square that is brighter than the last."""
    source = folder / "in"
    source.mkdir(parents=True)
    files: dict[str, dict[str, str]] = {}
    records = []
    for number in range(num_images):
        image = np.random.default_rng(number).integers(0, 60, (side, side + 10)).astype(np.uint8)
        image[5:15, 8 : 12 + number % 5] = 200 + number % 50
        name, identity = f"p{number}.png", hashlib.sha256(str(number).encode()).hexdigest()[:16]
        cv2.imwrite(str(source / name), image)
        files[identity] = {"path": name}
        if with_masks and number % 2:
            cv2.imwrite(str(source / f"m{number}.png"), (image >= 200) * np.uint8(2))
            files[identity]["mask"] = f"m{number}.png"
        record = {"id": identity, "sha256": digest_of(source / name), "labels": {"b": number % 2}}
        if "mask" in files[identity]:
            record["mask_sha256"] = digest_of(source / files[identity]["mask"])
        records.append(record)
    manifest = Manifest(task={"type": "multilabel", "classes": ["a", "b"]}, records=records)
    manifest.sources = write_sources(folder, source, files)
    write_manifest(manifest, folder / "cohort.json")
    return folder / "cohort.json"


def without_pixels(records: list[dict]) -> list[dict]:
    """Records as they were before it was said what their pixels are like."""
    return [{key: value for key, value in record.items() if key != "pixels"} for record in records]


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def configure(manifest: Path, **options: object) -> PreprocessConfig:
    plain = PreprocessConfig(source=str(manifest), shard=manifest.parent / "out.h5", size=24, jobs=1)
    return replace(plain, **options)  # type: ignore[arg-type]


def image_files(manifest: Path) -> list[Path]:
    return sorted((manifest.parent / "in").glob("p*.png"))


def leftovers(folder: Path) -> set[str]:
    return (
        {path.name for path in folder.iterdir()}
        - {"in", "cohort.json"}
        - {p.name for p in folder.glob("sources-*")}
    )


def test_records_and_pixels_come_in_order_and_the_shard_says_how(tmp_path: Path) -> None:
    manifest = make_cohort(tmp_path)
    before = read_manifest(str(manifest))
    after = run(configure(manifest, channels=3))
    assert without_pixels(after.records) == before.records
    assert all(row["pixels"].keys() >= {"brightness", "contrast", "noise"} for row in after.records)
    assert after.rejected == []
    reader = ShardReader(after.shards)
    assert reader.records == after.records
    assert reader.shape == (24, 24, 3)
    assert reader.header["task"] == before.task
    assert reader.header["recipe"]["channels"] == 3
    assert not {"source", "shard", "output", "key_file", "jobs", "max_rejects"} & set(reader.header["recipe"])
    assert reader.header["history"] == after.history
    assert after.history[-1]["inputs"] == [{"role": "records", "sha256": before.records_digest()}]
    assert after.shards[0]["num_images"] == NUM_IMAGES


def test_any_number_of_jobs_gives_the_same_bytes(tmp_path: Path) -> None:
    manifest = make_cohort(tmp_path)
    shards = [tmp_path / f"{jobs}.h5" for jobs in (1, 2)]
    for jobs, shard in zip((1, 2), shards, strict=True):
        run(configure(manifest, jobs=jobs, shard=shard, clahe=True))
    assert shards[0].read_bytes() == shards[1].read_bytes()


def test_the_order_of_inputs_changes_no_image(tmp_path: Path) -> None:
    manifest = make_cohort(tmp_path)
    once = run(configure(manifest))
    shuffled = read_manifest(str(manifest))
    random.Random(1).shuffle(shuffled.records)
    write_manifest(shuffled, tmp_path / "shuffled.json")
    again = run(configure(tmp_path / "shuffled.json", shard=tmp_path / "again.h5"))
    assert without_pixels(again.records) == shuffled.records
    first, second = ShardReader(once.shards), ShardReader(again.shards)
    for index, record in enumerate(again.records):
        assert np.array_equal(second.image(index), first.image(first.indices_of([record["id"]])[0]))


def test_masks_are_moved_with_their_images(tmp_path: Path) -> None:
    after = run(configure(make_cohort(tmp_path, with_masks=True)))
    reader = ShardReader(after.shards)
    for index, record in enumerate(after.records):
        mask = reader.mask(index)
        assert (mask is not None) == bool(index % 2) == bool(record.get("has_mask"))
        if mask is not None:
            square = reader.image(index)[..., 0] > 125
            assert set(np.unique(mask)) == {0, 2}
            assert np.logical_and(square, mask == 2).sum() > 0.5 * np.logical_or(square, mask == 2).sum()


def test_a_mask_that_changed_since_ingest_is_noticed(tmp_path: Path) -> None:
    path = make_cohort(tmp_path, with_masks=True)
    manifest = read_manifest(str(path))
    for number in (1, 3):
        content = (tmp_path / "in" / f"m{number}.png").read_bytes()
        manifest.records[number]["mask_sha256"] = hashlib.sha256(content).hexdigest()
    write_manifest(manifest, path)
    cv2.imwrite(str(tmp_path / "in" / "m3.png"), np.ones((40, 50), np.uint8))
    after = run(configure(path))
    assert [(entry["id"], entry["code"]) for entry in after.rejected] == [
        (manifest.records[3]["id"], "file/changed")
    ]


def test_a_mask_of_several_tissues_marks_the_only_class_there_is(tmp_path: Path) -> None:
    path = make_cohort(tmp_path, with_masks=True)
    manifest = read_manifest(str(path))
    manifest.task = {"type": "binary", "classes": ["b"]}
    tissues = np.kron(np.array([[0, 1], [2, 4]], np.uint8), np.ones((20, 25), np.uint8))
    cv2.imwrite(str(tmp_path / "in" / "m1.png"), tissues)
    manifest.records[1]["mask_sha256"] = digest_of(tmp_path / "in" / "m1.png")
    write_manifest(manifest, path)
    after = run(configure(path, fit=Fit.stretch))
    assert after.rejected == []
    mask = ShardReader(after.shards).mask(1)
    assert mask is not None
    assert np.array_equal(mask, np.kron([[0, 1], [1, 1]], np.ones((12, 12))))


def test_what_can_not_be_used_is_listed_with_its_code(tmp_path: Path) -> None:
    manifest = make_cohort(tmp_path, with_masks=True)
    files = image_files(manifest)
    files[0].write_bytes(files[0].read_bytes() + b"x")
    files[2].unlink()
    for number in (3, 5):
        cv2.imwrite(str(tmp_path / "in" / f"m{number}.png"), np.full((40, 50), 3, np.uint8))
    before = read_manifest(str(manifest))
    before.records[3]["mask_sha256"] = digest_of(tmp_path / "in" / "m3.png")
    write_manifest(before, manifest)
    after = run(configure(manifest, jobs=2))
    codes = {rejection["id"]: rejection["code"] for rejection in after.rejected}
    assert codes == {
        before.records[0]["id"]: "file/changed",
        before.records[2]["id"]: "file/unreadable",
        before.records[3]["id"]: "recipe/bad-mask",
        before.records[5]["id"]: "file/changed",
    }
    assert set(codes.values()) <= set(CODES)
    assert len(before.records) == len(after.records) + len(after.rejected)
    assert not any(name in str(after.rejected) for name in ("p0", "p2", "m3", "in/"))


def test_the_limit_of_rejects_is_kept_before_the_shard_gets_its_name(tmp_path: Path) -> None:
    manifest = make_cohort(tmp_path)
    image_files(manifest)[0].unlink()
    assert len(run(configure(manifest, max_rejects="20%")).rejected) == 1
    (tmp_path / "out.h5").unlink()
    with pytest.raises(DataError, match="--max-rejects is 14%"):
        run(configure(manifest, max_rejects="14%"))
    assert leftovers(tmp_path) == set()


def test_impossible_options_are_known_before_any_work(tmp_path: Path) -> None:
    for options in ({"max_rejects": "many"}, {"size": 1}):
        with pytest.raises(UsageError):
            run(configure(tmp_path / "absent.json", **options))


def test_nothing_left_is_an_error_and_leaves_the_earlier_shard(tmp_path: Path) -> None:
    manifest = make_cohort(tmp_path, num_images=2)
    (tmp_path / "out.h5").write_bytes(b"earlier")
    with pytest.raises(DataError, match=r"none of 2 images could be used.*recipe/channels"):
        run(configure(manifest, channels=4))
    assert (tmp_path / "out.h5").read_bytes() == b"earlier"
    assert leftovers(tmp_path) == {"out.h5"}


def test_sources_are_needed_and_may_not_lead_outside(tmp_path: Path) -> None:
    manifest = make_cohort(tmp_path, num_images=2)
    document = read_manifest(str(manifest))
    paths = {record["id"]: {"path": "../cohort.json"} for record in document.records}
    document.sources = write_sources(tmp_path, tmp_path / "in", paths)
    write_manifest(document, manifest)
    with pytest.raises(DataError, match="file/outside"):
        run(configure(manifest))
    document.sources = None
    write_manifest(document, manifest)
    with pytest.raises(DataError, match="no sources"):
        run(configure(manifest))


def test_sections_made_from_other_pixels_do_not_go_on(tmp_path: Path) -> None:
    manifest = make_cohort(tmp_path, num_images=2)
    document = read_manifest(str(manifest))
    document.splits = {"sha256": "0" * 64, "parts": {"train": [document.records[0]["id"]]}}
    write_manifest(document, manifest)
    assert run(configure(manifest)).splits is None


@pytest.mark.parametrize("shard", ["missing/out.h5", "cohort.json/out.h5", "in"])
def test_an_output_that_can_not_be_made_is_known_before_any_work(tmp_path: Path, shard: str) -> None:
    manifest = make_cohort(tmp_path, num_images=1)
    for file in image_files(manifest):
        file.unlink()  # would be another error, later
    with pytest.raises(OutputError):
        run(configure(manifest, shard=tmp_path / shard))


def test_a_manifest_that_can_not_be_made_is_known_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="folder does not exist"):
        run(configure(make_cohort(tmp_path), output=tmp_path / "missing" / "out.json"))
    assert not (tmp_path / "out.h5").exists()


def test_two_jobs_can_not_write_one_shard(tmp_path: Path) -> None:
    manifest = make_cohort(tmp_path, num_images=1)
    with locked(tmp_path / "out.h5"), pytest.raises(OutputError, match="another job"):
        run(configure(manifest))


@pytest.mark.parametrize("limit", [30_000, 68_000])
def test_a_file_that_may_not_grow_is_one_clear_error(tmp_path: Path, limit: int) -> None:
    manifest = make_cohort(tmp_path)
    script = (
        "import resource, sys; from pathlib import Path; from medcli.config import PreprocessConfig\n"
        "from medcli.errors import StorageError\nfrom medcli.stages.preprocess import run\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "try: run(PreprocessConfig(source=sys.argv[1], shard=Path(sys.argv[2]), jobs=1, size=100))\n"
        "except StorageError as error: print(error.message)"
    )
    line = [sys.executable, "-c", script, str(manifest), str(tmp_path / "out.h5")]
    outcome = subprocess.run(line, capture_output=True, text=True, check=False)
    assert "cannot be written" in outcome.stdout
    assert "died" not in outcome.stdout
    assert outcome.stderr == ""
    assert leftovers(tmp_path) == set()


def test_a_kill_leaves_no_shard_and_the_same_line_then_succeeds(tmp_path: Path) -> None:
    manifest = make_cohort(tmp_path, num_images=60, side=400)
    config = configure(manifest, denoise=True, jobs=2, size=64)
    expected = run(replace(config, shard=tmp_path / "expected.h5", source=str(few(manifest)))).shards
    assert expected
    script = (
        "import sys; from pathlib import Path; from medcli.config import PreprocessConfig\n"
        "from medcli.stages.preprocess import run\n"
        "run(PreprocessConfig(source=sys.argv[1], shard=Path(sys.argv[2]), denoise=True, jobs=2, size=64))"
    )
    line = [sys.executable, "-c", script, str(manifest), str(config.shard)]
    process = subprocess.Popen(line)
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".out.h5.*medcli-tmp")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not config.shard.exists()
    again = run(replace(config, source=str(few(manifest))))
    assert again.shards[0]["sha256"] == expected[0]["sha256"]
    assert leftovers(tmp_path) == {"out.h5", "expected.h5", "few.json"}


def few(manifest: Path) -> Path:
    """The same cohort cut to three records: enough to compare, quick to run."""
    document = read_manifest(str(manifest))
    document.records = document.records[:3]
    write_manifest(document, manifest.parent / "few.json")
    return manifest.parent / "few.json"


def test_a_folder_is_ingested_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_cohort(tmp_path)
    monkeypatch.chdir(tmp_path)
    config = PreprocessConfig(
        source="in",
        shard=Path("bare.h5"),
        size=16,
        jobs=1,
        key_file=tmp_path / "key",
        output=tmp_path / "m.json",
    )
    after = run(config)
    assert [entry["command"] for entry in after.history] == ["ingest", "preprocess"]
    assert after.shards[0]["num_images"] == NUM_IMAGES


def test_every_error_is_ours(tmp_path: Path) -> None:
    with pytest.raises(MedcliError):
        run(PreprocessConfig(source=str(tmp_path / "nothing.json"), shard=tmp_path / "out.h5"))
    assert os.listdir(tmp_path) == []
