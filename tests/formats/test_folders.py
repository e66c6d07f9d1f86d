"""Listing: every file once, in one order, and nothing followed out of the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medcli.errors import InputError
from medcli.formats.folders import list_files


def fill(root: Path, *names: str | bytes) -> None:
    for name in names:
        path = os.fsencode(root) + b"/" + os.fsencode(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
            pass


def test_sorted_by_bytes_whatever_the_names(tmp_path: Path) -> None:
    fill(tmp_path, "b/2.png", "b.png", "a/c/1", b"\xff\xfe.dcm", "-rf", "new\nline.png", "B.png", "ä.png")
    files = list_files(tmp_path).files
    assert [os.fsencode(name) for name in files] == sorted(os.fsencode(name) for name in files)
    assert len(files) == 8
    assert os.fsdecode(b"\xff\xfe.dcm") in files


def test_what_is_no_input_by_its_name(tmp_path: Path) -> None:
    fill(
        tmp_path,
        ".hidden",
        ".git/config",
        "labels.csv",
        "x/labels.TSV.gz",
        "README",
        "LICENSE.md",
        "DICOMDIR",
    )
    fill(tmp_path, "sources-0123456789ab.json", "out.h5", "image", "image.dcm", "csv", "a.nii.gz")
    listing = list_files(tmp_path)
    assert listing.files == ["a.nii.gz", "csv", "image", "image.dcm"]
    assert listing.ignored == {
        ".csv": 1,
        ".h5": 1,
        ".json": 1,
        ".md": 1,
        ".tsv": 1,
        "dicomdir": 1,
        "hidden": 2,
        "readme": 1,
    }


def test_links_and_special_files(tmp_path: Path) -> None:
    root = tmp_path / "in"
    fill(root, "real.png", "sub/x.png")
    fill(tmp_path, "outside.png")
    (root / "inside").symlink_to("real.png")
    (root / "out").symlink_to("../outside.png")
    (root / "loop").symlink_to("loop")
    (root / "sub" / "up").symlink_to("..")
    (root / "dangling").symlink_to("nothing")
    os.mkfifo(root / "pipe")
    listing = list_files(root)
    assert listing.files == ["inside", "real.png", "sub/x.png"]
    assert dict(listing.odd) == {
        "dangling": "file/symlink",
        "loop": "file/symlink",
        "out": "file/symlink",
        "pipe": "file/not-regular",
        "sub/up": "file/symlink",
    }


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        list_files(tmp_path / "none")
