"""What a command leaves behind: its manifest, a summary for people, an exit status."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from medcli.cli.streams import result_is_terminal, say, write_result
from medcli.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from medcli.store.manifest import Manifest


def deliver(
    manifest: Manifest, *, output: Path | None, as_json: bool = False, summary: Iterable[str] | None = None
) -> None:
    """Write the manifest where it is wanted: to `output`, down the pipe, or as a summary to a person.

    Args:
        manifest: What the stage returned.
        output: File given with -o; None means standard output.
        as_json: Print JSON even on a terminal.
        summary: Lines for a terminal, of a stage that wrote its results elsewhere.
    """
    from medcli.store.manifest import manifest_bytes, write_manifest

    if output is not None:
        _refuse_to_replace_a_result(manifest, output)
        write_manifest(manifest, output)
    elif summary is not None and result_is_terminal() and not as_json:
        write_result(("\n".join(summary) + "\n").encode())
    else:
        write_result(manifest_bytes(manifest, base=Path.cwd()))


def _refuse_to_replace_a_result(manifest: Manifest, output: Path) -> None:
    if any(Path(ref["path"]).resolve() == output.resolve() for ref in manifest.references()):
        raise UsageError(
            "the manifest would replace a file that it names", where=str(output), hint="give -o another name"
        )


def print_result(value: Any, *, text: str, as_json: bool) -> None:
    """Print a result that is no manifest: JSON when asked for, else text."""
    body = json.dumps(value, ensure_ascii=False, indent=1) if as_json else text.rstrip("\n")
    write_result((body + "\n").encode("utf-8", "backslashreplace"))


def deliver_document(document: Any, *, output: Path | None, text: str, as_json: bool) -> None:
    """Write a result that is no manifest: into `output`, else JSON down a pipe, else words to a person."""
    from medcli.store.atomic import write_bytes

    if output is not None:
        body = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
        write_bytes(output, (body + "\n").encode())
    else:
        print_result(document, text=text, as_json=as_json or not result_is_terminal())


def show_plan(command: str, config: Any) -> None:
    """Say what a dry run would do: every option after flags, environment and configuration file."""
    lines = [f"medcli {command} would run with"]
    lines += [f"  {f.name.replace('_', '-'):<20} {_word(getattr(config, f.name))}" for f in fields(config)]
    write_result(("\n".join(lines) + "\nnothing was read or written\n").encode())


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_word(item) for item in value) or "-"
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def exit_for_rejects(rejected: int, *, is_allowed: bool) -> None:
    """End with status 3 when inputs were rejected and no limit allowed for it."""
    if rejected and not is_allowed:
        words = "1 input was" if rejected == 1 else f"{rejected} inputs were"
        say(f"  {words} rejected: exit status 3; --max-rejects N or P% accepts that many")
        raise typer.Exit(ExitStatus.REJECTS)


def exit_for_gates(outcomes: Iterable[dict[str, Any]]) -> None:
    """End with status 4 when a requirement is not met, after one line for each that is not."""
    from medcli.metrics.gates import failures

    lines = failures(list(outcomes))
    for line in lines:
        say(f"medcli evaluate: {line}")
    if lines:
        raise typer.Exit(ExitStatus.GATE)
