"""The words of `medcli split`."""

from __future__ import annotations

from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import Output, Seed, Source, numbers
from medcli.cli.output import deliver
from medcli.config import SplitBy, SplitConfig

EXAMPLES = [
    ("80-10-10 by patient", "medcli split cohort.json -o splits.json"),
    ("the parts that a published set names", "medcli split --official official.json -o splits.json"),
    ("a site that is never trained on", "medcli split --external site=site-b cohort.json -o splits.json"),
    ("other shares, from a shard", "medcli split --shares 70,15,15 out.h5 -o splits.json"),
]

Shares = Annotated[
    tuple,
    typer.Option(parser=numbers(3, name="--shares"), metavar="A,B,C", help="Shares of train, val and test"),
]
By = Annotated[SplitBy, typer.Option(help="What must stay together; image: no patients are known")]


def split(
    source: Source = SplitConfig.source,
    output: Output = SplitConfig.output,
    by: By = SplitConfig.by,
    official: Annotated[
        bool, typer.Option("--official", help="Keep the parts that the source names")
    ] = SplitConfig.official,
    external: Annotated[
        list[str], typer.Option(metavar="FIELD=VALUE[,VALUE]", help="Set these aside as part external; again")
    ] = SplitConfig.external,  # type: ignore[assignment]
    shares: Shares = SplitConfig.shares,
    seed: Seed = SplitConfig.seed,
) -> None:
    """Assign patients to training, validation and test.

    All images of a patient, and of a group such as a lesion, go to one part. Classes are stratified, also
    with many labels an image; how far each class is from its share is written into the manifest.

    Files with the same bytes and images with the same pixels count as one patient's. With --official
    the parts are those that ingest found in the source; where it names no validation part, one is taken
    from training by patient. Parts that overlap are refused.

    --external sets records aside before anything is drawn, by any field (site, device, a kept column): train
    never sees the part `external`, predict and evaluate take it with --part external.
    """
    config = SplitConfig(**locals())
    if planned_only(config):
        return
    from medcli.stages.split import run

    deliver(run(config, progress=invocation.progress), output=output)
