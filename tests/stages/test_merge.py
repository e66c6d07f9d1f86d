"""Parts of an array and their merger: the bytes of one run, and refusals that name the part."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.config import MergeConfig
from medcli.errors import DataError, OutputError, UsageError
from medcli.progress import SILENT
from medcli.stages._parts import Share, choose_share
from medcli.stages.merge import run
from medcli.stages.preprocess import run as preprocess
from medcli.store.manifest import Manifest, manifest_bytes, read_manifest, write_manifest
from tests.stages.test_preprocess import configure, image_files, make_cohort


def make_part(cohort: Path, number: int, count: int, **options: object) -> Path:
    """The manifest of one part, beside its shard."""
    stem = cohort.parent / f"part-{number}-of-{count}"
    config = configure(cohort, part=f"{number}/{count}", shard=stem.with_suffix(".h5"), **options)
    write_manifest(preprocess(config), stem.with_suffix(".json"))
    return stem.with_suffix(".json")


def merge(folder: Path, parts: list[Path], name: str = "merged.h5") -> Manifest:
    return run(MergeConfig(shard=folder / name, parts=tuple(str(part) for part in parts)))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven images with masks, of which one cannot be read; two more were rejected by ingest."""
    manifest = make_cohort(tmp_path_factory.mktemp("cohort"), with_masks=True, side=16)
    document = read_manifest(str(manifest))
    rejects = ({"id": f"{n:016x}", "code": "decode/empty", "reason": "the file is empty"} for n in range(2))
    document.rejected = list(rejects)
    write_manifest(document, manifest)
    image_files(manifest)[2].unlink()
    write_manifest(preprocess(configure(manifest, shard=manifest.parent / "whole.h5")), whole(manifest))
    return manifest


def whole(cohort: Path) -> Path:
    return cohort.parent / "whole.json"


@pytest.fixture(scope="module")
def thirds(cohort: Path) -> list[Path]:
    return [make_part(cohort, number, 3) for number in (1, 2, 3)]


@pytest.mark.parametrize(("count", "jobs"), [(2, 1), (7, 2), (10, 1)])
def test_any_partition_merges_to_the_bytes_of_one_run(cohort: Path, count: int, jobs: int) -> None:
    folder = cohort.parent
    parts = [make_part(cohort, number, count, jobs=jobs) for number in range(count, 0, -1)]
    merged = merge(folder, parts)
    assert (folder / "merged.h5").read_bytes() == (folder / "whole.h5").read_bytes()
    shutil.copy(folder / "merged.h5", folder / "whole.h5")
    merged.shards[0]["path"] = str(folder / "whole.h5")
    assert manifest_bytes(merged, base=folder) == whole(cohort).read_bytes()


@given(st.integers(0, 1000), st.integers(1, 50))
@settings(max_examples=100)
def test_shares_are_contiguous_complete_and_even(num_records: int, count: int) -> None:
    ranges = [Share(number, count).range_of(num_records) for number in range(1, count + 1)]
    assert [row for rows in ranges for row in rows] == list(range(num_records))
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1


def test_merging_twice_is_harmless_and_leaves_the_parts(cohort: Path, thirds: list[Path]) -> None:
    before = {path: path.read_bytes() for path in cohort.parent.glob("part-*-of-3.*")}
    first, again = (merge(cohort.parent, thirds) for _ in range(2))
    assert first == again
    assert {path: path.read_bytes() for path in before} == before


def test_what_is_missing_or_doubled_is_named(cohort: Path, thirds: list[Path]) -> None:
    with pytest.raises(DataError, match="1 of 3 parts missing: 2"):
        merge(cohort.parent, [thirds[0], thirds[2]], "refused.h5")
    with pytest.raises(DataError, match=r"part-2-of-3.json: part 2 of 3 is there twice"):
        merge(cohort.parent, [*thirds, thirds[1]], "refused.h5")
    with pytest.raises(UsageError, match="no part"):
        merge(cohort.parent, [], "refused.h5")
    assert not (cohort.parent / "refused.h5").exists()


