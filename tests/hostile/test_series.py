"""Every kind of broken series, a folder each, through ingest: the volume that was written, or its code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medcli.config import IngestConfig
from medcli.formats.image import decode_source
from medcli.stages.ingest import run
from medcli.store.manifest import Manifest
from medcli.store.sources import read_sources
from tests.hostile.kinds_of_series import SERIES


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("series")
    for name, kind in SERIES.items():
        (root / "in" / name).mkdir(parents=True)
        for file, content in kind.build().items():
            (root / "in" / name / file).write_bytes(content)
    return root


@pytest.fixture(scope="module")
def manifest(place: Path) -> Manifest:
    config = IngestConfig(
        source=place / "in", output=place / "cohort.json", key_file=place / "patient.key", jobs=2
    )
    return run(config)


def folders(manifest: Manifest, place: Path) -> tuple[dict[str, str], dict[str, dict]]:
    """Code of every rejected input and source of every record, by folder."""
    assert manifest.sources is not None
    sources = read_sources(manifest.sources)[1]
    codes = {sources[entry["id"]]["path"]: entry["code"] for entry in manifest.rejected}
    kept = {
        source["series"][0].split("/")[0]: source for source in (sources[r["id"]] for r in manifest.records)
    }
    return codes, kept


def test_every_series_has_its_code_or_is_kept(manifest: Manifest, place: Path) -> None:
    codes, kept = folders(manifest, place)
    assert kept.keys() == {name for name, kind in SERIES.items() if not kind.code}
    doubled = {path: code for path, code in codes.items() if code == "file/doubled"}
    assert doubled == {"one-file-twice/copy.dcm": "file/doubled"}
    by_folder = {path.split("/")[0]: code for path, code in codes.items() if path not in doubled}
    assert by_folder == {name: kind.code for name, kind in SERIES.items() if kind.code}


@pytest.mark.parametrize("name", [name for name, kind in SERIES.items() if kind.pixels])
def test_a_volume_has_the_pixels_of_its_slices(name: str, manifest: Manifest, place: Path) -> None:
    image = decode_source(place / "in", folders(manifest, place)[1][name])
    pixels = SERIES[name].pixels
    assert pixels is not None
    expected = pixels()
    assert image.is_volume
    assert image.pixels.dtype == expected.dtype
    assert np.array_equal(image.pixels, expected)
    assert image.geometry is not None
    assert image.geometry.spacing_mm == pytest.approx((2, 0.5, 0.5), abs=1e-3)
