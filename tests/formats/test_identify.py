"""Files that are something else than their name says, and what is said of them."""

from __future__ import annotations

import gzip
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.errors import DataError
from medcli.formats.codes import CODES
from medcli.formats.image import decode, examine_source, scan
from medcli.store.digests import sha256_bytes
from tests.formats.make import dicom_bytes, image_bytes, nifti_bytes, ramp


def zipped() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "b")
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n"

HOSTILE = {
    "empty": (b"", "decode/empty", "empty"),
    "one byte": (b"\0", "decode/truncated", "1 bytes"),
    "web page": (b"<!DOCTYPE html><html>404</html>", "decode/unknown-format", "web page"),
    "zip": (zipped(), "decode/unknown-format", "zip"),
    "Git LFS pointer": (LFS, "decode/unknown-format", "git lfs pull"),
    "git-annex pointer": (b"/annex/objects/SHA256E-s1--00.dcm\n", "decode/unknown-format", "git annex get"),
    "GIF": (b"GIF89a" + bytes(200), "decode/unknown-format", "GIF"),
    "text": (b"patient one, left lung\n", "decode/unknown-format", "text"),
    "gzip of text": (gzip.compress(b"hello " * 500, mtime=0), "decode/unknown-format", "gzip"),
    "zeros": (bytes(5000), "decode/unknown-format", "not a format"),
    "PNG signature alone": (b"\x89PNG\r\n\x1a\n", "decode/truncated", "header"),
    "JPEG signature alone": (b"\xff\xd8\xff\xe0", "decode/truncated", "header"),
    "FITS": (b"SIMPLE  =                    T" + bytes(3000), "decode/unknown-format", "FITS"),
}


@pytest.mark.parametrize(("content", "code", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_image_is_said(tmp_path: Path, content: bytes, code: str, words: str) -> None:
    path = tmp_path / "scan.dcm"
    path.write_bytes(content)
    for read in (scan, decode):
        with pytest.raises(DataError, match=words) as caught:
            read(path)
        assert caught.value.code == code
        assert caught.value.where == str(path)


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from(["", "png", "dicom", "nifti", "jpeg", "tiff"]),
    st.integers(0, 300),
)
def test_any_bytes_are_read_or_rejected_with_a_code(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, base: str, position: int
) -> None:
    whole = {
        "": b"",
        "png": image_bytes(ramp()),
        "jpeg": image_bytes(ramp(), kind="JPEG"),
        "tiff": image_bytes(ramp(), kind="TIFF"),
        "dicom": dicom_bytes(ramp()),
        "nifti": nifti_bytes(ramp().reshape(3, 2, 5)),
    }[base]
    path = tmp_path_factory.mktemp("noise") / "x"
    path.write_bytes(whole[:position] + noise + whole[position + len(noise) :])
    codes = set()
    for read in (scan, decode):
        try:
            read(path)
        except DataError as error:
            codes.add(error.code)
    assert codes <= CODES.keys()


def test_the_name_does_not_matter_and_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    content = image_bytes(ramp())
    path = tmp_path / "looks-like.nii.gz"
    path.write_bytes(content)
    found = examine_source(tmp_path, {"path": path.name}, is_quick=True)
    digest = found.sha256
    assert (digest, found.header.kind, found.image) == (sha256_bytes(content), "png", None)
    assert decode(path, sha256=digest).bits == 8
    path.write_bytes(image_bytes(ramp() + 1))
    with pytest.raises(DataError) as caught:
        decode(path, sha256=digest)
    assert caught.value.code == "file/changed"


def test_folders_and_missing_files_have_a_code(tmp_path: Path) -> None:
    for path, code in ((tmp_path, "file/not-regular"), (tmp_path / "none", "file/unreadable")):
        with pytest.raises(DataError) as caught:
            decode(path)
        assert caught.value.code == code
