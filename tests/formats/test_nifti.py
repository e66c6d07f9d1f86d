"""NIfTI: every voxel where its affine puts it, whatever the storage; checksums and limits are kept."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest

from medcli.errors import DataError
from medcli.formats.image import decode, decode_source, digest_source, examine_source, scan
from medcli.formats.inflate import GZIP, inflate
from medcli.formats.source import SourceImage
from medcli.store.sources import Source
from tests.formats.make import nifti_bytes

VOLUME = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)


def write(content: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "volume"
    path.write_bytes(content)
    return path


def in_space(image: SourceImage) -> dict[tuple[float, ...], float]:
    """Millimetres of every voxel, in RAS+, to its value."""
    assert image.geometry is not None
    assert image.geometry.affine is not None
    return {
        tuple(np.round(image.geometry.affine @ [*index, 1], 3)[:3].tolist()): float(value)
        for index, value in np.ndenumerate(image.pixels)
    }


def test_axes_are_slices_rows_and_columns(tmp_path: Path) -> None:
    image = decode(write(nifti_bytes(VOLUME), tmp_path))
    assert image.is_volume
    assert image.pixels.shape == (5, 4, 3)
    assert image.pixels[4, 3, 2] == VOLUME[2, 3, 4]
    assert image.bits == 16


def test_one_slice_is_an_image(tmp_path: Path) -> None:
    image = decode(write(nifti_bytes(VOLUME[:, :, :1]), tmp_path))
    assert not image.is_volume
    assert np.array_equal(image.pixels, VOLUME[:, :, 0].T)


@pytest.mark.parametrize("codes", ["LPI", "RSA", "ASR", "PIR", "SLP"])
def test_storage_orientation_does_not_matter(tmp_path: Path, codes: str) -> None:
    reference = nibabel.Nifti1Image(VOLUME, np.diag([1.0, 2, 3, 1]))
    transform = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(reference.affine), nibabel.orientations.axcodes2ornt(codes)
    )
    turned = reference.as_reoriented(transform)
    found = in_space(decode(write(turned.to_bytes(), tmp_path)))
    assert found == in_space(decode(write(reference.to_bytes(), tmp_path)))
    assert found[0.0, 2.0, 6.0] == VOLUME[0, 1, 2]


def test_volumes_become_channels(tmp_path: Path) -> None:
    four = np.stack([VOLUME + 100 * i for i in range(4)], axis=-1)
    image = decode(write(nifti_bytes(four), tmp_path))
    assert image.pixels.shape == (5, 4, 3, 4)
    assert np.array_equal(image.pixels[..., 2], decode(write(nifti_bytes(VOLUME), tmp_path)).pixels + 200)


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    content = bytearray(nifti_bytes(VOLUME))
    content[112:120] = struct.pack("<ff", 0.5, -3)  # scl_slope, scl_inter
    found = decode(write(bytes(content), tmp_path)).pixels
    assert found.dtype == np.float32
    assert found[2, 3, 2] == VOLUME[2, 3, 2] * 0.5 - 3


def test_gzip_nifti_2_and_big_endian(tmp_path: Path) -> None:
    expected = decode(write(nifti_bytes(VOLUME), tmp_path)).pixels
    second = nibabel.Nifti2Image(VOLUME, np.eye(4)).to_bytes()
    big = nibabel.Nifti1Image(
        VOLUME.astype(">i2"), np.eye(4), nibabel.Nifti1Header(endianness=">")
    ).to_bytes()
    for content in (gzip.compress(nifti_bytes(VOLUME), mtime=0), second, big):
        image = decode(write(content, tmp_path))
        assert image.pixels.dtype.isnative
        assert np.array_equal(image.pixels, expected)


def _code(content: bytes, tmp_path: Path) -> str:
    path = write(content, tmp_path)
    with pytest.raises(DataError) as caught:
        scan(path)
    with pytest.raises(DataError):
        decode(path)
    return caught.value.code


def test_a_wrong_gzip_checksum_is_found(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(nifti_bytes(VOLUME), mtime=0))
    content[-6] ^= 1
    assert _code(bytes(content), tmp_path) == "decode/corrupt"


def test_cuts_and_shapes(tmp_path: Path) -> None:
    packed = gzip.compress(nifti_bytes(np.random.default_rng(0).integers(0, 999, (9, 9, 9), dtype=np.int16)))
    assert _code(packed[:-20], tmp_path) == "decode/truncated"
    assert _code(nifti_bytes(VOLUME)[:-2], tmp_path) == "decode/truncated"
    assert _code(nifti_bytes(np.zeros((2, 2, 2, 5), dtype=np.int16)), tmp_path) == "decode/multi-frame"
    assert (
        _code(nifti_bytes(np.zeros((2, 2, 2), dtype=np.complex64)), tmp_path) == "decode/unsupported-syntax"
    )


def test_an_orientation_that_is_none_is_refused(tmp_path: Path) -> None:
    content = bytearray(nifti_bytes(VOLUME))
    content[280:328] = bytes(48)  # srow_x, srow_y, srow_z
    assert _code(bytes(content), tmp_path) == "decode/bad-header"


def test_nan_is_refused(tmp_path: Path) -> None:
    volume = np.ones((3, 3, 3), dtype=np.float32)
    volume[1, 1, 1] = np.nan
    with pytest.raises(DataError) as caught:
        decode(write(nifti_bytes(volume), tmp_path))
    assert caught.value.code == "decode/not-finite"


def test_inflation_has_a_limit_and_takes_every_member() -> None:
    assert inflate(gzip.compress(b"ab") + gzip.compress(b"cd"), wbits=GZIP) == b"abcd"
    with pytest.raises(DataError) as caught:
        inflate(gzip.compress(bytes(100_000)), wbits=GZIP, limit=99_999)
    assert caught.value.code == "decode/bomb"
    assert len(inflate(gzip.compress(bytes(100_000)), wbits=GZIP, limit=100_000)) == 100_000


def test_a_pair_is_the_single_file_that_it_stands_for(tmp_path: Path) -> None:
    for order in "<>":
        header = nibabel.Nifti1Header(endianness=order)
        header.set_data_dtype(f"{order}i2")
        pair = nibabel.Nifti1Pair(VOLUME, np.diag([2, 3, 4, 1]), header)
        nibabel.save(pair, tmp_path / "x.hdr")
        single = decode(write(nifti_bytes(VOLUME, affine=np.diag([2, 3, 4, 1])), tmp_path))
        for packed in (False, True):
            voxels = (tmp_path / "x.img").read_bytes()
            (tmp_path / "y.img").write_bytes(gzip.compress(voxels) if packed else voxels)
            found = decode_source(tmp_path, {"path": "x.hdr", "data": "y.img"})
            assert np.array_equal(found.pixels, single.pixels)
            assert found.geometry is not None
            assert found.geometry.spacing_mm == (4, 3, 2)


def test_a_pair_is_digested_as_a_whole(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Pair(VOLUME, np.eye(4)), tmp_path / "x.hdr")
    pair: Source = {"path": "x.hdr", "data": "x.img"}
    digest = examine_source(tmp_path, pair, is_quick=True).sha256
    assert digest_source(tmp_path, pair) == digest
    decode_source(tmp_path, pair, sha256=digest)
    (tmp_path / "x.img").write_bytes((tmp_path / "x.img").read_bytes()[::-1])
    with pytest.raises(DataError) as caught:
        decode_source(tmp_path, pair, sha256=digest)
    assert caught.value.code == "file/changed"
    (tmp_path / "x.img").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        decode_source(tmp_path, pair)
    assert caught.value.code == "decode/truncated"
