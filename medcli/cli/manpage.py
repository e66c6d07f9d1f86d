"""Manual pages, made from the program's own tree of commands and options."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from medcli.cli.table import ABOUT, COMMANDS, GROUPS, NAMES, Entry
from medcli.errors import EXIT_MEANINGS, UsageError

DATE = "November 23, 2026"
_EXIT_OF_EVERY_COMMAND = (0, 1, 2, 65, 66, 73, 74, 78, 130, 141, 143)
_REJECTING = {"ingest": ("decode", "file", "table", "folder", "worker"), "preprocess": ("",)}
_EXIT_EXTRA = {
    "ingest": (3,),
    "preprocess": (3,),
    "split": (4,),
    "evaluate": (4,),
    "check": (4,),
    "train": (75,),
}


def page_names() -> list[str]:
    """File names of all pages, as they lie under man/."""
    return ["medcli.1", *(f"medcli-{name}.1" for name in NAMES)]


def render_page(command: str) -> str:
    """The mdoc source of a command's page, or of the program's for an empty name.

    Raises:
        UsageError: If there is no such command.
    """
    from medcli.cli.program import build_app

    if not command:
        return "\n".join(_program_page()) + "\n"
    entry = next((entry for entry in COMMANDS if entry.name == command), None)
    if entry is None:
        raise UsageError(f"{command!r} is no command", hint=f"commands are {', '.join(NAMES)}")
    tree = typer.main.get_command(build_app((command,)))
    return "\n".join(_command_page(entry, tree.commands[command])) + "\n"  # type: ignore[attr-defined]


def page_in_viewer(text: str) -> bool:
    """Show a page with man(1), as a person expects; False if there is none."""
    viewer = shutil.which("man")
    if viewer is None:
        return False
    with suppress(OSError):
        return subprocess.run([viewer, "-l", "-"], input=text.encode(), check=False).returncode == 0
    return False


def _head(name: str, description: str) -> Iterator[str]:
    yield f".Dd {DATE}"
    yield f".Dt {name.upper()} 1"
    yield ".Os"
    yield ".Sh NAME"
    yield f".Nm {name}"
    yield f".Nd {_escape(description)}"


def _program_page() -> Iterator[str]:
    yield from _head("medcli", "medical image classification in commands that pipe into each other")
    yield from (".Sh SYNOPSIS", ".Nm medcli", ".Ar command", ".Op Ar option ...")
    yield ".Sh DESCRIPTION"
    yield from _prose(ABOUT)
    for group in GROUPS:
        yield f".Ss {group}"
        yield ".Bl -tag -width preprocess"
        for entry in COMMANDS:
            if entry.group == group:
                yield f".It Xr medcli-{entry.name} 1"
                yield _escape(entry.summary)
        yield ".El"
    yield from _environment()
    yield from _exit_status([int(status) for status in EXIT_MEANINGS])
    yield ".Sh SEE ALSO"
    yield from _see_also([f"medcli-{name}" for name in sorted(NAMES)])


def _command_page(entry: Entry, command: Any) -> Iterator[str]:
    name = f"medcli-{entry.name}"
    yield from _head(name, entry.summary.rstrip(".").lower())
    yield ".Sh SYNOPSIS"
    yield f".Nm medcli {entry.name}"
    yield ".Op Ar option ..."
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    for parameter in arguments:
        metavar = _escape(parameter.metavar or parameter.name.upper()).strip("[]")
        yield f".Ar {metavar}" if parameter.required else f".Op Ar {metavar}"
    yield ".Sh DESCRIPTION"
    yield from _prose(command.help)
    if arguments:
        yield ".Bl -tag -width Ds"
        for parameter in arguments:
            yield f".It Ar {_escape(parameter.metavar or parameter.name.upper())}"
            yield _escape(parameter.help or "") + "."
        yield ".El"
    yield ".Sh OPTIONS"
    yield ".Bl -tag -width Ds"
    for parameter in command.params:
        if parameter.param_type_name == "option":
            yield from _option(parameter)
    yield ".El"
    yield from _environment(entry.name)
    yield from _exit_status(sorted({*_EXIT_OF_EVERY_COMMAND, *_EXIT_EXTRA.get(entry.name, ())}))
    yield from _examples(entry)
    if entry.name == "ingest":
        yield from _layouts()
        yield from _keywords()
    yield from _reject_codes(_REJECTING.get(entry.name, ()))
    yield ".Sh SEE ALSO"
    position = NAMES.index(entry.name)
    near = [NAMES[i] for i in (position - 1, position + 1) if 0 <= i < len(NAMES)]
    yield from _see_also(["medcli", *(f"medcli-{other}" for other in sorted(near))])


def _option(parameter: Any) -> Iterator[str]:
    flags = " , ".join(f"Fl {_escape(flag[1:])}" for flag in sorted(parameter.opts, key=len))
    metavar = "" if parameter.is_flag else f" Ar {_escape(_metavar(parameter))}"
    yield f".It {flags}{metavar}"
    help_text = _escape(parameter.help or "").rstrip(".")
    default = _default(parameter)
    yield help_text + (f" (default: {_escape(default)})." if default else ".")


def _metavar(parameter: Any) -> str:
    choices = getattr(parameter.type, "choices", None)
    if choices:
        return "|".join(str(getattr(choice, "value", choice)) for choice in choices)
    return str(parameter.metavar or parameter.type.name.upper())


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.is_flag or value in (None, "", (), []) or callable(value):
        return ""
    value = getattr(value, "value", value)
    if isinstance(value, tuple | list):
        return ",".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value)
    return str(value)


def _environment(name: str = "command") -> Iterator[str]:
    yield ".Sh ENVIRONMENT"
    yield "Every option can be set by a variable:"
    yield f".Ev MEDCLI_{name.upper()}_OPTION ,"
    yield "with underscores for dashes."
    yield "The command line wins over it, and it wins over"
    yield ".Fl -config ."


def _exit_status(statuses: list[int]) -> Iterator[str]:
    yield ".Sh EXIT STATUS"
    yield ".Bl -tag -width 130 -compact"
    for status in statuses:
        yield f".It {status}"
        yield _escape(next(text for key, text in EXIT_MEANINGS.items() if key == status))
    yield ".El"


def _examples(entry: Entry) -> Iterator[str]:
    yield ".Sh EXAMPLES"
    for comment, line in entry.examples:
        yield _escape(comment[:1].upper() + comment[1:]) + ":"
        yield f".Dl {_escape(line)}"
        if (comment, line) != entry.examples[-1]:
            yield ".Pp"


def _reject_codes(kinds: tuple[str, ...]) -> Iterator[str]:
    """What the codes of rejected inputs mean; error messages send their reader here."""
    from medcli.formats.codes import CODES

    if kinds:
        yield ".Sh DIAGNOSTICS"
        yield "An input that cannot be used is listed in the manifest with one of these codes:"
        yield ".Bl -tag -width Ds"
        for code, meaning in CODES.items():
            if code.startswith(kinds):
                yield f".It {code}"
                yield _escape(meaning[:1].upper() + meaning[1:]) + "."
        yield ".El"


def _layouts() -> Iterator[str]:
    """The folder that each layout expects, from its docstring: paragraphs with indented lines are trees."""
    from medcli.cohorts.layouts import LAYOUTS

    yield ".Sh LAYOUTS"
    for name, module in LAYOUTS.items():
        yield f".Ss {name}"
        words, *paragraphs = (module.__doc__ or "").strip().split("\n\n")
        yield from _prose(words.partition(": ")[2][:1].upper() + words.partition(": ")[2][1:])
        for paragraph in paragraphs:
            if "\n  " in paragraph:
                yield ".Bd -literal"
                yield from (_escape(line) for line in paragraph.split("\n"))
                yield ".Ed"
            else:
                yield ".Pp"
                yield from _prose(paragraph)


def _keywords() -> Iterator[str]:
    """What --keep may take from DICOM headers."""
    from medcli.formats.dicom_fields import KEEPABLE

    yield ".Sh DICOM KEYWORDS"
    yield "Of the header of an image a record holds modality, view, age, sex and a keyed hash of the patient."
    yield "Besides them"
    yield ".Fl -keep"
    yield "may name, where no column of the table is called so:"
    yield from textwrap.wrap(", ".join(KEEPABLE) + ".", 78)
    yield ".Pp"
    yield "An image is flagged burned-in when (0028,0301) is YES, when its image type is that of a saved"
    yield "screen, and, unless (0028,0301) is NO, when it is a secondary capture or ultrasound."


def _see_also(names: list[str]) -> Iterator[str]:
    for i, name in enumerate(names):
        yield f".Xr {name} 1" + (" ," if i < len(names) - 1 else "")


def _prose(text: str | None) -> Iterator[str]:
    paragraphs = (text or "").strip().split("\n\n")
    for i, paragraph in enumerate(paragraphs):
        if i:
            yield ".Pp"
        # A sentence a line, as manual pages are written, and no line beyond 78 columns.
        for sentence in " ".join(paragraph.split()).replace(". ", ".\n").split("\n"):
            yield from (_escape(line) for line in textwrap.wrap(sentence, 78, break_on_hyphens=False))


def _escape(text: str) -> str:
    """Text that mdoc takes literally, also at the start of a line."""
    text = text.replace("\\", "\\e").replace("`", "\\(ga")
    return "\\&" + text if text[:1] in (".", "'") else text


def write_pages(folder: Path) -> None:
    """Write every page into `folder`."""
    folder.mkdir(exist_ok=True)
    for name in page_names():
        command = name.removeprefix("medcli").removesuffix(".1").removeprefix("-")
        (folder / name).write_text(render_page(command), encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
