"""The commands that exist: one row each, in the order of the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

from medcli.cli import (
    calibrate,
    check,
    evaluate,
    explain,
    ingest,
    man,
    predict,
    preprocess,
    schema,
    show,
    split,
    synth,
    train,
)
from medcli.cli.command import Example


class Entry(NamedTuple):
    """One command: where it stands in the help, what runs it, whether it writes files."""

    name: str
    group: str
    module: ModuleType
    writes: bool = True
    has_stage: bool = True

    @property
    def function(self) -> Callable[..., None]:
        """The function that typer parses a command line for."""
        return getattr(self.module, self.name)

    @property
    def examples(self) -> list[Example]:
        """Pairs of a comment and a command line, shown in help and man page and run by a test."""
        return self.module.EXAMPLES


COMMANDS = (
    Entry("ingest", "Data", ingest),
    Entry("preprocess", "Data", preprocess),
    Entry("split", "Data", split),
    Entry("synth", "Data", synth),
    Entry("train", "Model", train),
    Entry("predict", "Model", predict),
    Entry("calibrate", "Judgement", calibrate),
    Entry("evaluate", "Judgement", evaluate),
    Entry("explain", "Judgement", explain),
    Entry("show", "Files", show, writes=False),
    Entry("check", "Files", check, writes=False),
    Entry("schema", "Files", schema, writes=False, has_stage=False),
    Entry("man", "Files", man, writes=False, has_stage=False),
)
GROUPS = tuple(dict.fromkeys(entry.group for entry in COMMANDS))
NAMES = tuple(entry.name for entry in COMMANDS)
