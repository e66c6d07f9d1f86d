"""Work that is done already is found by digests, and only then left as it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from medcli.config import MergeConfig, PreprocessConfig
from medcli.errors import DataError
from medcli.stages import merge, preprocess
from medcli.store.manifest import manifest_bytes, read_manifest, write_manifest
from tests.cli.run import medcli
from tests.stages.test_preprocess import configure, image_files, leftovers, make_cohort


class Notes:
    """What a stage says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)

    @contextmanager
    def task(self, label: str, total: int | None = None):  # type: ignore[no-untyped-def]
        yield lambda count=1, note="": None


def again(config: PreprocessConfig) -> tuple[bool, str]:
    """Whether preprocess made the shard anew, and what it said."""
    inode, notes = config.shard.stat().st_ino, Notes()
    with config.shard.open("rb"):  # keeps the number from being used again
        preprocess.run(config, progress=notes)
        return config.shard.stat().st_ino != inode, "\n".join(notes.lines)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    return make_cohort(tmp_path, num_images=4, with_masks=True, side=16)


def test_the_same_line_again_decodes_nothing_and_gives_the_same_manifest(
    cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_files(cohort)[2].unlink()
    config = configure(cohort)
    first = preprocess.run(config)
    lock = cohort.parent / ".out.h5.lock"
    lock.touch()
    monkeypatch.setattr(preprocess, "_write", None)
    notes = Notes()
    second = preprocess.run(replace(config, jobs=2), progress=notes)
    assert manifest_bytes(first, base=cohort.parent) == manifest_bytes(second, base=cohort.parent)
    assert second.shards[0]["num_rejected"] == 1
    assert any(line.endswith("out.h5 holds this very result: nothing to do") for line in notes.lines)
    assert leftovers(cohort.parent) == {"out.h5"}


def flip(shard: Path) -> None:
    with h5py.File(shard, "r+") as file:
        place = file["images"].id.get_chunk_info(0).byte_offset
    data = bytearray(shard.read_bytes())
    data[place] ^= 1
    shard.write_bytes(data)


def cut(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (flip, "a checksum does not hold"),
        (cut, "cut or damaged"),
        (lambda shard: shard.write_bytes(b""), "not"),
    ],
)
def test_a_damaged_shard_is_made_again(cohort: Path, damage: Callable[[Path], None], words: str) -> None:
    config = configure(cohort)
    whole = preprocess.run(config).shards
    damage(config.shard)
    was_made, said = again(config)
    assert was_made
    assert words in said
    assert preprocess.run(config).shards == whole


def test_other_options_records_or_parts_are_made_again(cohort: Path) -> None:
    config = configure(cohort)
    preprocess.run(config)
    assert again(replace(config, clahe=True)) == (
        True,
        f"{config.shard} is made again: its recipe differs (clahe)",
    )
    assert again(replace(config, fresh=True)) == (True, "")
    document = read_manifest(str(cohort))
    document.records[0]["labels"] = {"a": 1}
    write_manifest(document, cohort)
    was_made, said = again(config)
    assert was_made
    assert "its history differs (other records)" in said
    was_made, said = again(replace(config, part="1/2"))
    assert was_made
    assert "its part differs" in said


def test_changed_sources_and_masks_are_noticed(cohort: Path) -> None:
    config = configure(cohort)
    preprocess.run(config)
    files = image_files(cohort)
    content = files[0].read_bytes()
    files[0].write_bytes(content + b"x")
    was_made, said = again(config)
    assert was_made
    assert "1 of its 4 sources changed since" in said
    assert again(config)[0] is False  # the reject is still what it was
    files[0].write_bytes(content)
    assert again(config)[0] is True  # and is gone once the file is back
    cv2.imwrite(str(cohort.parent / "in" / "m1.png"), np.ones((16, 26), np.uint8))
    assert again(config)[0] is True
    assert preprocess.run(config).shards[0]["num_rejected"] == 1


def test_rejects_that_need_not_come_back_are_tried_again(
    cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(cohort)
    real = preprocess.run_in_workers

    def late(function, items, *, jobs, size_of):  # type: ignore[no-untyped-def]
        return real(function, items, jobs=jobs, timeout_s=0)

    with monkeypatch.context() as patched:
        patched.setattr(preprocess, "run_in_workers", late)
        with pytest.raises(DataError, match="worker/timeout"):
            preprocess.run(config)
        preprocess.run(replace(config, part="1/2"))
    was_made, said = again(replace(config, part="1/2"))
    assert was_made
    assert "2 of its rejects need not come back (worker/timeout)" in said


def test_only_missing_parts_are_made_and_merged_once(cohort: Path) -> None:
    folder = cohort.parent
    parts = [
        configure(cohort, part=f"{i}/2", shard=folder / f"{i}.h5", output=folder / f"{i}.json")
        for i in (1, 2)
    ]
    for part in parts:
        write_manifest(preprocess.run(part), part.output)  # type: ignore[arg-type]
    parts[0].shard.unlink()
    preprocess.run(parts[0])
    assert again(parts[1])[0] is False
    config = MergeConfig(shard=folder / "whole.h5", parts=tuple(str(part.output) for part in parts))
    first = merge.run(config)
    inode, notes = config.shard.stat().st_ino, Notes()
    assert merge.run(config, progress=notes) == first
    assert config.shard.stat().st_ino == inode
    assert "nothing to do" in notes.lines[-1]
    assert again(configure(cohort, shard=config.shard))[0] is False  # one run over all would give the same
    with config.shard.open("rb"):
        merge.run(replace(config, fresh=True))
        assert config.shard.stat().st_ino != inode


def test_evidence_goes_on_and_earlier_rejects_do_not_count(cohort: Path) -> None:
    document = read_manifest(str(cohort))
    document.rejected = [{"id": "0" * 16, "code": "decode/empty", "reason": "the file is empty"}]
    document.evidence = {"version": "evidence/1", "images": 4}
    write_manifest(document, cohort)
    after = preprocess.run(configure(cohort, max_rejects="0"))
    assert after.evidence == document.evidence
    assert after.rejected == document.rejected
    line = ["preprocess", "-q", "-j", "1", "--size", "24", "cohort.json", "out.h5", "-o", "out.json"]
    assert medcli(*line, cwd=cohort.parent).returncode == 0
    image_files(cohort)[0].unlink()
    done = medcli(*line, cwd=cohort.parent)
    assert done.returncode == 3
    assert "1 input was rejected" in done.stderr
    assert len(read_manifest(str(cohort.parent / "out.json")).rejected) == 2
