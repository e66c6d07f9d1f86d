"""Say which files are damaged: every byte of ours is covered by a checksum, a digest or both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from medcli.config import CheckConfig
from medcli.errors import InputError, MedcliError
from medcli.store.manifest import Manifest, read_manifest
from medcli.store.references import verify
from medcli.store.results_schema import is_results, read_results


class Fault(NamedTuple):
    """A file that is not whole, and why."""

    path: str
    reason: str


def run(config: CheckConfig) -> list[Fault]:
    """Check files and, for a manifest, all that it names; an empty list means all is well.

    Raises:
        InputError: If a file does not exist.
    """
    faults: dict[str, Fault] = {}
    for name in config.files:
        if name != "-" and not Path(name).is_file():
            raise InputError("no such file", where=name)
        for fault in _faults_of(name):
            faults.setdefault(fault.path, fault)
    return list(faults.values())


def _faults_of(name: str) -> Iterator[Fault]:
    try:
        manifest = _open(name)
    except MedcliError as error:
        yield Fault(name, error.message)
        return
    for ref in manifest.references() if manifest else []:
        try:
            _read_whole(verify(ref))
        except MedcliError as error:
            yield Fault(error.where or ref["path"], error.message)


def _open(name: str) -> Manifest | None:
    """A manifest, or None after a file of another kind was read in full."""
    if name == "-":
        return read_manifest(name)
    path = Path(name)
    if _read_whole(path):
        return None
    if is_results(path):
        read_results(path)
        return None
    return read_manifest(name)


def _read_whole(path: Path) -> bool:
    """Read every array and record of an HDF5 or safetensors file; False for any other kind."""
    from medcli.store.kinds import Kind, kind_of

    kind = kind_of(path)
    if kind is Kind.hdf5:
        from medcli.store.hdf5 import read_whole

        read_whole(path)
    elif kind is Kind.safetensors:
        from medcli.store.weights import check_safetensors

        check_safetensors(path)
    else:
        return False
    return True
