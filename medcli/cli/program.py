"""Typer's tree of commands, and the one place where errors are printed."""

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
from medcli.cli.table import COMMANDS, NAMES, program_help
from medcli.errors import ExitStatus, MedcliError


class PipelineGroup(TyperGroup):
    """The program: its help is the one that `medcli --help` prints without typer."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(program_help())


def build_app(names: tuple[str, ...] = NAMES) -> typer.Typer:
    """The program's tree, from the table of commands; only the named ones, for a quick start."""
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
        if entry.name not in names:
            continue
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
    """See `medcli.cli.table.ABOUT`."""


def run_as_process(arguments: list[str]) -> int:
    """Run one command line as this process's whole purpose, with its signals and its last flush."""
    signals.install()
    status = run(arguments)
    swallow_late_errors()
    return status


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status; every error has been printed."""
    invocation.name = arguments[0] if arguments and arguments[0] in NAMES else ""
    try:
        code = build_app((invocation.name,) if invocation.name else NAMES)(
            arguments, prog_name="medcli", standalone_mode=False
        )
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
