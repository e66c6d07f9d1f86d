"""What tests of commands on tables share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key file, so that hashes are the same in every run."""
    path = tmp_path / "key"
    path.write_text("ab" * 32)
    return path
