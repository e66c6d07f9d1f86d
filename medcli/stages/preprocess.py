"""Preprocess: source images through one recipe into a shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from medcli.checks import check_max_rejects
from medcli.cohorts.evidence.plan import plan_recipe
from medcli.config import IngestConfig, Normalize, PreprocessConfig
from medcli.errors import DataError, MedcliError
from medcli.images.recipe import Picture, Prepared, check_recipe
from medcli.images.recipe import prepare as apply_recipe
from medcli.images.statistics import Statistics
from medcli.progress import SILENT, Progress
from medcli.stages._parts import choose_share
from medcli.stages._recipe import preprocess_inputs, recipe_like, recorded_recipe
from medcli.stages._splits import carry, origin
from medcli.store.atomic import check_creatable, write_bytes
from medcli.store.digests import digest_json
from medcli.store.manifest import Manifest, load
from medcli.store.sources import Source, read_sources, source_bytes
from medcli.workers import run_in_workers

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """One record for a worker: where its bytes are, which they must be, and what becomes of them."""

    record: dict[str, Any]
    root: Path
    file: Source
    recipe: PreprocessConfig
    num_classes: int | None
    statistics: Statistics | None = None


def run(config: PreprocessConfig, *, progress: Progress = SILENT) -> Manifest:
    """Decode every record in workers and write what the recipe makes of it, in the order of the records.

    Records that cannot be read, changed since ingest, or do not fit the recipe move to `rejected`. Sections
    that were made from other pixels (splits, model, ...) do not go on; `evidence`, which tells of the
    sources, does. Where all that is done already, nothing is decoded (`_finished`).

    Raises:
        UsageError: If the recipe is impossible.
        OutputError: If the shard cannot be created, or another job is writing it.
        StorageError: If writing it fails; nothing is left under its name.
        DataError: If there is nothing to do, nothing is left, or more is rejected than allowed.
    """
    config, statistics = recipe_like(config)
    check_recipe(config)
    check_max_rejects(0, num_inputs=0, limit=config.max_rejects)
    share = choose_share(config.part, progress=progress)
    check_creatable(config.shard, config.output, config.sheet)
    before = _read_source(config, progress=progress)
    jobs = list(_jobs(before, config))
    after = Manifest(
        task=before.task,
        sources=before.sources,
        rejected=list(before.rejected),
        evidence=before.evidence,
        history=list(before.history),
    )
    if config.normalize is Normalize.train:
        statistics = statistics or _measured(before, jobs, config, progress=progress)
        jobs = [replace(job, statistics=statistics) for job in jobs]
    after.add_history("preprocess", config, preprocess_inputs(before, statistics))
    own = jobs if share is None else [jobs[row] for row in share.range_of(len(jobs))]
    # A part carries what merge needs to know of it; the whole has no trace of how it was made.
    part = {"part": [share.number, share.count]} if share else {}
    header = {
        "task": after.task,
        "recipe": recorded_recipe(config, statistics),
        "history": after.history,
        **part,
    }
    if not _is_done(after, own, config, header=header, progress=progress):
        # Whether there are masks is a matter of all records: parts are alike, and so is what they merge to.
        with_masks = any("mask" in job.file for job in jobs)
        _write(after, own, config, header=header, with_masks=with_masks, progress=progress)
    if statistics and before.splits and origin(before.splits) == statistics.splits:
        after.splits = before.splits if share else carry(before.splits, after)
    used = {row.get("volume", row["id"]) for row in after.records}
    assert len(own) == len(used) + after.shards[0]["num_rejected"]
    if config.sheet and used:
        from medcli.stages._sheet import make_sheet

        write_bytes(config.sheet, make_sheet(own, kept=sorted(used), num_workers=config.jobs))
    _tell(before, after, progress=progress)
    return after


def plan(config: PreprocessConfig) -> str:
    """A recipe as a TOML table with reasons, from the evidence that ingest gathered; nothing is written.

    Raises:
        DataError: If the manifest has no evidence about pixels.
    """
    return plan_recipe(load(config.source).require("evidence", made_by="ingest"))


def prepare(job: Job) -> list[Prepared]:
    """Decode one record and apply the recipe; called in worker processes.

    Raises:
        DataError: With the reason code of a record that cannot be used.
    """
    return apply_recipe(decode(job), job.recipe, statistics=job.statistics)


def decode(job: Job) -> Picture:
    """One record, as it was when it was ingested.

    Raises:
        DataError: With the reason code of a record that cannot be used.
    """
    from medcli.formats.image import decode_source

    image = decode_source(job.root, job.file, sha256=job.record["sha256"])
    mask = None
    if "mask" in job.file:
        digest = job.record.get("mask_sha256")
        mask = decode_source(job.root, {"path": job.file["mask"]}, sha256=digest).pixels
    if mask is not None and job.num_classes == 1:
        mask = np.minimum(mask, 1)  # of several tissues, say: all that is marked is the one class
    if mask is not None and job.num_classes is not None and int(mask.max()) > job.num_classes:
        raise DataError(
            f"the mask holds {int(mask.max())} for the k-th class, but the task has {job.num_classes}",
            hint="ingest --classes declares all classes, also those that no label names",
            code="recipe/bad-mask",
        )
    geometry = image.geometry
    return Picture(
        image.pixels,
        is_volume=image.is_volume,
        spacing_mm=geometry.spacing_mm if geometry else None,
        affine=geometry.affine if geometry else None,
        voi=image.voi,
        is_inverted=image.is_inverted,
        mask=mask,
        boxes=tuple(_in_pixels(box, image.pixels) for box in job.record.get("boxes", ())),
    )


def size_of(job: Job) -> int:
    """Bytes of its files, which decide what a worker may take for it."""
    return source_bytes(job.root, job.file)


def _in_pixels(box: dict[str, Any], pixels: np.ndarray) -> dict[str, Any]:
    """A box in pixels of the image at hand, where it was drawn on another size (`frame`)."""
    if "frame" not in box:
        return box
    height, width = pixels.shape[:2]
    across, down = width / box["frame"][0], height / box["frame"][1]
    left, top, right, bottom = box["box"]
    kept = {key: value for key, value in box.items() if key != "frame"}
    return {**kept, "box": [left * across, top * down, right * across, bottom * down]}


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
        if "sha256" not in record:
            raise DataError(
                "the manifest was made from labels only, no image was looked at",
                hint="run medcli ingest again without --labels-only",
            )
        yield Job(record, root, files[record["id"]], config, num_classes)


def _measured(
    manifest: Manifest, jobs: list[Job], config: PreprocessConfig, *, progress: Progress
) -> Statistics:
    from medcli.stages._statistics import measure_training_part

    return measure_training_part(manifest, jobs, config, progress=progress)


def _is_done(
    after: Manifest, jobs: list[Job], config: PreprocessConfig, *, header: dict[str, Any], progress: Progress
) -> bool:
    """Whether the shard is there already; then it fills the sections of `after`."""
    from medcli.stages._finished import SourceOf, changed_sources, find_finished

    def differs(records: Rows, rejected: Rows) -> str:
        sources = [SourceOf(job.record, job.root, job.file) for job in jobs]
        return changed_sources(
            sources, records=records, rejected=rejected, num_workers=config.jobs, progress=progress
        )

    if config.fresh:
        return False
    found = find_finished(config.shard, header, differs=differs, progress=progress)
    if found is None:
        return False
    _check_kept(found.records, found.rejected, config, num_inputs=len(jobs))
    after.records, after.shards = found.records, [found.shard]
    after.rejected += found.rejected
    return True


def _write(
    after: Manifest,
    jobs: list[Job],
    config: PreprocessConfig,
    *,
    header: dict[str, Any],
    with_masks: bool,
    progress: Progress,
) -> None:
    """Fill the shard and the sections `records`, `rejected` and `shards` of `after`."""
    from medcli.store.shards import ShardWriter

    shape = (config.size, config.size, config.channels)
    rejected: Rows = []
    with (
        ShardWriter(
            config.shard, shape=shape, header=header, with_masks=with_masks, dtype=config.depth.name
        ) as shard,
        progress.task("preprocess", len(jobs)) as step,
        closing(run_in_workers(prepare, jobs, jobs=config.jobs, size_of=size_of)) as results,  # type: ignore[type-var]
    ):
        for result in results:
            record = result.item.record
            if result.error is not None:
                rejected.append(_rejection(record["id"], result.error))
            for made in result.value or ():
                row = _record_of(record, made)
                shard.append(made.pixels, row, made.mask)
                after.records.append(row)
            step()
        _check_kept(after.records, rejected, config, num_inputs=len(jobs), is_part="part" in header)
        after.shards = [shard.finish(rejected)]
    after.rejected += rejected


def _record_of(record: dict[str, Any], made: Prepared) -> dict[str, Any]:
    """The record of one image: of a slice or crop of a volume, with an id of its own."""
    row = {key: value for key, value in record.items() if key != "boxes"}
    if made.slice is not None or made.crop is not None:
        place = f"slice {made.slice} crop {made.crop}"
        row |= {"id": digest_json([record["id"], place])[:16], "volume": record["id"]}
    if made.slice is not None:
        row["slice"] = made.slice
    if made.boxes:
        row["boxes"] = made.boxes
    if made.applied:
        row["applied"] = list(made.applied)
    if made.flags:
        row["quality"] = sorted({*row.get("quality", ()), *made.flags})
    row["pixels"] = made.appearance
    return {**row, "has_mask": True} if made.mask is not None else row


def _rejection(record_id: str, error: MedcliError) -> dict[str, str]:
    return {"id": record_id, "code": error.code or "recipe/failed", "reason": error.message}


def _check_kept(
    records: Rows, rejected: Rows, config: PreprocessConfig, *, num_inputs: int, is_part: bool = True
) -> None:
    if not records and not is_part:
        last = rejected[-1]
        raise DataError(
            f"none of {num_inputs} images could be used; the last one: {last['reason']} ({last['code']})",
            hint="the codes are explained in the manual page: medcli man preprocess",
        )
    check_max_rejects(len(rejected), num_inputs=num_inputs, limit=config.max_rejects)


def _tell(before: Manifest, after: Manifest, *, progress: Progress) -> None:
    new = after.rejected[len(before.rejected) :]
    if new:
        counts = Counter(rejection["code"] for rejection in new)
        codes = ", ".join(f"{code} {count}" for code, count in sorted(counts.items()))
        progress.note(f"{len(new)} of {len(before.records)} images rejected: {codes}")
    unlike = sum("unlike-training" in record.get("quality", ()) for record in after.records)
    if unlike:
        progress.note(
            f"{unlike} of {len(after.records)} images are nearly white or black by the training part: "
            "other units? They are marked unlike-training"
        )
    if (before.splits and not after.splits) or before.model or before.predictions:
        progress.note("splits and what came after them were made from other images: run medcli split again")
