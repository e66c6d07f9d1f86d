"""What every command shares: its common options, its help with examples, its dry run."""

from __future__ import annotations

import functools
import inspect
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from medcli.cli.output import show_plan
from medcli.cli.progress import choose_progress
from medcli.cli.streams import stdout_set_aside
from medcli.errors import ConfigError, InputError, UsageError
from medcli.progress import SILENT, Progress

Example = tuple[str, str]


@dataclass
class Invocation:
    """The command that is running, and how the user wants it to behave."""

    name: str = ""
    context: typer.Context | None = None
    progress: Progress = SILENT
    is_quiet: bool = False
    is_dry_run: bool = False
    as_json: bool = False

    def given(self) -> set[str]:
        """Names of parameters that were asked for, by command line, environment or configuration."""
        context = self.context
        assert context is not None
        sources = {name: context.get_parameter_source(name) for name in context.params}
        return {name for name, source in sources.items() if source and source.name != "DEFAULT"}


invocation = Invocation()


def planned_only(config: Any) -> bool:
    """Whether this is a dry run; if so the plan has been shown and the command ends."""
    if invocation.is_dry_run:
        show_plan(invocation.name, config)
    return invocation.is_dry_run


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE.toml",
        is_eager=True,
        callback=lambda ctx, value: _read_config(ctx, value),  # noqa: PLW0108 - defined below
        help="Take defaults from this file's table for the command",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, also on a terminal")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress and no notes, only errors")]
DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Show every option, then stop")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error")]

_COMMON: dict[str, tuple[Any, Any]] = {
    "as_json": (Json, False),
    "quiet": (Quiet, False),
    "dry_run": (DryRun, False),
    "config_file": (ConfigFile, None),
    "debug": (Debug, False),
}


def with_common_options(function: Callable[..., None], *, name: str, writes: bool) -> Callable[..., None]:
    """The function as typer sees it: its own parameters, then those that all commands have."""
    common = {key: value for key, value in _COMMON.items() if writes or key != "dry_run"}
    hints = inspect.get_annotations(function, eval_str=True)

    @functools.wraps(function)
    def wrapper(**values: Any) -> None:
        given = {key: values.pop(key) for key in common}
        invocation.name = name
        invocation.progress = choose_progress(name, quiet=given["quiet"])
        invocation.is_quiet = given["quiet"]
        invocation.is_dry_run = given.get("dry_run", False)
        invocation.as_json = given["as_json"]
        if given["debug"]:
            os.environ["MEDCLI_DEBUG"] = "1"
        _refuse_nan(values)
        with stdout_set_aside():
            function(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})

    for annotation in (*hints.values(), *(annotation for annotation, _ in common.values())):
        _tidy_help(annotation)
    own = [
        parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(function).parameters.values()
    ]
    extra = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for key, (annotation, default) in common.items()
    ]
    wrapper.__signature__ = inspect.Signature([*own, *extra])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {**hints, **{key: value[0] for key, value in common.items()}, "return": None}
    return wrapper


def _refuse_nan(values: dict[str, Any]) -> None:
    """Refuse nan, which every comparison with the ends of a range lets through."""
    for name, value in values.items():
        if isinstance(value, float) and math.isnan(value):
            raise UsageError(f"--{name.replace('_', '-')} is nan, it must be a number")


def _tidy_help(annotation: Any) -> None:
    """Keep help short: the page's ENVIRONMENT section says once how variables are named."""
    for info in getattr(annotation, "__metadata__", ()):
        info.show_envvar = False
        if info.metavar is None and annotation.__origin__ in (int, float, int | None):
            info.metavar = "N"


def command_class(examples: list[Example]) -> type[TyperCommand]:
    """A command whose help ends with its examples, each line as it is typed."""

    class CommandWithExamples(TyperCommand):
        def format_epilog(self, ctx: Any, formatter: Any) -> None:
            with formatter.section("Examples"):
                for comment, line in examples:
                    formatter.write(f"  # {comment}\n  {line}\n")

    CommandWithExamples.examples = examples  # type: ignore[attr-defined]
    return CommandWithExamples


def _read_config(ctx: typer.Context, path: Path | None) -> Path | None:
    """Defaults from `[command]` of a TOML file; the command line and MEDCLI_* come before them."""
    invocation.context = ctx
    if path is None or ctx.resilient_parsing:
        return path
    import tomllib

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(path)) from error
    except OSError as error:
        raise InputError((error.strerror or "cannot be read").lower(), where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(path)) from error
    from medcli.cli.table import NAMES

    unknown = [table for table in document if table not in NAMES]
    if unknown:
        raise ConfigError(
            f"[{unknown[0]}] is no command", where=str(path), hint=f"tables are named {', '.join(NAMES)}"
        )
    name = ctx.info_name or ""
    ctx.default_map = _defaults(ctx, document.get(name, {}), where=f"{path}: [{name}]")
    return path


def _defaults(ctx: typer.Context, table: Any, *, where: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigError("it must be a table", where=where)
    by_option = {
        option.lstrip("-"): str(parameter.name)
        for parameter in ctx.command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    unknown = [key for key in table if key not in by_option]
    if unknown:
        raise ConfigError(
            f"{unknown[0]!r} is no option of this command", where=where, hint=f"medcli {ctx.info_name} --help"
        )
    return {by_option[key]: _text(value) for key, value in table.items()}


def _text(value: Any) -> Any:
    """TOML values as the command line would have them, so that both are parsed by the same code."""
    if isinstance(value, list):
        return [str(item) for item in value]
    return value if isinstance(value, bool) else str(value)
