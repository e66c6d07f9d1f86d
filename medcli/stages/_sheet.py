"""The contact sheet of preprocess: a few records are made once more, beside what they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from medcli.reporting.sheet import Pair, choose_for_sheet, render_sheet
from medcli.stages.preprocess import Job, prepare, size_of
from medcli.workers import run_in_workers


def make_sheet(jobs: Sequence[Job], *, kept: Sequence[str], num_workers: int) -> bytes:
    """A PNG of up to 48 of the records that were kept, spread by hash; of a volume the middle result.

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
    from medcli.formats.image import decode_source
    from medcli.images.perceptual import thumbnail

    image = decode_source(job.root, job.file, sha256=job.record["sha256"])
    before = thumbnail(image.pixels, is_volume=image.is_volume, voi=image.voi, is_inverted=image.is_inverted)
    made = prepare(job)
    after = made[len(made) // 2]
    return Pair(before, after.pixels, after.mask, after.boxes)
