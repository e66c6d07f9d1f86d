"""The contact sheet of a cohort: what is drawn is what the recipe makes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medcli.errors import OutputError
from medcli.reporting.sheet import OUTLINE
from medcli.stages._sheet import make_sheet
from medcli.stages.preprocess import Job, run
from medcli.store.manifest import load
from medcli.store.sources import read_sources
from tests.stages.test_preprocess import configure, make_cohort


def jobs_of(cohort: Path) -> list[Job]:
    manifest = load(str(cohort))
    assert manifest.sources
    root, files = read_sources(manifest.sources)
    return [Job(record, root, files[record["id"]], configure(cohort), 2) for record in manifest.records]


def test_the_sheet_shows_masks_and_does_not_depend_on_workers_or_order(tmp_path: Path) -> None:
    jobs = jobs_of(make_cohort(tmp_path, with_masks=True))
    kept = [job.record["id"] for job in jobs]
    sheet = make_sheet(jobs, kept=kept, num_workers=1)
    shown = np.array(Image.open(BytesIO(sheet)))
    assert (shown == OUTLINE).all(axis=2).any()
    assert make_sheet(jobs[::-1], kept=kept[::-1], num_workers=2) == sheet
    fewer = np.array(Image.open(BytesIO(make_sheet(jobs, kept=kept[:3], num_workers=1))))
    assert fewer.shape[0] < shown.shape[0]


def test_a_sheet_on_request_changes_no_shard(tmp_path: Path) -> None:
    cohort = make_cohort(tmp_path)
    with_sheet = run(configure(cohort, sheet=tmp_path / "sheet.png"))
    without = run(configure(cohort, shard=tmp_path / "plain.h5"))
    assert with_sheet.shards[0]["sha256"] == without.shards[0]["sha256"]
    assert Image.open(tmp_path / "sheet.png").width == 1240
    with pytest.raises(OutputError):
        run(configure(cohort, shard=tmp_path / "no.h5", sheet=tmp_path / "none" / "sheet.png"))
    assert not (tmp_path / "no.h5").exists()


def test_an_image_that_is_gone_is_left_out(tmp_path: Path) -> None:
    jobs = jobs_of(make_cohort(tmp_path, num_images=4))
    kept = [job.record["id"] for job in jobs]
    (jobs[0].root / jobs[0].file["path"]).unlink()
    assert Image.open(BytesIO(make_sheet(jobs, kept=kept, num_workers=1))).width == 1240
