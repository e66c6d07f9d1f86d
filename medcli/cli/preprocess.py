"""The words of `medcli preprocess`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import Fresh, Jobs, KeyFile, MaxRejects, Output, numbers, pairs
from medcli.cli.output import deliver, exit_for_rejects, print_result
from medcli.config import Crop, Depth, Fit, Normalize, Plane, PreprocessConfig, When

EXAMPLES = [
    ("a bare folder", "medcli preprocess --clahe in/ out.h5"),
    ("in a pipe", "medcli ingest --labels in/labels.csv in/ | medcli preprocess - out.h5 > cohort.json"),
    ("a recipe to start from, with reasons", "medcli preprocess --plan cohort.json out.h5 > recipe.toml"),
    (
        "scaled as the training part is, like CT in nnU-Net",
        "medcli ingest --labels ct/labels.csv ct/ | medcli split - "
        "| medcli preprocess --normalize train - ct.h5 > ct.json",
    ),
    (
        "another site, by the recipe of a model",
        "medcli preprocess --like run/model.safetensors cohort.json site.h5 > site.json",
    ),
    ("lung window of CT, 128 pixels", "medcli preprocess --window -600,1500 --size 128 ct/ ct.h5"),
    (
        "every slice of MR at 1 mm with its neighbours",
        "medcli preprocess --spacing 1 --fit center --slices all --neighbours 1 --channels 3 mr/ mr.h5",
    ),
]

Spacing = Annotated[
    tuple | None,
    typer.Option(
        "--spacing",
        parser=numbers(1, 2, 3, name="--spacing"),
        metavar="MM[,MM[,MM]]",
        help="Resample: all axes; rows,columns; or slices,rows,columns [as they are]",
    ),
]
Fitting = Annotated[Fit, typer.Option(help="How an image becomes square; center keeps its scale")]
Slices = Annotated[str, typer.Option(metavar="WHICH", help="Of a volume: central, all, lesion, or how many")]
Neighbours = Annotated[int, typer.Option(min=0, help="Slices on both sides as channels: 1 makes stacks of 3")]
Margin = Annotated[float, typer.Option(min=0, help="Around a crop, as a share of its longer side")]
Windows = Annotated[
    list[tuple],
    typer.Option(
        "--window",
        parser=numbers(1, 2, name="--window"),
        metavar="CENTER,WIDTH",
        help="Window, in HU for CT; again for one channel a window",
    ),
]
Channels = Annotated[
    int, typer.Option(min=1, help="1 grey, 3 colour, 2 to 4 sequences or windows, more with --neighbours")
]
Percentiles = Annotated[
    tuple,
    typer.Option(
        parser=numbers(2, name="--percentiles"), metavar="LOW,HIGH", help="What becomes black and white"
    ),
]
Strength = Annotated[
    float | None, typer.Option(min=0, help="Its strength, in grey levels of 255 [the image's noise]")
]
RecordsPart = Annotated[
    str | None,
    typer.Option("--part", metavar="I/N", help="Only this part of the records [of a SLURM array]"),
]
PixelDepth = Annotated[
    Depth, typer.Option("--depth", help="Bits of a pixel; float16 holds z-scores as they are")
]
Choosing = Annotated[
    When, typer.Option(help="--denoise and --clahe for every image, or for those that need it")
]
Like = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Take the recipe of this model or shard, with its statistics"),
]
Sheet = Annotated[
    Path | None,
    typer.Option(metavar="FILE.png", help="Write a few images before and after, side by side"),
]
PlanOnly = Annotated[
    bool, typer.Option("--plan", help="Print a recipe for --config, by what ingest saw, and stop")
]


def preprocess(
    source: Annotated[str, typer.Argument(metavar="IN", help="Manifest, folder, or - for standard input")],
    shard: Annotated[Path, typer.Argument(metavar="OUT.h5", help="Shard to write")],
    output: Output = PreprocessConfig.output,
    size: Annotated[int, typer.Option(min=8, help="Height and width in pixels")] = PreprocessConfig.size,
    channels: Channels = PreprocessConfig.channels,
    depth: PixelDepth = PreprocessConfig.depth,
    fit: Fitting = PreprocessConfig.fit,
    plane: Annotated[Plane, typer.Option(help="How the slices of a volume lie")] = PreprocessConfig.plane,
    spacing: Spacing = PreprocessConfig.spacing,
    slices: Slices = PreprocessConfig.slices,
    neighbours: Neighbours = PreprocessConfig.neighbours,
    crop: Annotated[
        Crop, typer.Option(help="Cut around each box, or around the mask")
    ] = PreprocessConfig.crop,
    margin: Margin = PreprocessConfig.margin,
    normalize: Annotated[Normalize, typer.Option(help="How intensities are scaled")] = (
        PreprocessConfig.normalize
    ),
    window: Windows = PreprocessConfig.window,  # type: ignore[assignment]
    percentiles: Percentiles = PreprocessConfig.percentiles,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Percentiles and z-scores of the patient, without air")
    ] = PreprocessConfig.foreground,
    denoise: Annotated[bool, typer.Option("--denoise", help="Non-local means")] = PreprocessConfig.denoise,
    denoise_strength: Strength = PreprocessConfig.denoise_strength,
    rician: Annotated[
        bool, typer.Option("--rician", help="The noise is that of MR magnitudes")
    ] = PreprocessConfig.rician,
    clahe: Annotated[bool, typer.Option("--clahe", help="Contrast-limited adaptive equalisation")] = (
        PreprocessConfig.clahe
    ),
    clahe_clip: Annotated[float, typer.Option(min=0, help="Its clip limit")] = PreprocessConfig.clahe_clip,
    clahe_tiles: Annotated[int, typer.Option(min=1, help="Its tiles a side")] = PreprocessConfig.clahe_tiles,
    when: Choosing = PreprocessConfig.when,
    part: RecordsPart = PreprocessConfig.part,
    like: Like = PreprocessConfig.like,
    sheet: Sheet = PreprocessConfig.sheet,
    plan: PlanOnly = PreprocessConfig.plan,
    key_file: KeyFile = None,
    max_rejects: MaxRejects = PreprocessConfig.max_rejects,
    fresh: Fresh = PreprocessConfig.fresh,
    jobs: Jobs = PreprocessConfig.jobs,
) -> None:
    """Make the pixels that a network eats.

    In this order: decode, turn and resample, choose slices and crops, window, percentiles or z-score, invert
    MONOCHROME1, denoise, CLAHE, fit to size, depth, channels. Non-local means work on 16 bits, CLAHE on those
    of the depth (on 16 for float16). Z-scores of -4 to 4 fill 8 and 16 bits; float16 holds them unclipped
    where nothing was filtered, and brightness from 0 to 1. The bytes are the same for any number of jobs.
    --normalize window without --window takes a header's first window by its VOI LUT function, or else its
    first VOI LUT (of a volume, that of the middle slice); --window is linear.

    With --normalize train the manifest needs splits: percentiles of the training part become black and white,
    whole pictures counting alike; float16 holds what is between, less its mean, by its standard deviation.
    Shards and models record these statistics and the digest of the splits, and train takes no other splits;
    those of the manifest go on. --like gives other images this recipe and statistics: those of another site
    (what is nearly white or black by them is told and marked unlike-training), or, from the shard of the
    first part of an array, those of the other parts.

    Run again, nothing is decoded where OUT.h5 is whole, was made from the same records by the same recipe and
    version, and all sources and masks still have their digests: an array makes only what is missing.
    """
    window = pairs(window, name="--window")  # type: ignore[assignment]
    config = PreprocessConfig(**locals())
    if planned_only(config):
        return
    from medcli.stages._recipe import recipe_like
    from medcli.stages.preprocess import plan as make_plan
    from medcli.stages.preprocess import run

    if plan:
        print_result(None, text=make_plan(config), as_json=False)
        return
    config, _ = recipe_like(config, invocation.given())
    manifest = run(config, progress=invocation.progress)
    made = manifest.shards[0]
    summary = [f"{shard}: {made['num_images']} images, sha256 {made['sha256'][:12]}"]
    deliver(manifest, output=output, as_json=invocation.as_json, summary=summary)
    exit_for_rejects(made["num_rejected"], is_allowed=max_rejects is not None)
