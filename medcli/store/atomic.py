"""Outputs that appear whole or not at all: write beside, fsync, rename, fsync the folder."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from medcli.errors import MedcliError, OutputError, StorageError, UsageError
from medcli.store.digests import sha256_bytes

_CANNOT_CREATE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
}
_DEVICES = {Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd")}
_TEMPORARY = re.compile(r"^\.(?P<name>.+)\.(?P<host>[0-9a-f]{8})-(?P<pid>\d+)\.medcli-tmp$")


def write_bytes(path: Path, data: bytes, *, mode: int = 0o644) -> str:
    """Write a whole file atomically and return its SHA-256.

    Raises:
        OutputError: If the file cannot be created.
        StorageError: If writing fails half-way; nothing is left under the final name.
    """
    with (
        replacing(path, mode=mode) as temporary,
        storage_errors(path, needed=len(data)),
        temporary.open("r+b") as file,
    ):
        file.write(data)
    return sha256_bytes(data)


@contextmanager
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary file beside `path`; on success it takes the name, on failure it vanishes."""
    _refuse_special(path)
    sweep(path.parent)
    temporary = path.with_name(f".{path.name}.{_host()}-{os.getpid()}.medcli-tmp")
    with storage_errors(path):
        with suppress(FileNotFoundError):
            temporary.unlink()
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    try:
        yield temporary
        with storage_errors(path):
            _fsync(temporary)
            os.replace(temporary, path)
            _fsync(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the exclusive right to write `path`; the kernel gives it back when the process dies.

    Raises:
        OutputError: At once, if another job holds it.
    """
    lock = path.with_name(f".{path.name}.lock")
    handle = _acquire(path, lock)
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()
        os.close(handle)


def _acquire(path: Path, lock: Path) -> int:
    while True:
        with storage_errors(path):
            handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise OutputError(
                "another job is writing it", where=str(path), hint="wait for it, or write to another path"
            ) from error
        # The former holder may have removed the file between our open and our lock: then it guards nothing.
        with suppress(FileNotFoundError):
            if os.stat(lock).st_ino == os.fstat(handle).st_ino:
                return handle
        os.close(handle)


def prepare_folder(path: Path) -> None:
    """Make a folder if it is missing and make sure that files can be created in it."""
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    check_creatable(path / "anything")


def check_creatable(*paths: Path | None) -> None:
    """Refuse, before hours of work, outputs that could not be written afterwards; None is no output."""
    for path in filter(None, paths):
        if path.is_dir():
            raise OutputError("it is a folder, a file is needed", where=str(path))
        _refuse_special(path)
        with storage_errors(path):
            probe = path.with_name(f".{path.name[:200]}.{_host()}-{os.getpid()}.medcli-tmp")
            # In a container a killed run and the next often have the same number.
            probe.unlink(missing_ok=True)
            os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            probe.unlink()


def check_apart(outputs: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Refuse an output that would replace an input; None is none.

    Raises:
        UsageError: Naming the output.
    """
    taken = {path.resolve() for path in inputs if path is not None}
    for path in filter(None, outputs):
        if path.resolve() in taken:
            raise UsageError(
                "it is an input, and the output would replace it",
                where=str(path),
                hint="give the output another name",
            )


def _refuse_special(path: Path) -> None:
    """Refuse to take the place of a device, a pipe or a socket: the new file would replace it."""
    is_odd = path.exists() and not (path.is_file() or path.is_dir())
    # /dev/stdout is a link: a file renamed to it would take its place, whatever it leads to.
    if is_odd or path.absolute().parent in _DEVICES:
        raise OutputError(
            "it is a device or a pipe, which a file would replace",
            where=str(path),
            hint="name a file, or leave out -o to write to standard output",
        )


def sweep(folder: Path) -> None:
    """Remove temporary files in `folder` whose process on this host is dead."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            match = _TEMPORARY.match(entry.name)
            if match and match["host"] == _host() and not _is_alive(int(match["pid"])):
                with suppress(OSError):
                    os.unlink(entry.path)


@contextmanager
def storage_errors(path: Path, *, needed: int = 0) -> Iterator[None]:
    """Turn an `OSError` into the error, exit status and words that a user can act on."""
    try:
        yield
    except MedcliError:
        raise
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        if error.errno == errno.ENOENT:
            raise OutputError(
                "its folder does not exist", where=str(path), hint=f"mkdir -p {path.parent}"
            ) from error
        if error.errno in _CANNOT_CREATE:
            raise OutputError(f"cannot be created: {words}", where=str(path)) from error
        size = f" ({needed:,} bytes needed)" if needed else ""
        raise StorageError(f"cannot be written: {words}{size}", where=str(path)) from error


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _host() -> str:
    return sha256_bytes(socket.gethostname().encode())[:8]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
