"""Preprocess: source images through one recipe into a shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medcli.checks import check_max_rejects
from medcli.config import IngestConfig, PreprocessConfig, recorded_options
from medcli.errors import DataError, MedcliError
from medcli.images.recipe import apply_recipe, apply_recipe_to_mask, check_recipe
from medcli.progress import SILENT, Progress
from medcli.store.atomic import check_creatable
from medcli.store.manifest import Manifest, load
from medcli.store.sources import read_sources, resolve_inside
from medcli.workers import Result, run_in_workers

if TYPE_CHECKING:
    from medcli.store.shards import ShardWriter


@dataclass(frozen=True)
class Job:
    """One record for a worker: where its bytes are, which they must be, and what becomes of them."""

    record: dict[str, Any]
    root: Path
    file: dict[str, str]
    recipe: PreprocessConfig
    num_classes: int | None


def run(config: PreprocessConfig, *, progress: Progress = SILENT) -> Manifest:
    """Decode every record in workers and write what the recipe makes of it, in the order of the records.

    Records that cannot be read, changed since ingest, or do not fit the recipe move to `rejected`. Sections
    that were made from other pixels (splits, model, ...) do not go on.

    Raises:
        UsageError: If the recipe is impossible.
        OutputError: If the shard cannot be created, or another job is writing it.
        StorageError: If writing it fails; nothing is left under its name.
        DataError: If there is nothing to do, nothing is left, or more is rejected than allowed.
    """
    check_recipe(config)
    check_max_rejects(0, num_inputs=0, limit=config.max_rejects)
    check_creatable(config.shard, config.output)
    before = _read_source(config, progress=progress)
    jobs = list(_jobs(before, config))
    after = Manifest(
        task=before.task,
        sources=before.sources,
        rejected=list(before.rejected),
        history=list(before.history),
    )
    after.add_history("preprocess", config, [("records", before.records_digest())])
    _write(after, jobs, config, progress=progress)
    num_new = len(after.rejected) - len(before.rejected)
    assert len(before.records) == len(after.records) + num_new
    _tell(before, after, progress=progress)
    return after


def prepare(job: Job) -> tuple[np.ndarray, np.ndarray | None]:
    """In a worker: the image of a record, uint8 [size, size, channels], and its label map."""
    from medcli.formats.image import decode

    image = decode(resolve_inside(job.root, job.file["path"]), sha256=job.record["sha256"])
    pixels = apply_recipe(image.pixels, job.recipe, window=image.window, is_inverted=image.is_inverted)
    if "mask" not in job.file:
        return pixels, None
    mask = decode(resolve_inside(job.root, job.file["mask"])).pixels
    labels = apply_recipe_to_mask(mask, job.recipe, shape=image.pixels.shape)
    if job.num_classes is not None and int(mask.max()) > job.num_classes:
        raise DataError(
            f"the mask holds {int(mask.max())} for the k-th class, but the task has {job.num_classes}",
            hint="ingest --classes declares all classes, also those that no label names",
            code="recipe/bad-mask",
        )
    return pixels, labels


def _read_source(config: PreprocessConfig, *, progress: Progress) -> Manifest:
    """A manifest; a folder is ingested with the defaults first."""
    if config.source != "-" and Path(config.source).is_dir():
        from medcli.stages.ingest import run as ingest

        settings = IngestConfig(
            source=Path(config.source), output=config.output, key_file=config.key_file, jobs=config.jobs
        )
        return ingest(settings, progress=progress)
    return load(config.source)


def _jobs(manifest: Manifest, config: PreprocessConfig) -> Iterator[Job]:
    records = manifest.require("records", made_by="ingest")
    root, files = read_sources(manifest.require("sources", made_by="ingest"))
    num_classes = len(manifest.classes) if manifest.task else None
    for record in records:
        if record["id"] not in files:
            raise DataError(
                f"record {record['id']} is not in the map of sources", hint="run medcli ingest again"
            )
        yield Job(record, root, files[record["id"]], config, num_classes)


def _write(after: Manifest, jobs: list[Job], config: PreprocessConfig, *, progress: Progress) -> None:
    """Fill the shard and the sections `records`, `rejected` and `shards` of `after`."""
    from medcli.store.shards import ShardWriter

    header = {"task": after.task, "recipe": recorded_options(config), "history": after.history}
    shape = (config.size, config.size, config.channels)
    with_masks = any("mask" in job.file for job in jobs)
    with (
        ShardWriter(config.shard, shape=shape, header=header, with_masks=with_masks) as shard,
        progress.task("preprocess", len(jobs)) as step,
        closing(run_in_workers(prepare, jobs, jobs=config.jobs)) as results,  # type: ignore[type-var]
    ):
        for result in results:
            _take(after, shard, result)
            step()
        _check_kept(after, num_inputs=len(jobs), limit=config.max_rejects)
        after.shards = [shard.finish()]


def _take(after: Manifest, shard: ShardWriter, result: Result[Job]) -> None:
    record = result.item.record
    if result.error is not None:
        after.rejected.append(_rejection(record["id"], result.error))
        return
    pixels, mask = result.value
    if mask is not None:
        record = {**record, "has_mask": True}
    shard.append(pixels, record, mask)
    after.records.append(record)


def _rejection(record_id: str, error: MedcliError) -> dict[str, str]:
    return {"id": record_id, "code": error.code or "recipe/failed", "reason": error.message}


def _check_kept(after: Manifest, *, num_inputs: int, limit: str | None) -> None:
    if not after.records:
        last = after.rejected[-1]
        raise DataError(
            f"none of {num_inputs} images could be used; the last one: {last['reason']} ({last['code']})",
            hint="the codes are explained in the manual page: medcli man preprocess",
        )
    num_rejected = len(after.rejected)
    check_max_rejects(num_rejected, num_inputs=num_rejected + len(after.records), limit=limit)


def _tell(before: Manifest, after: Manifest, *, progress: Progress) -> None:
    new = after.rejected[len(before.rejected) :]
    if new:
        counts = Counter(rejection["code"] for rejection in new)
        codes = ", ".join(f"{code} {count}" for code, count in sorted(counts.items()))
        progress.note(f"{len(new)} of {len(before.records)} images rejected: {codes}")
    if before.splits or before.model or before.predictions:
        progress.note("splits and what came after them were made from other images: run medcli split again")
