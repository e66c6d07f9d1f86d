"""The words of `medcli explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import Device, Jobs, Output, PartChoice, Source
from medcli.cli.output import deliver
from medcli.config import AttributionMethod, ExplainConfig

EXAMPLES = [
    ("maps of the test part, and a gallery", "medcli explain study.json maps.h5 -o explained.json"),
    ("ten images", "medcli explain --limit 10 --gallery few.png study.json few.h5 -o explained.json"),
]


def explain(
    source: Source,
    maps: Annotated[Path, typer.Argument(metavar="OUT.h5", help="Maps to write")],
    output: Output = ExplainConfig.output,
    gallery: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Picture of examples [beside the maps]")
    ] = ExplainConfig.gallery,
    method: Annotated[
        AttributionMethod, typer.Option(help="auto: Grad-CAM for CNNs, rollout for transformers")
    ] = ExplainConfig.method,
    part: PartChoice = ExplainConfig.part,
    limit: Annotated[
        int, typer.Option(min=0, help="How many images, spread over the classes; 0 takes all")
    ] = ExplainConfig.limit,
    batch_size: Annotated[int, typer.Option(min=1, help="Images a step")] = ExplainConfig.batch_size,
    tolerance: Annotated[
        int, typer.Option(min=0, help="Pixels by which a peak may miss the finding")
    ] = ExplainConfig.tolerance,
    faithfulness: Annotated[
        int,
        typer.Option(metavar="STEPS", min=0, help="Curves of deletion and insertion; 0 draws none"),
    ] = ExplainConfig.faithfulness,
    device: Device = ExplainConfig.device,
    jobs: Jobs = ExplainConfig.jobs,
) -> None:
    """Show which pixels mattered.

    Where the shard holds masks of the findings, says how often the peak of a map lies inside one, how much
    of the map does, and how far the two overlap. With --faithfulness, pixels of the called class are deleted
    and inserted in STEPS, the highest of the map first, and compared with the same map in the wrong place.
    """
    config = ExplainConfig(**locals())
    if planned_only(config):
        return
    from medcli.stages.explain import run

    manifest = run(config, progress=invocation.progress)
    made = manifest.explanation or {}
    summary = [f"{maps}: {made.get('n')} images, {made.get('method')}", f"gallery: {made['gallery']['path']}"]
    deliver(manifest, output=output, as_json=invocation.as_json, summary=summary)
