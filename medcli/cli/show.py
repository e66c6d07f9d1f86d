"""The words of `medcli show`."""

from __future__ import annotations

from typing import Annotated

import typer

from medcli.cli.command import invocation
from medcli.cli.output import print_result
from medcli.config import ShowConfig

EXAMPLES = [
    ("what a file is", "medcli show cohort.json"),
    ("a model's header as JSON", "medcli show --json run/model.safetensors"),
]


def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Any file of medcli, or - for a manifest")],
) -> None:
    """Say what a file of ours is and how it came to be."""
    config = ShowConfig(**locals())
    from medcli.stages.show import render, run

    facts = run(config)
    print_result(facts, text=render(facts), as_json=invocation.as_json)
