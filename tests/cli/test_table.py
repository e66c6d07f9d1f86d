"""Every command has all its parts; help and man pages say what the program does."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import shutil
import subprocess

import pytest

from medcli import config
from medcli.cli.manpage import page_names, render_page
from medcli.cli.table import COMMANDS, NAMES, Entry
from medcli.errors import EXIT_MEANINGS, ExitStatus
from medcli.formats.codes import CODES
from tests.cli.run import ROOT, medcli


def _missing_parts(entry: Entry) -> list[str]:
    name = entry.name
    parts = {
        f"man/medcli-{name}.1": (ROOT / f"man/medcli-{name}.1").is_file(),
        "EXAMPLES": bool(getattr(entry.module, "EXAMPLES", None)),
        "its summary as first line of its docstring": _first_line(entry) == entry.summary,
        "a mention in README.md": f"medcli {name}" in (ROOT / "README.md").read_text(),
    }
    if entry.has_stage:
        parts[f"stages/{name}.py with run"] = _has_run(name)
        parts[f"config.{name.capitalize()}Config"] = hasattr(config, f"{name.capitalize()}Config")
        parts[f"tests/stages/test_{name}.py"] = (ROOT / f"tests/stages/test_{name}.py").is_file()
    return [part for part, is_there in parts.items() if not is_there]


def _first_line(entry: Entry) -> str:
    return (entry.function.__doc__ or "").split("\n")[0]


def _has_run(name: str) -> bool:
    try:
        return callable(importlib.import_module(f"medcli.stages.{name}").run)
    except (ImportError, AttributeError):
        return False


@pytest.mark.parametrize("entry", COMMANDS, ids=NAMES)
def test_no_command_lacks_a_part(entry: Entry) -> None:
    assert _missing_parts(entry) == []


def test_every_stage_is_a_command() -> None:
    stages = {path.stem for path in (ROOT / "medcli/stages").glob("[a-z]*.py")}
    assert stages == {entry.name for entry in COMMANDS if entry.has_stage}


@pytest.mark.parametrize("entry", [e for e in COMMANDS if e.has_stage], ids=lambda e: e.name)
def test_options_and_settings_are_the_same_and_have_the_same_defaults(entry: Entry) -> None:
    settings = {f.name: f for f in dataclasses.fields(getattr(config, f"{entry.name.capitalize()}Config"))}
    parameters = inspect.signature(entry.function).parameters
    assert set(parameters) == set(settings)
    for name, parameter in parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            assert parameter.default == settings[name].default, name


@pytest.mark.parametrize("page", page_names())
def test_man_pages_are_current(page: str) -> None:
    command = page.removeprefix("medcli").removesuffix(".1").removeprefix("-")
    assert (ROOT / "man" / page).read_text() == render_page(command), "run: make man"


def test_no_page_without_a_command() -> None:
    assert {path.name for path in (ROOT / "man").iterdir()} == set(page_names())


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_man_pages_are_clean_under_mandoc() -> None:
    pages = [str(ROOT / "man" / name) for name in page_names()]
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["", *NAMES])
def test_help_fits_80_columns(name: str) -> None:
    done = medcli(*([name] if name else []), "--help")
    assert done.returncode == 0
    body = done.stdout.split("\nExamples:")[0]
    assert max(len(line) for line in body.splitlines()) <= 80


def test_help_lists_commands_in_pipeline_order() -> None:
    text = medcli("--help").stdout
    order = [re.search(rf"^  {name} ", text, re.M).start() for name in NAMES]  # type: ignore[union-attr]
    assert order == sorted(order)


def test_the_manual_explains_every_code_that_messages_send_its_reader_for() -> None:
    assert re.findall(r"^\.It (\w+/[\w-]+)$", render_page("preprocess"), re.M) == list(CODES)
    assert ".It decode/unknown-format\n" in render_page("ingest")


def test_the_exit_statuses_of_the_manual_are_those_of_the_program() -> None:
    page = render_page("")
    documented = re.findall(r"^\.It (\d+)$", page, re.M)
    assert [int(number) for number in documented] == [int(status) for status in ExitStatus]
    assert set(EXIT_MEANINGS) == set(ExitStatus)
