"""The words of `medcli predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import (
    BlankPolicy,
    Device,
    Jobs,
    Output,
    PartChoice,
    PrecisionChoice,
    Source,
    UncertainPolicy,
)
from medcli.cli.output import deliver
from medcli.config import PredictConfig

EXAMPLES = [
    ("another site's shard", "medcli predict --model run/model.safetensors site-b.h5 site-b-scores.h5"),
]


def predict(
    source: Source,
    predictions: Annotated[Path, typer.Argument(metavar="OUT.h5", help="Predictions to write")],
    output: Output = PredictConfig.output,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Model [the manifest's]")
    ] = PredictConfig.model,
    part: PartChoice = PredictConfig.part,
    batch_size: Annotated[int, typer.Option(min=1, help="Images a step")] = PredictConfig.batch_size,
    uncertain: UncertainPolicy = PredictConfig.uncertain,
    blank: BlankPolicy = PredictConfig.blank,
    precision: PrecisionChoice = PredictConfig.precision,
    device: Device = PredictConfig.device,
    jobs: Jobs = PredictConfig.jobs,
) -> None:
    """Score images that a model has not seen.

    Shards made with another recipe, and other classes, are refused.
    """
    config = PredictConfig(**locals())
    if planned_only(config):
        return
    from medcli.stages.predict import run

    manifest = run(config, progress=invocation.progress)
    summary = [f"{predictions}: scores of part {part.value}"]
    deliver(manifest, output=output, as_json=invocation.as_json, summary=summary)
