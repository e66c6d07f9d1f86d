"""Options that mean the same in every command, each defined once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from medcli.config import Blank, Part, Precision, ScoreKind, Uncertain
from medcli.errors import UsageError


def numbers(*counts: int, name: str) -> object:
    """A parser of numbers with commas between them, as many as one of `counts`."""
    wanted = " or ".join(str(count) for count in counts)

    def parse(text: str | list[str] | tuple[float, ...]) -> tuple[float, ...]:
        if isinstance(text, tuple):
            return text
        try:
            # A list comes from a configuration file: window = [-600, 1500]
            values = tuple(float(word) for word in (text if isinstance(text, list) else text.split(",")))
        except ValueError:
            values = ()
        if len(values) not in counts:
            raise UsageError(f"{name} is {text!r}, it must be {wanted} numbers with commas between them")
        return values

    return parse


def pairs(values: Sequence[tuple[float, ...]], *, name: str) -> tuple[tuple[float, ...], ...]:
    """Numbers two by two: of an option that is given several times, or as a list in a configuration file."""
    flat = [value for group in values for value in group]
    if len(flat) % 2:
        raise UsageError(f"{name} is {flat}, it must be 2 numbers with commas between them")
    return tuple(zip(flat[0::2], flat[1::2], strict=True))


Source = Annotated[str, typer.Argument(metavar="IN", help="Manifest, or - for standard input")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write the manifest here instead of to stdout"),
]
ReportFolder = Annotated[
    Path | None, typer.Option("--report", metavar="REPORT/", help="Write a report and its figures here")
]
Jobs = Annotated[int, typer.Option("-j", "--jobs", min=0, help="Worker processes; 0 takes every CPU")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything that is drawn")]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="Secret key of the patient hashes [made on first use]"),
]
MaxRejects = Annotated[
    str | None, typer.Option("--max-rejects", metavar="N|P%", help="Accept this many rejects (else status 3)")
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Begin anew, also where the same work is done already, or in part")
]
UncertainPolicy = Annotated[
    Uncertain, typer.Option("--uncertain", help="What a label of -1 means: left out, no or yes")
]
BlankPolicy = Annotated[Blank, typer.Option("--blank", help="What a label not mentioned means")]
PrecisionChoice = Annotated[
    Precision, typer.Option("--precision", help="Arithmetic; auto takes bf16 where it is faster")
]
PartChoice = Annotated[Part, typer.Option("--part", help="Which part of the splits")]
ScoreSource = Annotated[
    str, typer.Argument(metavar="IN", help="Manifest, predictions, table of scores, or - for a manifest")
]
Truth = Annotated[Path | None, typer.Option("--truth", metavar="TABLE", help="Labels of a table of scores")]
KeyColumn = Annotated[str, typer.Option("--key", metavar="COLUMN", help="Column that identifies an image")]
TargetColumn = Annotated[
    str, typer.Option("--target", metavar="COLUMN", help="Column of the truth; '*_true' for one a label")
]
ScoreColumn = Annotated[
    str, typer.Option("--score", metavar="COLUMN", help="Column of the scores; 'prob_*' for one a label")
]
PatientColumn = Annotated[str, typer.Option("--patient", metavar="COLUMN", help="Column of the patient")]
Margin = Annotated[
    float | None,
    typer.Option("--margin", metavar="SIZE", help="Largest loss that does not matter, set before looking"),
]
ScoreChoice = Annotated[
    ScoreKind, typer.Option("--scores", help="What scores of a table are; auto: [0, 1] are probabilities")
]
