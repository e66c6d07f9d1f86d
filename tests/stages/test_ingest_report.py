"""The report of ingest over a real folder, and real doubles against a count of all pairs."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medcli.cohorts.evidence.plan import plan_recipe
from medcli.config import IngestConfig, Layout
from medcli.stages._ingest_report import make_report
from medcli.stages.ingest import run
from medcli.store.manifest import Manifest
from medcli.store.sources import read_sources
from tests.formats.make import dicom_bytes, image_bytes, ramp
from tests.realdata import real_data


def ingest(source: Path, place: Path) -> Manifest:
    key_file = place / "key" / "k"
    key_file.parent.mkdir()
    return run(
        IngestConfig(
            source=source,
            layout=Layout.class_folders,
            output=place / "out" / "m.json",
            key_file=key_file,
            jobs=2,
        )
    )


def report_of(manifest: Manifest) -> str:
    assert manifest.sources
    root, files = read_sources(manifest.sources)
    return make_report(manifest, root=root, sources=files, jobs=1)


def test_a_folder_becomes_a_page_with_pictures(tmp_path: Path) -> None:
    for name in ("a", "<b>b"):
        (tmp_path / "in" / name).mkdir(parents=True)
    (tmp_path / "out").mkdir()
    pixels = ramp(64, 48)
    (tmp_path / "in" / "a" / "1.png").write_bytes(image_bytes(pixels))
    (tmp_path / "in" / "<b>b" / "2.tif").write_bytes(image_bytes(pixels, kind="TIFF"))
    (tmp_path / "in" / "a" / "3.dcm").write_bytes(dicom_bytes(ramp(40, 50)[::-1].copy()))
    (tmp_path / "in" / "a" / "4.png").write_bytes(b"")
    manifest = ingest(tmp_path / "in", tmp_path)
    html = report_of(manifest)
    assert html == report_of(manifest)
    assert html.count("data:image/jpeg") == 3 + 2 + 1  # the montage, the double, and one that may have text
    assert "1 set of images has the same pixels, though their labels differ." in html
    assert "decode/empty" in html
    assert "<b>b" not in html
    assert "[preprocess]" in plan_recipe(manifest.evidence or {})
    (tmp_path / "in" / "a" / "3.dcm").unlink()
    assert report_of(manifest).count("data:image/jpeg") == 4


@pytest.mark.realdata
def test_test_images_that_are_pixel_copies_of_training_images(tmp_path: Path) -> None:
    data = real_data("brain_mri")
    (tmp_path / "out").mkdir()
    manifest = ingest(data, tmp_path)
    assert manifest.evidence is not None
    assert manifest.sources is not None
    groups, bytes_of = defaultdict(list), {}
    for path in sorted(data.rglob("*.jpg")):
        pixels = np.array(Image.open(path))
        groups[pixels.shape, pixels.tobytes()].append(path)
        bytes_of[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    sets = [paths for paths in groups.values() if len(paths) > 1]
    crossing = [paths for paths in sets if len({path.relative_to(data).parts[0] for path in paths}) > 1]
    assert any(len({bytes_of[path] for path in paths}) > 1 for paths in crossing)

    found = manifest.evidence["same_pixels"]
    assert (found["sets"], found["images"]) == (len(sets), sum(map(len, sets)))
    assert found["conflicts"] == {"part": len(crossing)}  # Training and Testing
    _, files = read_sources(manifest.sources)
    listed = {
        frozenset(data / files[identity]["path"] for identity in entry["ids"]) for entry in found["listed"]
    }
    assert listed == {frozenset(paths) for paths in sets}
    near = manifest.evidence["near_duplicates"]
    assert 5 <= near["count"] <= 30
    assert near["is_complete"]
