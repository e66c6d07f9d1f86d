"""The folder of a training: which run it belongs to, its checkpoint, and whether it is finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from medcli.errors import DataError, InputError
from medcli.models.checkpoint import CHECKPOINT_VERSION, TrainingState, pack, unpack
from medcli.store.atomic import write_bytes
from medcli.store.digests import canonical_json, sha256_file
from medcli.store.references import Reference, reference
from medcli.store.weights import read_header, read_tensors, write_safetensors

RUN_VERSION = "run/1"
_FRESH = "another run folder, or --fresh to train again from the beginning"


class RunFolder:
    """Files of one training, bound to what decides its result.

    Args:
        folder: Exists already.
        identity: Options and digests of inputs; a run of another identity is refused, never overwritten.
    """

    def __init__(self, folder: Path, *, identity: dict[str, Any]) -> None:
        self.folder = folder
        self.identity = identity

    def path(self, name: str) -> Path:
        """A file of the run."""
        return self.folder / name

    @property
    def _checkpoint(self) -> Path:
        return self.path("last.checkpoint.safetensors")

    @property
    def _summary(self) -> Path:
        return self.path("run.json")

    def clear(self) -> None:
        """Forget what is there, so that training starts from the beginning."""
        for path in (self._checkpoint, self._summary):
            path.unlink(missing_ok=True)

    def finished(self) -> dict[str, Reference] | None:
        """References to the outputs when this very run is finished, by name; None when it is not.

        Raises:
            DataError: If the folder holds a run of another identity, or an output of this one is damaged.
        """
        if not self._summary.exists():
            return None
        try:
            summary = json.loads(self._summary.read_bytes())
            version, identity, outputs = summary["medcli"], summary["identity"], summary["outputs"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError("it is damaged", where=str(self._summary), hint=_FRESH) from error
        if version != RUN_VERSION:
            raise DataError(f"it is {version!r}, {RUN_VERSION!r} was expected", where=str(self._summary))
        self._refuse_other(identity, what="a finished run")
        found = {}
        for name, facts in outputs.items():
            path = self.path(name)
            if not path.is_file() or sha256_file(path) != facts["sha256"]:
                raise DataError("it is not what this run wrote", where=str(path), hint=_FRESH)
            found[name] = reference(path, **facts)
        return found

    def finish(self, outputs: dict[str, Reference]) -> None:
        """Record the outputs, then drop the checkpoint: from now on the run counts as finished."""
        facts = {name: {k: v for k, v in ref.items() if k != "path"} for name, ref in outputs.items()}
        summary = {"medcli": RUN_VERSION, "identity": self.identity, "outputs": facts}
        write_bytes(self._summary, canonical_json(summary).encode() + b"\n")
        self._checkpoint.unlink(missing_ok=True)

    def save(self, network: nn.Module, optimiser: Optimizer, state: TrainingState) -> None:
        """Write the checkpoint, and the log for those who watch."""
        tensors, header = pack(network, optimiser, state, identity=self.identity)
        write_safetensors(self._checkpoint, tensors, header)
        write_bytes(self.path("log.jsonl"), log_lines(state.log))

    def resume(self, network: nn.Module, optimiser: Optimizer) -> TrainingState:
        """The state to go on from: that of the checkpoint, or a new one where there is none.

        Raises:
            DataError: If the checkpoint is damaged or of another identity.
        """
        if not self._checkpoint.exists():
            return TrainingState()
        try:
            header = read_header(self._checkpoint)
            if header.get("medcli") != CHECKPOINT_VERSION:
                raise DataError(f"it is not a {CHECKPOINT_VERSION}", where=str(self._checkpoint))
            self._refuse_other(header["identity"], what="an unfinished run")
            tensors = read_tensors(self._checkpoint)
            return unpack(tensors, header, network=network, optimiser=optimiser)
        except (DataError, InputError) as error:
            error.where = error.where or str(self._checkpoint)
            error.hint = error.hint or _FRESH
            raise

    def _refuse_other(self, identity: dict[str, Any], *, what: str) -> None:
        ours, theirs = _flatten(self.identity), _flatten(identity)
        differing = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        if differing:
            words = [f"{k} was {_short(theirs.get(k))}, is {_short(ours.get(k))}" for k in differing[:4]]
            more = f" and {len(differing) - 4} more" if len(differing) > 4 else ""
            raise DataError(
                f"it holds {what} of other options: {'; '.join(words)}{more}",
                where=str(self.folder),
                hint=_FRESH,
            )


def log_lines(log: list[dict[str, Any]]) -> bytes:
    """The log as one JSON object a line."""
    return b"".join(canonical_json(entry).encode() + b"\n" for entry in log)


def _flatten(identity: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in identity.items():
        if isinstance(value, dict):
            flat |= {f"{key} {inner}" if key != "options" else inner: v for inner, v in value.items()}
        else:
            flat[key] = value
    return flat


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 else text[:12] + "…"
