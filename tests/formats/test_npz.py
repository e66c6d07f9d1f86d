"""NPZ: plain numbers of an acceptable size, and nothing that runs."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from medcli.errors import DataError
from medcli.formats import npz
from medcli.formats.image import decode, scan
from medcli.formats.npz import read_member
from tests.formats.make import npz_bytes, ramp


@pytest.mark.parametrize(
    ("array", "is_volume"),
    [
        (ramp(), False),
        (ramp(4, 3), False),
        (np.stack([ramp()] * 3, -1), False),
        (np.stack([ramp()] * 7), True),
    ],
)
def test_the_only_array_is_the_image(tmp_path: Path, array: np.ndarray, is_volume: bool) -> None:
    path = tmp_path / "image"
    path.write_bytes(npz_bytes(x=array))
    image = decode(path)
    assert image.is_volume == is_volume
    assert np.array_equal(image.pixels, array)
    assert scan(path).kind == "npz"


def test_the_order_of_axes_in_the_file_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "image.npz"
    path.write_bytes(npz_bytes(x=np.asfortranarray(ramp(dtype=">u2"))))
    pixels = decode(path).pixels
    assert np.array_equal(pixels, ramp())
    assert pixels.dtype.isnative


def test_one_of_several_by_name(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    path.write_bytes(npz_bytes(train=np.stack([ramp()] * 2), test=ramp()))
    assert np.array_equal(read_member(path, "test"), ramp())
    for read in (lambda: decode(path), lambda: read_member(path, "val")):
        with pytest.raises(DataError):
            read()


def test_a_bomb_is_refused_by_its_header_before_it_is_inflated(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    header = io.BytesIO()
    shape = {"descr": "|u1", "fortran_order": False, "shape": (1 << 20, 1 << 20)}
    np.lib.format.write_array_header_1_0(header, shape)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        file.write(header.getvalue())
        for _ in range(64):
            file.write(bytes(1 << 20))
    with pytest.raises(DataError) as caught:
        decode(path)
    assert caught.value.code == "decode/bomb"


def test_items_of_an_array_that_is_larger_than_the_limit_are_read_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.npz"
    items = np.random.default_rng(0).integers(0, 255, (9, 6, 7), dtype=np.uint8)
    np.savez_compressed(path, train=items, bent=np.asfortranarray(items))
    monkeypatch.setattr(npz, "MAX_BYTES", 6 * 7)
    for index in (0, 3, 8, 2):
        assert np.array_equal(npz.decode_item(path, "train", index).pixels, items[index])
    with pytest.raises(DataError) as caught:
        npz.decode_item(path, "train", 9)
    assert caught.value.code == "decode/bad-header"
    with pytest.raises(DataError) as caught:
        npz.decode_item(path, "bent", 0)
    assert caught.value.code == "decode/unsupported-syntax"
    monkeypatch.setattr(npz, "MAX_BYTES", 6 * 7 - 1)
    with pytest.raises(DataError) as caught:
        npz._Items(path, "train")
    assert caught.value.code == "decode/bomb"
