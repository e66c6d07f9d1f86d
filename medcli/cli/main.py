"""The one way in and the one place where errors are printed."""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException

from medcli import __version__, signals
from medcli.cli.command import command_class, invocation, with_common_options
from medcli.cli.streams import say, swallow_late_errors
from medcli.cli.table import COMMANDS, GROUPS, NAMES
from medcli.errors import ExitStatus, MedcliError


class PipelineGroup(TyperGroup):
    """Lists commands by purpose, in the order of the pipeline."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(len(name) for name in self.commands)
        for group in GROUPS:
            with formatter.section(group):
                for entry in COMMANDS:
                    if entry.group == group:
                        text = self.commands[entry.name].get_short_help_str(formatter.width - width - 6)
                        formatter.write(f"  {entry.name:<{width}}  {text}\n")

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Examples"):
            for line in (
                "medcli synth phantoms/",
                "medcli ingest --labels phantoms/labels.csv phantoms/ |",
                "  medcli preprocess --clahe - out.h5 | medcli split - |",
                "  medcli train --model densenet121 - run/ | medcli calibrate - |",
                "  medcli evaluate - report/ > study.json",
                "medcli explain study.json maps.h5",
            ):
                formatter.write(f"  {line}\n")


def build_app() -> typer.Typer:
    """The program's tree, from the table of commands."""
    app = typer.Typer(
        name="medcli",
        cls=PipelineGroup,
        rich_markup_mode=None,
        context_settings={
            "help_option_names": ["-h", "--help"],
            "auto_envvar_prefix": "MEDCLI",
            "max_content_width": 80,
        },
        pretty_exceptions_enable=False,
    )
    app.callback(no_args_is_help=True)(_program)
    for entry in COMMANDS:
        function = with_common_options(entry.function, name=entry.name, writes=entry.writes)
        app.command(entry.name, cls=command_class(entry.examples))(function)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"medcli {__version__}")
        raise typer.Exit


def _program(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit"),
    ] = False,
) -> None:
    """Medical image classification in commands that pipe into each other.

    The pipe carries a JSON manifest, the disk carries the pixels. `medcli COMMAND --help` explains a command,
    `medcli man COMMAND` shows its manual page.
    """


def main() -> None:
    """Run the command line and exit with the status that the manual promises."""
    signals.install()
    status = run(sys.argv[1:])
    swallow_late_errors()
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status; every error has been printed."""
    invocation.name = next((word for word in arguments if word in NAMES), "")
    try:
        code = build_app()(arguments, prog_name="medcli", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code if isinstance(code, int) else ExitStatus.OK
    except SystemExit as stop:  # typer ends itself after printing completion scripts or on a closed pipe
        is_closed_pipe = isinstance(stop.__context__, BrokenPipeError)
        return ExitStatus.PIPE if is_closed_pipe else int(stop.code or 0)
    except BaseException as error:  # noqa: BLE001 - the last frame of the program: nothing carries on
        return _report(error)


def _report(error: BaseException) -> int:
    if "MEDCLI_DEBUG" in os.environ:
        import traceback

        traceback.print_exception(error)
    name = f"medcli {invocation.name}".strip()
    match error:
        case MedcliError():
            _print_error(name, str(error), error.hint)
            return error.status
        case TyperException():
            return _report_usage(error)
        case signals.Terminated():
            interrupted = error.signum == signal.SIGINT
            return ExitStatus.INTERRUPTED if interrupted else ExitStatus.TERMINATED
        case KeyboardInterrupt() | Abort():
            return ExitStatus.INTERRUPTED
        case BrokenPipeError():
            return ExitStatus.PIPE
        case OSError(errno=errno.ENOSPC | errno.EBADF | errno.EIO):
            _print_error(name, f"standard output cannot be written: {(error.strerror or '').lower()}", "")
            return ExitStatus.IO
        case _:
            text = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            _print_error(name, f"this is a bug in medcli: {text}", "--debug shows the traceback to report")
            return ExitStatus.BUG


def _report_usage(error: TyperException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "medcli"
    message = error.format_message()
    _print_error(path, message[:1].lower() + message[1:].rstrip("."), f"{path} --help lists what there is")
    return ExitStatus.USAGE


def _print_error(name: str, message: str, hint: str) -> None:
    say(f"{name}: error: {message}")
    if hint:
        say(f"  hint: {hint}")


if __name__ == "__main__":
    main()
