"""The words of `medcli check`."""

from __future__ import annotations

from typing import Annotated

import typer

from medcli.cli.command import invocation
from medcli.cli.output import print_result
from medcli.config import CheckConfig
from medcli.errors import ExitStatus

EXAMPLES = [
    ("silent when all is well", "medcli check cohort.json out.h5 run/model.safetensors"),
    ("a manifest and all that it names", "medcli check study.json && echo whole"),
]


def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files of medcli")],
) -> None:
    """Say whether files are whole.

    Silent if all are, else their names and status 4.
    A manifest is whole when every file that it names is there with the digest that it recorded, and its
    calibration still has the digest that froze it.
    """
    config = CheckConfig(**locals())
    from medcli.stages.check import run

    faults = run(config)
    for fault in faults:
        invocation.progress.note(f"{fault.path}: {fault.reason}")
    if faults or invocation.as_json:
        names = [fault.path for fault in faults]
        as_values = [fault._asdict() for fault in faults]
        print_result(as_values, text="\n".join(names), as_json=invocation.as_json)
    if faults:
        raise typer.Exit(ExitStatus.GATE)
