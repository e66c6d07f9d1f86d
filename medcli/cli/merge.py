"""The words of `medcli merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import Fresh, Output
from medcli.cli.output import deliver
from medcli.config import MergeConfig

EXAMPLES = [
    (
        "two halves, made anywhere and in any order",
        "medcli preprocess --size 64 --part 1/2 cohort.json half-1.h5 -o half-1.json\n"
        "  medcli preprocess --size 64 --part 2/2 cohort.json half-2.h5 -o half-2.json\n"
        "  medcli merge whole.h5 half-1.json half-2.json -o whole.json",
    ),
]


def merge(
    shard: Annotated[Path, typer.Argument(metavar="OUT.h5", help="Shard to write")],
    parts: Annotated[
        list[str], typer.Argument(metavar="PART.json...", help="Manifests of all parts, in any order")
    ],
    output: Output = MergeConfig.output,
    fresh: Fresh = MergeConfig.fresh,
) -> None:
    """Join the parts that preprocess --part made.

    Shard and manifest have the bytes that one run over all records gives. A part that is missing, there
    twice, damaged, or made with other options or from other records is refused by name. The parts stay as
    they are. Where OUT.h5 is whole and holds just these parts, it is left as it is.
    """
    config = MergeConfig(**locals())
    if planned_only(config):
        return
    from medcli.stages.merge import run

    manifest = run(config, progress=invocation.progress)
    made = manifest.shards[0]
    summary = [f"{shard}: {made['num_images']} images, sha256 {made['sha256'][:12]}"]
    deliver(manifest, output=output, as_json=invocation.as_json, summary=summary)
