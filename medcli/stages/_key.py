"""The secret key of patient hashes: where it lies, and how it comes to be."""

from __future__ import annotations

import os
import secrets
import string
from contextlib import suppress
from pathlib import Path

from medcli.errors import DataError, InputError, MedcliError, OutputError, at
from medcli.progress import SILENT, Progress

KEY_BYTES = 32
_FIX = "give --key-file FILE in a folder that you can write"


def load_key(key_file: Path | None, *, progress: Progress = SILENT) -> bytes:
    """The key in `key_file`, or in the user's configuration folder; made on first use with mode 0600.

    Two jobs that make it at the same moment get the same key.

    Raises:
        OutputError: If it cannot be made.
        InputError: If it cannot be read.
        DataError: If it is not a key.
    """
    with at(key_file or "patient.key", fix=_FIX):
        path = key_file or default_key_file()
        if not path.exists():
            _create(path)
            progress.note(
                f"made the key of patient hashes: {path}; keep it secret, and away from the outputs"
            )
        return _read(path)


def default_key_file() -> Path:
    """`$XDG_CONFIG_HOME/medcli/patient.key`, by default below `~/.config`."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(configured):
        return Path(configured) / "medcli" / "patient.key"
    try:
        return Path.home() / ".config" / "medcli" / "patient.key"
    except RuntimeError as error:
        raise OutputError("there is no home folder for the key of patient hashes") from error


def _create(path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
    except OSError as error:
        raise OutputError(
            f"cannot make the key of patient hashes: {error.strerror}", where=str(path)
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _read(path: Path) -> bytes:
    try:
        text = path.read_bytes()[:4096].decode("ascii", "replace").strip()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(text) < 2 * KEY_BYTES or not set(text) <= set(string.hexdigits):
        raise _bad_key(path)
    return bytes.fromhex(text)


def _bad_key(path: Path) -> MedcliError:
    return DataError(
        f"it is no key: {2 * KEY_BYTES} hexadecimal digits were expected",
        where=str(path),
        hint="choose another file",
    )
