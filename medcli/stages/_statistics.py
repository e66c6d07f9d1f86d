"""Statistics of the training part, for `preprocess --normalize train`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from medcli.cohorts.splits import verify_parts
from medcli.config import PreprocessConfig
from medcli.errors import DataError, MedcliError
from medcli.images.recipe import measure
from medcli.images.statistics import Sample, Statistics, combine, num_quantiles
from medcli.progress import Progress
from medcli.stages._finished import SourceOf, changed_sources
from medcli.stages._recipe import preprocess_inputs, recorded_recipe
from medcli.stages._splits import check_splits, origin
from medcli.stages.preprocess import Job, decode, size_of
from medcli.store.digests import digest_json
from medcli.store.hdf5 import open_hdf5, read_header
from medcli.store.manifest import Manifest
from medcli.store.shards import SHARD_VERSION
from medcli.workers import run_in_workers


@dataclass(frozen=True)
class _Measurement:
    job: Job
    quantiles: int


def measure_training_part(
    manifest: Manifest, jobs: Sequence[Job], config: PreprocessConfig, *, progress: Progress
) -> Statistics:
    """Decode the training part once and measure it; no other image is looked at.

    Images that cannot be used do not count, as they will not be in the shard. Where the shard is there, holds
    statistics of this very recipe and no source of the training part has changed, they are taken from it.

    Raises:
        DataError: If the manifest has no splits, or the training part gives no statistics.
        GateError: If the splits leak.
    """
    splits = manifest.splits
    if not splits:
        raise DataError(
            "--normalize train measures the training part, and the manifest has no splits",
            hint="run medcli split before preprocess",
        )
    check_splits(splits)
    verify_parts(manifest.records, splits["parts"])
    training = set(splits["parts"].get("train", ()))
    chosen = [job for job in jobs if job.record["id"] in training]
    known = None if config.fresh else _measured_before(manifest, chosen, config, progress=progress)
    if known is not None:
        return known
    items = [_Measurement(job, num_quantiles(len(chosen))) for job in chosen]
    samples: list[Sample] = []
    reason = "it has none"
    with (
        progress.task("measure", len(items)) as step,
        closing(run_in_workers(_measure, items, jobs=config.jobs, size_of=_size)) as results,  # type: ignore[type-var]
    ):
        for result in results:
            if result.error is None:
                samples.append(result.value)
            else:
                reason = f"the last one: {result.error.message} ({result.error.code or 'recipe/failed'})"
            step()
    if not samples:
        raise DataError(f"none of {len(items)} images of the training part could be used; {reason}")
    return combine(samples, splits=origin(splits), shares=config.percentiles)


def _measured_before(
    manifest: Manifest, jobs: Sequence[Job], config: PreprocessConfig, *, progress: Progress
) -> Statistics | None:
    try:
        with open_hdf5(config.shard) as file:
            header = read_header(file, version=SHARD_VERSION)
        found = Statistics.from_recorded(header["recipe"]["statistics"])
    except (MedcliError, OSError, KeyError):
        return None
    like = Manifest(history=list(manifest.history))
    like.add_history("preprocess", config, preprocess_inputs(manifest, found))
    recipe = recorded_recipe(config, found)
    is_of_splits = manifest.splits is not None and found.splits == origin(manifest.splits)
    if not is_of_splits or digest_json([header["recipe"], header["history"]]) != digest_json(
        [recipe, like.history]
    ):
        return None
    sources = [SourceOf(job.record, job.root, job.file) for job in jobs]
    records = [job.record for job in jobs]
    changed = changed_sources(
        sources, records=records, rejected=[], num_workers=config.jobs, progress=progress
    )
    return None if changed else found


def _size(item: _Measurement) -> int:
    return size_of(item.job)


def _measure(item: _Measurement) -> Sample:
    return measure(decode(item.job), item.job.recipe, quantiles=item.quantiles)
