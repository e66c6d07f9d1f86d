"""The words of `medcli preprocess`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import Jobs, KeyFile, MaxRejects, Output, numbers
from medcli.cli.output import deliver, exit_for_rejects
from medcli.config import Fit, Normalize, PreprocessConfig

EXAMPLES = [
    ("a bare folder", "medcli preprocess --clahe in/ out.h5"),
    ("in a pipe", "medcli ingest --labels in/labels.csv in/ | medcli preprocess - out.h5 > cohort.json"),
    ("lung window of CT, 128 pixels", "medcli preprocess --window -600,1500 --size 128 ct/ ct.h5"),
]


def preprocess(
    source: Annotated[str, typer.Argument(metavar="IN", help="Manifest, folder, or - for standard input")],
    shard: Annotated[Path, typer.Argument(metavar="OUT.h5", help="Shard to write")],
    output: Output = PreprocessConfig.output,
    size: Annotated[int, typer.Option(min=8, help="Height and width in pixels")] = PreprocessConfig.size,
    channels: Annotated[int, typer.Option(min=1, help="1 grey, 3 colour")] = PreprocessConfig.channels,
    fit: Annotated[Fit, typer.Option(help="How an image becomes square")] = PreprocessConfig.fit,
    normalize: Annotated[Normalize, typer.Option(help="How intensities are scaled")] = (
        PreprocessConfig.normalize
    ),
    window: Annotated[
        tuple | None,
        typer.Option(parser=numbers(2, name="--window"), metavar="CENTER,WIDTH", help="Window, in HU for CT"),
    ] = PreprocessConfig.window,
    percentiles: Annotated[
        tuple,
        typer.Option(
            parser=numbers(2, name="--percentiles"), metavar="LOW,HIGH", help="What becomes black and white"
        ),
    ] = PreprocessConfig.percentiles,
    denoise: Annotated[bool, typer.Option("--denoise", help="Non-local means")] = PreprocessConfig.denoise,
    denoise_strength: Annotated[
        float, typer.Option(min=0, help="Its filter strength, in grey levels of 255")
    ] = PreprocessConfig.denoise_strength,
    clahe: Annotated[bool, typer.Option("--clahe", help="Contrast-limited adaptive equalisation")] = (
        PreprocessConfig.clahe
    ),
    clahe_clip: Annotated[float, typer.Option(min=0, help="Its clip limit")] = PreprocessConfig.clahe_clip,
    clahe_tiles: Annotated[int, typer.Option(min=1, help="Its tiles a side")] = PreprocessConfig.clahe_tiles,
    key_file: KeyFile = None,
    max_rejects: MaxRejects = PreprocessConfig.max_rejects,
    jobs: Jobs = PreprocessConfig.jobs,
) -> None:
    """Make the pixels that a network eats.

    In this order: decode, window or percentiles, invert MONOCHROME1, denoise, CLAHE, fit to size, 8 bits,
    channels. The bytes are the same for any number of jobs.
    """
    config = PreprocessConfig(**locals())
    if planned_only(config):
        return
    from medcli.stages.preprocess import run

    manifest = run(config, progress=invocation.progress)
    made = manifest.shards[0]
    summary = [f"{shard}: {made['num_images']} images, sha256 {made['sha256'][:12]}"]
    deliver(manifest, output=output, as_json=invocation.as_json, summary=summary)
    exit_for_rejects(len(manifest.rejected), is_allowed=max_rejects is not None)
