"""The words of `medcli train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import (
    BlankPolicy,
    Device,
    Fresh,
    Jobs,
    Output,
    PrecisionChoice,
    Seed,
    Source,
    UncertainPolicy,
)
from medcli.cli.output import deliver
from medcli.config import Augment, Loss, TrainConfig

EXAMPLES = [
    ("from scratch", "medcli train --model densenet121 splits.json run/ > trained.json"),
    (
        "from a file of weights",
        "medcli train --model mobilenetv2_035 --weights w.safetensors --model-option pad_type=same "
        "splits.json run/ > trained.json",
    ),
]


def train(
    source: Source,
    run: Annotated[Path, typer.Argument(metavar="RUN/", help="Folder of model, log and predictions")],
    output: Output = TrainConfig.output,
    model: Annotated[str, typer.Option(metavar="NAME", help="Any architecture of timm")] = TrainConfig.model,
    model_option: Annotated[
        list[str], typer.Option(metavar="KEY=VALUE", help="Passed to timm; may be repeated")
    ] = TrainConfig.model_option,  # type: ignore[assignment]
    weights: Annotated[
        str, typer.Option(metavar="none|imagenet|FILE", help="What the backbone starts from")
    ] = TrainConfig.weights,
    loss: Annotated[
        Loss, typer.Option(help="auto: cross-entropy for multiclass, else BCE")
    ] = TrainConfig.loss,
    focal_gamma: Annotated[float, typer.Option(min=0, help="Focus of the focal loss")] = (
        TrainConfig.focal_gamma
    ),
    reweight: Annotated[bool, typer.Option("--reweight", help="Weigh rare classes up")] = (
        TrainConfig.reweight
    ),
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training part")] = TrainConfig.epochs,
    batch_size: Annotated[int, typer.Option(min=2, help="Images a step")] = TrainConfig.batch_size,
    learning_rate: Annotated[float, typer.Option(min=0, help="Peak rate of AdamW")] = (
        TrainConfig.learning_rate
    ),
    backbone_rate: Annotated[
        float, typer.Option(min=0, help="Factor on the rate of all but the classifier; 0 freezes it")
    ] = TrainConfig.backbone_rate,
    weight_decay: Annotated[float, typer.Option(min=0, help="Of AdamW")] = TrainConfig.weight_decay,
    warmup: Annotated[float, typer.Option(min=0, max=1, help="Share of steps that warm up")] = (
        TrainConfig.warmup
    ),
    label_smoothing: Annotated[float, typer.Option(min=0, max=0.5, help="Of every loss")] = (
        TrainConfig.label_smoothing
    ),
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Before the classifier")] = (
        TrainConfig.dropout
    ),
    augment: Annotated[Augment, typer.Option(help="How images are varied")] = TrainConfig.augment,
    uncertain: UncertainPolicy = TrainConfig.uncertain,
    blank: BlankPolicy = TrainConfig.blank,
    precision: PrecisionChoice = TrainConfig.precision,
    device: Device = TrainConfig.device,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; they decide the last bits")] = (
        TrainConfig.threads
    ),
    seed: Seed = TrainConfig.seed,
    jobs: Jobs = TrainConfig.jobs,
    fresh: Fresh = TrainConfig.fresh,
) -> None:
    """Train a network; keep the best epoch by validation.

    RUN/ receives the model, the log, a training curve, and predictions of the validation and test parts.
    A run that was stopped goes on when the same line is run again, and ends with the same bytes.
    """
    config = TrainConfig(**locals())
    if planned_only(config):
        return
    from medcli.stages.train import run as run_stage

    manifest = run_stage(config, progress=invocation.progress)
    summary = [f"{run}: model.safetensors, log.jsonl, curve.png, predictions-val.h5, predictions-test.h5"]
    deliver(manifest, output=output, as_json=invocation.as_json, summary=summary)
