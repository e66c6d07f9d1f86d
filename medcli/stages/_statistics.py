"""Statistics of the training part, for `preprocess --normalize train`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from medcli.cohorts.splits import verify_parts
from medcli.config import PreprocessConfig
from medcli.errors import DataError
from medcli.images.recipe import measure
from medcli.images.statistics import Sample, Statistics, combine, num_quantiles
from medcli.progress import Progress
from medcli.stages._splits import check_splits, origin
from medcli.stages.preprocess import Job, decode
from medcli.store.manifest import Manifest
from medcli.workers import run_in_workers


@dataclass(frozen=True)
class _Measurement:
    job: Job
    quantiles: int


def measure_training_part(
    manifest: Manifest, jobs: Sequence[Job], config: PreprocessConfig, *, progress: Progress
) -> Statistics:
    """Decode the training part once and measure it; no other image is looked at.

    Images that cannot be used do not count, as they will not be in the shard.

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
    items = [_Measurement(job, num_quantiles(len(chosen))) for job in chosen]
    samples: list[Sample] = []
    with (
        progress.task("measure", len(items)) as step,
        closing(run_in_workers(_measure, items, jobs=config.jobs)) as results,  # type: ignore[type-var]
    ):
        for result in results:
            if result.error is None:
                samples.append(result.value)
            step()
    return combine(samples, splits=origin(splits), shares=config.percentiles)


def _measure(item: _Measurement) -> Sample:
    return measure(decode(item.job), item.job.recipe, quantiles=item.quantiles)
