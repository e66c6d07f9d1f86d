"""The commands that exist: one row each, in the order of the pipeline; light enough for every start."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple


class Entry(NamedTuple):
    """One command: where it stands in the help, what it does in a line, whether it writes files."""

    name: str
    group: str
    summary: str
    writes: bool = True
    has_stage: bool = True

    @property
    def module(self) -> ModuleType:
        """Its file in `medcli/cli`, imported when it is first asked for."""
        from importlib import import_module

        return import_module(f"medcli.cli.{self.name}")

    @property
    def function(self) -> Callable[..., None]:
        """The function that typer parses a command line for."""
        return getattr(self.module, self.name)

    @property
    def examples(self) -> list[tuple[str, str]]:
        """Pairs of a comment and a command line, shown in help and man page and run by a test."""
        return self.module.EXAMPLES


COMMANDS = (
    Entry("ingest", "Data", "List images with their labels, patients and sites."),
    Entry("preprocess", "Data", "Make the pixels that a network eats."),
    Entry("merge", "Data", "Join the parts that preprocess --part made."),
    Entry("split", "Data", "Assign patients to training, validation and test."),
    Entry("synth", "Data", "Make a phantom cohort with known findings."),
    Entry("train", "Model", "Train a network; keep the best epoch by validation."),
    Entry("predict", "Model", "Score images that a model has not seen."),
    Entry("calibrate", "Judgement", "Turn scores into probabilities; choose thresholds."),
    Entry("evaluate", "Judgement", "Measure a model, with intervals, and write the report."),
    Entry("compare", "Judgement", "Compare models with each other."),
    Entry("readers", "Judgement", "Measure how readers agree; make one truth of many."),
    Entry("explain", "Judgement", "Show which pixels mattered."),
    Entry("show", "Files", "Say what a file of ours is and how it came to be.", writes=False),
    Entry("check", "Files", "Say whether files are whole.", writes=False),
    Entry("schema", "Files", "Print the JSON Schema of manifests or results.", writes=False, has_stage=False),
    Entry("man", "Files", "Show a manual page.", writes=False, has_stage=False),
)
GROUPS = tuple(dict.fromkeys(entry.group for entry in COMMANDS))
NAMES = tuple(entry.name for entry in COMMANDS)

ABOUT = """\
Medical image classification in commands that pipe into each other.

The pipe carries a JSON manifest, the disk carries the pixels.
`medcli COMMAND --help` explains a command, `medcli man COMMAND` shows its
manual page."""

PROGRAM_EXAMPLE = """\
  medcli synth phantoms/
  medcli ingest --labels phantoms/labels.csv phantoms/ |
    medcli preprocess --clahe - out.h5 | medcli split - |
    medcli train --model densenet121 - run/ | medcli calibrate - |
    medcli evaluate - report/ > study.json
  medcli explain study.json maps.h5"""

PROGRAM_OPTIONS = """\
  --version             Show the version and exit
  --install-completion  Install completion for the current shell
  --show-completion     Print completion for the current shell
  -h, --help            Show this message and exit"""


def program_help() -> str:
    """What `medcli --help` prints: commands by purpose, in the order of the pipeline."""
    about = "\n".join(f"  {line}".rstrip() for line in ABOUT.splitlines())
    parts = ["Usage: medcli [OPTIONS] COMMAND [ARGS]...", about, f"Options:\n{PROGRAM_OPTIONS}"]
    for group in GROUPS:
        rows = [f"  {entry.name:<11} {entry.summary}" for entry in COMMANDS if entry.group == group]
        parts.append("\n".join([f"{group}:", *rows]))
    parts.append(f"Example:\n{PROGRAM_EXAMPLE}")
    return "\n\n".join(parts) + "\n"
