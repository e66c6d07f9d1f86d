"""Files and folders without permission: a code each, also where the tests run as root."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from medcli.errors import DataError
from medcli.formats.folders import list_files
from medcli.formats.image import decode, scan
from tests.formats.make import image_bytes, ramp

_NOBODY = 65534


@contextmanager
def without_privileges() -> Iterator[None]:
    """As a user who may do only what permissions say."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that anybody may enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in folder.rglob("*"):
        path.chmod(0o700)
    shutil.rmtree(folder)


def test_a_file_without_permission_is_listed_and_refused(root: Path) -> None:
    path = root / "a.png"
    path.write_bytes(image_bytes(ramp()))
    path.chmod(0)
    with without_privileges():
        assert list_files(root).files == ["a.png"]
        for read in (decode, scan):
            with pytest.raises(DataError) as caught:
                read(path)
            assert caught.value.code == "file/unreadable"


def test_a_folder_without_permission_is_said(root: Path) -> None:
    (root / "closed").mkdir()
    (root / "closed").chmod(0)
    (root / "a.png").write_bytes(image_bytes(ramp()))
    with without_privileges():
        listing = list_files(root)
    assert listing.files == ["a.png"]
    assert listing.odd == [("closed", "file/unreadable")]
