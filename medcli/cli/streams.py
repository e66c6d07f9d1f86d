"""Standard streams: results on stdout and nothing else, words on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class _Result:
    descriptor: int | None = None


@contextmanager
def stdout_set_aside() -> Iterator[None]:
    """Keep the real stdout for results: whatever a library prints goes to stderr meanwhile."""
    try:
        real = os.dup(1)
    except OSError:  # started with stdout closed
        yield
        return
    with suppress(OSError):
        os.dup2(2, 1)
    _Result.descriptor = real
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os.dup2(real, 1)
        os.close(real)
        _Result.descriptor = None


def write_result(data: bytes) -> None:
    """Write to the real stdout, all of it.

    Raises:
        BrokenPipeError: If the reader went away.
        OSError: If it cannot be written, for example because stdout is closed or a disk is full.
    """
    descriptor = 1 if _Result.descriptor is None else _Result.descriptor
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def result_is_terminal() -> bool:
    """Whether results go to a person."""
    try:
        return os.isatty(1 if _Result.descriptor is None else _Result.descriptor)
    except OSError:
        return False


def say(text: str) -> None:
    """One line of words on stderr, with control characters escaped; a closed stderr is nobody listening."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()


def printable(text: str) -> str:
    """Text in which a file name cannot forge a line or steer a terminal."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def swallow_late_errors() -> None:
    """Point stdout and stderr nowhere, so that the interpreter's last flush cannot fail aloud."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            with suppress(OSError, ValueError):
                os.dup2(nowhere, descriptor)