@pytest.mark.parametrize(
    ("options", "difference"),
    [({"size": 32}, r"the recipe \(size\)"), ({"clahe": True}, r"the recipe \(clahe\)")],
)
def test_a_part_of_another_recipe_is_named(
    cohort: Path, thirds: list[Path], options: dict[str, object], difference: str
) -> None:
    other = make_part(cohort, 2, 3, **options)
    moved = [path.rename(path.with_stem("other")) for path in (other, other.with_suffix(".h5"))]
    try:
        document = moved[0].read_text().replace("part-2-of-3.h5", "other.h5")
        moved[0].write_text(document)
        with pytest.raises(DataError, match=rf"other.json: {difference} differs from that of .*part-1-of-3"):
            merge(cohort.parent, [thirds[0], moved[0], thirds[2]], "refused.h5")
    finally:
        make_part(cohort, 2, 3)


def test_parts_of_other_records_or_another_count_are_named(
    cohort: Path, thirds: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"part-2-of-2.json: the number of parts differs"):
        merge(cohort.parent, [thirds[0], make_part(cohort, 2, 2)], "refused.h5")
    elsewhere = make_part(make_cohort(tmp_path, with_masks=True, side=16, num_images=6), 2, 3)
    with pytest.raises(DataError, match="the list of records differs"):
        merge(cohort.parent, [thirds[0], elsewhere, thirds[2]], "refused.h5")


def test_a_whole_shard_is_no_part_and_a_damaged_one_is_refused(
    cohort: Path, thirds: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="it is not a part"):
        merge(cohort.parent, [whole(cohort)], "refused.h5")
    for path in cohort.parent.glob("part-*-of-3.*"):
        shutil.copy(path, tmp_path)
    with h5py.File(tmp_path / "part-3-of-3.h5", "r+") as file:
        file["images"][0, 0, 0, 0] ^= 1
    with pytest.raises(DataError, match=r"part-3-of-3.h5: .*sha256 differs"):
        merge(tmp_path, [tmp_path / path.name for path in thirds])


def test_outputs_are_known_before_any_work(cohort: Path, thirds: list[Path]) -> None:
    with pytest.raises(UsageError, match="would replace a part"):
        merge(cohort.parent, thirds, "part-1-of-3.h5")
    with pytest.raises(OutputError, match="folder does not exist"):
        merge(cohort.parent / "missing", thirds)


def test_parts_without_a_usable_image_merge_to_an_error(tmp_path: Path) -> None:
    manifest = make_cohort(tmp_path, num_images=2, side=16)
    for file in image_files(manifest):
        file.unlink()
    parts = [make_part(manifest, number, 2) for number in (1, 2)]
    with pytest.raises(DataError, match="none of 2 images could be used"):
        merge(tmp_path, parts)
    assert not (tmp_path / "merged.h5").exists()


def array(task: int, *, first: int, last: int, count: int) -> dict[str, str]:
    values = {"ID": task, "MIN": first, "MAX": last, "COUNT": count}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


def test_the_array_says_which_part_unless_the_option_does() -> None:
    def choose(text: str | None, environment: dict[str, str]) -> Share | None:
        return choose_share(text, progress=SILENT, environment=environment)

    assert choose(None, {}) is None
    assert choose("1/1", array(3, first=1, last=8, count=8)) is None
    assert choose("2/5", array(3, first=1, last=8, count=8)) == Share(2, 5)
    assert choose(None, array(3, first=1, last=8, count=8)) == Share(3, 8)
    assert choose(None, array(0, first=0, last=7, count=8)) == Share(1, 8)
    assert choose(None, array(20, first=10, last=40, count=4)) == Share(2, 4)
    assert choose(None, array(5, first=5, last=5, count=1)) is None
    with pytest.raises(UsageError, match="gaps"):
        choose(None, array(7, first=1, last=8, count=3))
    for text in ("0/3", "4/3", "3", "a/b", "1/0", "-1/3"):
        with pytest.raises(UsageError, match="--part is"):
            choose(text, {})
