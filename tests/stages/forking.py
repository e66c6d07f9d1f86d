"""Forks in place of fresh interpreters: all is imported once, so that a command takes some milliseconds.

For programs of their own (`python -m tests.stages.X`): only a process with one thread forks well.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import time
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import medcli.images.recipe  # noqa: F401 - imported before the first fork, like the others
from medcli import workers
from medcli.cli.program import build_app
from medcli.formats.image import decode
from medcli.store import growing
from medcli.store.manifest import read_manifest


class Fork:
    """What is used of `subprocess.Popen`."""

    role = ""
    """In a fork, the module whose `serve` it runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status

    def wait(self, timeout: float = 60) -> int:
        """The exit status, once there is one."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("fork", timeout)
            time.sleep(0.0005)
        return status

    def kill(self) -> None:
        """Kill it, if it is still there."""
        if self.poll() is None:
            os.kill(self._pid, signal.SIGKILL)


def fork_interpreter(boot: str) -> tuple[Fork, Connection]:
    """`medcli.workers.start_interpreter`."""
    here, there = Pipe()
    parent = os.getpid()
    if pid := os.fork():
        there.close()
        return Fork(pid), here
    try:
        here.close()
        Fork.role = boot.split()[1]
        importlib.import_module(Fork.role).serve(os.dup(there.fileno()), parent=parent)
    finally:
        os._exit(0)


def use_forks() -> None:
    """From now on workers and the process that writes HDF5 are forks."""
    workers.start_interpreter = growing.start_interpreter = fork_interpreter  # type: ignore[assignment]


def warm_up(manifest: Path) -> None:
    """Import and build, before the first fork, what every run would import and build."""
    decode(next((manifest.parent / "in").glob("*.png")))
    read_manifest(str(manifest))
    build_app(("preprocess", "merge"))
