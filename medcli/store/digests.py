"""SHA-256 of bytes, files and JSON values, and seeds derived from it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from medcli.errors import InputError


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, read in one pass with flat memory."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", where=str(path)) from error


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no spaces, UTF-8, NaN refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_json(value: Any) -> str:
    """SHA-256 of a JSON value's canonical spelling."""
    return sha256_bytes(canonical_json(value).encode())


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed that is a pure function of its parts."""
    digest = hashlib.sha256(canonical_json(list(parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
