"""One command after another in forked processes, of which the N-th act of writing kills, or fails.

Counted are all acts that change what lies on the disk: of the command itself creating, writing, fsync,
rename, truncate and unlink; of the process that writes HDF5 every call of h5py that does. Workers write
nothing; how they die is tested elsewhere. A program of its own: `python -m tests.stages.faults FOLDER`.
"""

from __future__ import annotations

import errno
import io
import json
import mmap
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from medcli.cli.program import run_as_process
from tests.stages.forking import Fork, use_forks, warm_up

FAILURES = {"full": errno.ENOSPC, "read-only": errno.EROFS}
_CHANGING = os.O_CREAT | os.O_TRUNC


class Points:
    """Counts acts across forked processes; at the N-th it does what was asked for."""

    def __init__(self, *, kind: str, at: int) -> None:
        self.kind = kind
        self.at = at
        self._shared = mmap.mmap(-1, 8)

    @property
    def count(self) -> int:
        return int.from_bytes(self._shared[:], "little")

    def reach(self, act: str) -> None:
        number = self.count + 1
        self._shared[:] = number.to_bytes(8, "little")
        if self.kind == "kill":
            if number == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
        elif number >= self.at and not (self.kind == "full" and act in {"unlink", "replace"}):
            code = FAILURES[self.kind]
            raise OSError(code, os.strerror(code))

    def patch(self) -> None:
        """Count from now on in this process, and in those that it forks."""
        for name in ("fsync", "replace", "rename", "unlink", "truncate", "ftruncate", "write"):
            setattr(os, name, self._counted(getattr(os, name), name))
        opened, real_open = io.open, os.open

        def creating(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            if flags & _CHANGING:
                self.reach("create")
            return real_open(path, flags, *rest, **named)

        def opening(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if mode != "r+b":
                return opened(file, mode, *rest, **named)
            raw = io.FileIO(file, "r+")
            raw.write = self._counted(raw.write, "write")  # type: ignore[method-assign]
            return io.BufferedRandom(raw)

        os.open = creating
        io.open = opening  # type: ignore[assignment]
        for owner, names in {
            h5py.File: ("__init__", "flush", "close"),
            h5py.Group: ("create_dataset",),
            h5py.Dataset: ("resize", "__setitem__"),
        }.items():
            for name in names:
                setattr(owner, name, self._counted(getattr(owner, name), "hdf5", only_child=True))

    def _counted(
        self, function: Callable[..., Any], act: str, *, only_child: bool = False
    ) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            # The command itself only reads HDF5.
            if Fork.role == "medcli.store.growing" or not only_child:
                self.reach(act)
            return function(*arguments, **named)

        return call


def run(line: list[str], folder: Path, points: Points | None = None) -> tuple[int, str]:
    """Exit status (negative for a signal) and standard error of one command in a fork."""
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), (folder.parent / "stderr").read_text()
    code = 1
    try:
        os.chdir(folder)
        stderr = os.open(folder.parent / "stderr", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(stderr, 2)
        use_forks()
        if points:
            points.patch()
        code = run_as_process(line)
    except BaseException:  # noqa: BLE001 - a fork must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(code)


def look(folder: Path) -> dict[str, bytes]:
    """All files of a folder, also the hidden ones."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def restore(folder: Path, files: dict[str, bytes]) -> None:
    """Make the folder hold just these files."""
    for path in folder.iterdir():
        if path.is_file() and path.name not in files:
            path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _state(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files as the next run sees them: temporary ones by name alone, since none reads them."""
    return {
        re.sub(r"-\d+", "", name): b"" if name.startswith(".") else content for name, content in files.items()
    }


def try_all(line: list[str], folder: Path, *, kind: str, outputs: set[str]) -> dict[str, Any]:
    """Every point of one command, from the files that the folder holds now.

    After a fault each output has the bytes that it had or those of a whole run; the same line then gives
    those of a whole run, and leaves nothing else (tried once for each set of files that faults left).
    """
    before = look(folder)
    status, said = run(line, folder)
    assert status in {0, 3}, said
    whole = look(folder)
    assert whole.keys() == before.keys() | outputs
    statuses: dict[int, int] = {}
    seen = [_state(before)]
    at = 0
    while True:
        at += 1
        restore(folder, before)
        points = Points(kind=kind, at=at)
        found, said = run(line, folder, points)
        statuses[found] = statuses.get(found, 0) + 1
        assert "Traceback" not in said, (at, said)
        after = look(folder)
        for name, content in after.items():
            if not name.startswith("."):
                assert content in {before.get(name), whole.get(name)}, (at, name)
        if kind != "kill" and found != status:
            assert found in {73, 74}, (at, found, said)
            assert kind == "read-only" or after.keys() <= whole.keys(), (at, after.keys())
        if (state := _state(after)) not in seen:
            seen.append(state)
            assert run(line, folder)[0] == status, (kind, at)
            assert look(folder) == whole, (kind, at)
        if points.count < at or kind == "read-only":
            return {"points": at, "statuses": statuses}


def main(folder: Path) -> None:
    """Print, as JSON, the points of `preprocess` and `merge` and how the runs ended."""
    warm_up(folder / "in" / "cohort.json")
    os.environ["XDG_CONFIG_HOME"] = str(folder)
    results = {}
    plain = ["preprocess", "-q", "-j", "1", "--size", "16", "in/cohort.json", "out.h5", "-o", "out.json"]
    for number in (1, 2):
        name = f"part-{number}"
        part = [*plain[:6], "--part", f"{number}/2", "in/cohort.json", f"{name}.h5", "-o", f"{name}.json"]
        assert run(part, folder)[0] in {0, 3}
    joining = ["merge", "-q", "out.h5", "part-1.json", "part-2.json", "-o", "out.json"]
    parts = look(folder)
    for kind in ("kill", *FAILURES):
        for line in (plain,) if kind == "full" else (plain, joining):  # both write by the same means
            restore(folder, parts)
            if kind == "kill":  # in place of an earlier result
                assert run([*plain, "--clahe"], folder)[0] in {0, 3}
            results[f"{kind} {line[0]}"] = try_all(line, folder, kind=kind, outputs={"out.h5", "out.json"})
    print(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
