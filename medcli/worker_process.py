"""The inside of a worker process: limits first, then one item after another until the pipe closes."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from medcli import signals
from medcli.errors import DataError, MedcliError

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def serve(fd: int, *, parent: int) -> None:
    """Answer `(value, error)` to every item that comes through the socket `fd`; return when it closes."""
    signals.ignore_in_worker()
    die_with(parent)
    connection = Connection(fd)
    try:
        # Unpickling the function imports its module, and with it the libraries that it uses.
        function = connection.recv()
        imported = _data_bytes()
        _be_quiet()
        connection.send((None, None))
        while True:
            item, memory_bytes = connection.recv()
            _limit(imported + memory_bytes)
            connection.send(_attempt(function, item))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _attempt(function: Callable[[Any], Any], item: Any) -> tuple[Any, MedcliError | None]:
    try:
        return function(item), None
    except MedcliError as error:
        return None, error
    except MemoryError:
        return None, DataError("needs more memory than a worker may use", code="worker/memory")
    except Exception as error:  # noqa: BLE001 - a decoder may raise anything, and it costs this item only
        crash = DataError(f"the program that read it failed: {type(error).__name__}", code="worker/crashed")
        # Frames without the message: they show where, and cannot quote what was in the file.
        crash.add_note("".join(traceback.format_tb(error.__traceback__)))
        return None, crash


def die_with(parent: int) -> None:
    """Leave no orphan when the parent is killed (prctl(2), PR_SET_PDEATHSIG; Linux only)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _limit(data_bytes: int) -> None:
    """Bound private memory.

    RLIMIT_DATA and not RLIMIT_AS: numpy and numba reserve address space that they never touch.
    """
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard == resource.RLIM_INFINITY or data_bytes < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, hard))


def _be_quiet() -> None:
    """Write no core files, and nothing to standard error."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Native decoders write warnings straight to standard error, with the names of files in them.
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)
    os.close(quiet)


def _data_bytes() -> int:
    """Private writable memory mapped so far (proc(5), VmData); 0 where there is no /proc."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            fields = dict(line.split(":", 1) for line in file if ":" in line)
        return int(fields["VmData"].split()[0]) << 10
    except (OSError, KeyError, ValueError):
        return 0
