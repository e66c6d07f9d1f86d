"""Real images for tests: where they are, or a skip."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_data(name: str) -> Path:
    """The folder of one real data set, found through MEDCLI_REALDATA; the test is skipped without it."""
    root = Path(os.environ.get("MEDCLI_REALDATA") or _BESIDE)
    if not (root / name).exists():
        pytest.skip(f"no real data {name!r}; MEDCLI_REALDATA says where it is")
    return root / name
