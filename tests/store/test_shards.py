"""Shards come back as they went in, and damaged or hostile ones are refused."""

from __future__ import annotations

import copy
import os
import random
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from medcli.errors import DataError, InputError, MedcliError
from medcli.store.hdf5 import open_hdf5, read_whole
from medcli.store.predictions import read_predictions, write_predictions
from medcli.store.references import verify
from medcli.store.shards import ShardReader
from tests.store.helpers import small_predictions, write_shard


def test_round_trip_over_two_shards(tmp_path: Path) -> None:
    parts = [write_shard(tmp_path / "a.h5", count=3), write_shard(tmp_path / "b.h5", count=2, first=3)]
    reader = ShardReader(parts)
    assert len(reader) == 5
    assert [int(reader.image(i).max()) for i in range(5)] == [0, 1, 2, 3, 4]
    assert reader.mask(2) is None
    assert reader.mask(3).max() == 3
    assert reader.indices_of([f"{4:016x}", f"{0:016x}"]) == [4, 0]
    with pytest.raises(DataError, match="in no shard"):
        reader.indices_of(["f" * 16])


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = write_shard(tmp_path / "a.h5"), write_shard(tmp_path / "b.h5")
    assert first["sha256"] == second["sha256"]
    a, b = (write_predictions(tmp_path / name, small_predictions()) for name in ("p.h5", "q.h5"))
    assert a["sha256"] == b["sha256"]


def test_a_reader_opens_its_files_anew_in_another_process(tmp_path: Path) -> None:
    reader = ShardReader([write_shard(tmp_path / "a.h5")])
    assert reader.image(1).max() == 1
    # by the protocol with which a DataLoader sends its dataset to workers
    twin = copy.deepcopy(reader)
    assert np.array_equal(twin.image(1), reader.image(1))


def test_an_unfinished_shard_never_has_its_name(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from medcli.store.shards import ShardWriter\n"
        "if __name__ == '__main__':\n"
        "  w = ShardWriter(Path(sys.argv[1]), shape=(8, 8, 1), header={}, with_masks=False).__enter__()\n"
        "  w.append(np.zeros((8, 8, 1), np.uint8), {'id': '0'})\n"
        "  os.kill(os.getpid(), 9)\n"
    )
    script = tmp_path / "killed.py"
    script.write_text(code)
    subprocess.run([sys.executable, str(script), str(tmp_path / "a.h5")], check=False)
    assert not (tmp_path / "a.h5").exists()
    write_shard(tmp_path / "a.h5")
    assert sorted(os.listdir(tmp_path)) == ["a.h5", "killed.py"]


def test_every_bit_flip_is_found_by_digest_and_most_without_it(tmp_path: Path) -> None:
    ref = write_shard(tmp_path / "a.h5", size=32)
    whole = (tmp_path / "a.h5").read_bytes()
    rng = random.Random(0)
    for _ in range(40):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        (tmp_path / "a.h5").write_bytes(damaged)
        with pytest.raises(DataError, match="sha256 differs"):
            verify(ref)
    # a pixel, whose chunk is guarded by Fletcher's sum
    damaged = bytearray(whole)
    damaged[whole.index(bytes([3]) * 1024) + 500] ^= 16
    (tmp_path / "a.h5").write_bytes(damaged)
    with pytest.raises(DataError, match="checksum"):
        read_whole(tmp_path / "a.h5")
    # a digit of the recipe in the header, which is a text and guarded by a digest in it
    damaged = bytearray(whole)
    damaged[whole.index(b'"recipe":{"size":32') + 18] ^= 1
    (tmp_path / "a.h5").write_bytes(damaged)
    with pytest.raises(DataError, match="header is not the one"):
        read_whole(tmp_path / "a.h5")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_shard_is_a_data_error(tmp_path: Path, share: float) -> None:
    write_shard(tmp_path / "a.h5")
    whole = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(MedcliError) as caught:
        read_whole(tmp_path / "a.h5")
    assert caught.value.status == 65


def test_doors_to_other_files_are_refused(tmp_path: Path) -> None:
    write_shard(tmp_path / "good.h5")
    (tmp_path / "raw").write_bytes(bytes(64))
    layout = h5py.VirtualLayout(shape=(6, 8, 8, 1), dtype="u1")
    layout[:] = h5py.VirtualSource(str(tmp_path / "good.h5"), "images", shape=(6, 8, 8, 1))
    hostile = {
        "link.h5": lambda file: file.__setitem__("images", h5py.ExternalLink("good.h5", "/images")),
        "soft.h5": lambda file: file.__setitem__("images", h5py.SoftLink("/header")),
        "raw.h5": lambda file: file.create_dataset(
            "images", (64,), "u1", external=[(str(tmp_path / "raw"), 0, 64)]
        ),
        "virtual.h5": lambda file: file.create_virtual_dataset("images", layout),
        "group.h5": lambda file: file.create_group("images"),
        "type.h5": lambda file: file.create_dataset("images", (1,), h5py.ref_dtype),
    }
    for name, build in hostile.items():
        with h5py.File(tmp_path / name, "w") as file:
            build(file)
        with pytest.raises(DataError, match=name):
            open_hdf5(tmp_path / name)


def test_shards_of_different_recipes_do_not_mix(tmp_path: Path) -> None:
    refs = [write_shard(tmp_path / "a.h5"), write_shard(tmp_path / "b.h5", first=10, size=16)]
    with pytest.raises(DataError, match="recipe differs"):
        ShardReader(refs)
    with pytest.raises(DataError, match="twice"):
        ShardReader([refs[0], refs[0]])


def test_predictions_round_trip_and_refuse_what_is_not_finite(tmp_path: Path) -> None:
    written = small_predictions()
    ref = write_predictions(tmp_path / "p.h5", written)
    read = read_predictions(ref)
    assert np.array_equal(read.targets, written.targets, equal_nan=True)
    assert np.array_equal(read.scores, written.scores)
    assert (read.part, read.score_kind, read.records) == ("val", "logit", written.records)
    written.scores[2, 1] = np.inf
    with pytest.raises(DataError, match=f"1 images are not finite, the first is {2:016x}"):
        write_predictions(tmp_path / "q.h5", written)
    with pytest.raises(InputError):
        read_predictions({**ref, "path": str(tmp_path / "gone.h5")})
    with pytest.raises(DataError, match="shard/1"):
        write_shard(tmp_path / "s.h5")
        read_predictions(tmp_path / "s.h5")
