"""The contact sheet of preprocess: a few records are made once more, beside what they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import numpy as np

from medcli.images.picture import Picture
from medcli.images.volumes import as_volume, orient, resample
from medcli.reporting.sheet import Pair, choose_for_sheet, render_sheet
from medcli.stages.preprocess import Job, decode, prepare, size_of
from medcli.workers import run_in_workers


def make_sheet(jobs: Sequence[Job], *, kept: Sequence[str], num_workers: int) -> bytes:
    """A PNG of up to 48 of the records that were kept, spread by hash; of a volume the middle result
    beside the slice that it was made from.

    Args:
        jobs: Of all records.
        kept: Ids of records that the recipe made something of.
    """
    chosen = set(choose_for_sheet(list(kept)))
    shown = sorted((job for job in jobs if job.record["id"] in chosen), key=lambda job: job.record["id"])
    pairs, captions = [], []
    with closing(run_in_workers(_draw, shown, jobs=num_workers, size_of=size_of)) as results:  # type: ignore[type-var]
        for result in results:
            if result.error is None:
                pairs.append(result.value)
                captions.append(result.item.record["id"])
    return render_sheet(pairs, captions)


def _draw(job: Job) -> Pair:
    from medcli.images.perceptual import thumbnail

    made = prepare(job)
    after = made[len(made) // 2]
    picture = decode(job)
    pixels = picture.pixels if after.slice is None else _slice_of(picture, job, number=after.slice)
    before = thumbnail(pixels, is_volume=False, voi=picture.voi, is_inverted=picture.is_inverted)
    return Pair(before, after.pixels, after.mask, after.boxes)


def _slice_of(picture: Picture, job: Job, *, number: int) -> np.ndarray:
    """The slice of the source, turned as the recipe says, that a slice of the resampled volume lies in."""
    volume = orient(as_volume(picture), job.recipe.plane)
    num_made = len(volume.pixels)
    if job.recipe.spacing:
        num_made = len(resample(volume, job.recipe.spacing, is_volume=True).pixels)
    return volume.pixels[int((number + 0.5) * len(volume.pixels) / num_made)]
