"""Models and checkpoints as safetensors, with a JSON header under the metadata key `medcli`.

The format has no checksum of its own: the metadata key `medcli_sha256` holds one of all the rest of the file.
"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.errors import DataError, InputError
from medcli.store.atomic import write_bytes
from medcli.store.digests import canonical_json
from medcli.store.references import Reference, reference

if TYPE_CHECKING:
    import torch

_MAX_HEADER = 100_000_000
_DIGEST = "medcli_sha256"


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> Reference:
    """Write tensors and a JSON header atomically and return a reference."""
    from safetensors.torch import save

    plain = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, sort_keys=True)
    head, body = _split(save(plain, metadata={"medcli": text}))
    head["__metadata__"][_DIGEST] = _digest(head, body)
    encoded = canonical_json(head).encode()
    encoded += b" " * (-len(encoded) % 8)
    return reference(path, write_bytes(path, struct.pack("<Q", len(encoded)) + encoded + body))


def _split(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON that names the tensors and holds the metadata, and the tensors."""
    size = struct.unpack_from("<Q", data)[0]
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def _digest(head: dict[str, Any], body: bytes) -> str:
    metadata = {key: value for key, value in head["__metadata__"].items() if key != _DIGEST}
    digest = hashlib.sha256(canonical_json({**head, "__metadata__": metadata}).encode())
    digest.update(body)
    return digest.hexdigest()


def _refuse_damage(data: bytes) -> None:
    """Compare a file with the digest in it; those from elsewhere have none."""
    head, body = _split(data)
    metadata = head.get("__metadata__") or {}
    if _DIGEST in metadata and metadata[_DIGEST] != _digest(head, body):
        raise ValueError("its content is not what was written")


def read_metadata(path: Path) -> dict[str, str]:
    """The free metadata of any safetensors file, read without touching the weights."""
    try:
        with path.open("rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            if size > min(_MAX_HEADER, path.stat().st_size):
                raise ValueError("header longer than the file")
            return json.loads(file.read(size)).get("__metadata__") or {}
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(path)) from error
    except OSError as error:
        raise InputError((error.strerror or "cannot be read").lower(), where=str(path)) from error
    except (struct.error, ValueError, AttributeError) as error:
        raise DataError("it is not a whole safetensors file", where=str(path)) from error


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header of a model or checkpoint of ours."""
    text = read_metadata(path).get("medcli")
    if text is None:
        raise DataError("it is a safetensors file, but not one of medcli", where=str(path))
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError("its header is damaged", where=str(path)) from error


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a safetensors file, on the CPU."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = path.read_bytes()
        tensors = load(data)
        _refuse_damage(data)
        return tensors
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(path)) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError("it is not a whole safetensors file", where=str(path)) from error


def check_safetensors(path: Path) -> None:
    """Refuse a file whose tensors do not fill it exactly, or have not the digest it states; needs no torch.

    Raises:
        DataError: If it is cut or damaged.
    """
    from safetensors import SafetensorError, safe_open

    read_metadata(path)
    try:
        with safe_open(path, framework="numpy") as file:
            file.keys()
        _refuse_damage(path.read_bytes())
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError("it is not a whole safetensors file", where=str(path)) from error
