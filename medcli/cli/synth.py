"""The words of `medcli synth`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import Jobs, Seed
from medcli.cli.output import print_result
from medcli.config import Phantom, SynthConfig

EXAMPLES = [
    ("chest films of 60 invented patients", "medcli synth phantoms/"),
    ("a small set of skin lesions", "medcli synth --kind derm --patients 20 --size 64 lesions/"),
]

Folder = Annotated[Path, typer.Argument(metavar="OUT/", help="New or empty folder")]
Kind = Annotated[Phantom, typer.Option(help="Chest films, skin lesions, CT series or brain MRI")]
Patients = Annotated[int, typer.Option(min=1, help="How many patients")]
Size = Annotated[int, typer.Option(min=32, help="Height and width in pixels")]
Share = Annotated[float, typer.Option(min=0, max=1, help="Share of labels that are -1")]
BlankShare = Annotated[float, typer.Option(min=0, max=1, help="Share of labels that are blank")]


def synth(
    output: Folder,
    kind: Kind = SynthConfig.kind,
    patients: Patients = SynthConfig.patients,
    size: Size = SynthConfig.size,
    uncertain: Share = SynthConfig.uncertain,
    blank: BlankShare = SynthConfig.blank,
    seed: Seed = SynthConfig.seed,
    jobs: Jobs = SynthConfig.jobs,
) -> None:
    """Make a phantom cohort with known findings.

    For demonstrations, tests and documentation. Images, labels.csv, the truth as masks and boxes, and
    invented names and numbers in every file (listed in canaries.txt), so that leaks can be searched for.
    """
    config = SynthConfig(**locals())
    if planned_only(config):
        return
    from medcli.stages.synth import run

    facts = run(config, progress=invocation.progress)
    text = (
        f"{output}: {facts['images']} images of {facts['patients']} patients; labels in {output}/labels.csv"
    )
    print_result(facts, text=text, as_json=invocation.as_json)
