"""What can go wrong, what it is called, and the exit status it ends with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path


class ExitStatus(IntEnum):
    """The one table of exit statuses; the man pages are made from it."""

    OK = 0
    BUG = 1
    USAGE = 2
    REJECTS = 3
    GATE = 4
    DATA = 65
    NO_INPUT = 66
    CANNOT_CREATE = 73
    IO = 74
    STOPPED = 75
    CONFIG = 78
    INTERRUPTED = 130
    PIPE = 141
    TERMINATED = 143


EXIT_MEANINGS: dict[ExitStatus, str] = {
    ExitStatus.OK: "done, nothing rejected",
    ExitStatus.BUG: "a bug in medcli; --debug shows the traceback",
    ExitStatus.USAGE: "the command line is wrong",
    ExitStatus.REJECTS: "done, but some inputs were rejected; they are listed",
    ExitStatus.GATE: "a gate was not met: a damaged file, a leaking split, evaluate --require",
    ExitStatus.DATA: "the data are bad",
    ExitStatus.NO_INPUT: "an input does not exist or cannot be read",
    ExitStatus.CANNOT_CREATE: "an output cannot be created, or another job is writing it",
    ExitStatus.IO: "input or output failed, for example on a full disk",
    ExitStatus.STOPPED: "stopped by a signal after saving; the same line goes on",
    ExitStatus.CONFIG: "the configuration file is wrong",
    ExitStatus.INTERRUPTED: "interrupted before there was anything to save",
    ExitStatus.PIPE: "the reader of the pipe went away",
    ExitStatus.TERMINATED: "terminated before there was anything to save",
}


class MedcliError(Exception):
    """A fault that the user can act on: one line, perhaps a hint, and an exit status.

    Args:
        message: What is wrong, with the value that is; no file name (see `at`).
        where: The file it happened in, as the user knows it.
        hint: What to do about it.
        code: Reason code of a rejected input, such as `decode/truncated`.
    """

    status = ExitStatus.BUG

    def __init__(self, message: str, *, where: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(MedcliError):
    """Options that contradict each other or lack a partner."""

    status = ExitStatus.USAGE


class GateError(MedcliError):
    """A condition that the user set is not met."""

    status = ExitStatus.GATE


class DataError(MedcliError):
    """Content that is damaged, contradictory or outside its domain."""

    status = ExitStatus.DATA


class InputError(MedcliError):
    """An input that is missing or unreadable."""

    status = ExitStatus.NO_INPUT


class OutputError(MedcliError):
    """An output that cannot be created."""

    status = ExitStatus.CANNOT_CREATE


class StorageError(MedcliError):
    """Reading or writing failed half-way: full disk, quota, broken medium."""

    status = ExitStatus.IO


class StoppedError(MedcliError):
    """Work was saved after a signal; running the same line again goes on."""

    status = ExitStatus.STOPPED


class ConfigError(MedcliError):
    """A configuration file that says something impossible."""

    status = ExitStatus.CONFIG


@contextmanager
def at(where: Path | str, *, fix: str = "") -> Iterator[None]:
    """Add the file and the fix to any `MedcliError` raised inside that lacks them."""
    try:
        yield
    except MedcliError as error:
        error.where = error.where or str(where)
        error.hint = error.hint or fix
        raise
