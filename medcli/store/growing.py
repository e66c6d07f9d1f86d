"""An HDF5 file that grows image by image, written by a child process under a temporary name.

HDF5 may take its process down when a disk fills up. In a child that is one clear error, and the file never
has its final name before it is whole.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from medcli.errors import StorageError
from medcli.signals import ignore_in_worker
from medcli.store.atomic import locked, replacing
from medcli.store.digests import sha256_file
from medcli.store.references import Reference, reference
from medcli.worker_process import die_with
from medcli.workers import start_interpreter

_BOOT = "from medcli.store.growing import serve; serve({fd}, parent={parent})"

Layout = dict[str, tuple[tuple[int, ...], str]]


class GrowingFile:
    """Write rows of several datasets and their records; the file appears when `finish` returns.

    Args:
        path: Final name.
        layout: Dataset name to (shape of one row, dtype); one row is one chunk, checked by Fletcher's sum.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path = path
        self._layout = layout
        self._records: list[dict[str, Any]] = []
        self._cleanup = ExitStack()
        self._is_finished = False

    def __enter__(self) -> GrowingFile:
        self._cleanup.enter_context(locked(self._path))
        self._temporary = self._cleanup.enter_context(replacing(self._path))
        self._child, self._pipe = start_interpreter(_BOOT)
        self._cleanup.callback(self._stop_child)
        with suppress(OSError):  # a dead child is met at the first row
            self._pipe.send((str(self._temporary), self._layout))
        return self

    def append(self, record: dict[str, Any], **rows: np.ndarray) -> None:
        """Add one row to every dataset, and its record."""
        for name, (shape, dtype) in self._layout.items():
            row = np.ascontiguousarray(rows[name], dtype=dtype)
            assert row.shape == tuple(shape), (name, row.shape, shape)
            self._send(row.tobytes())
        self._records.append(record)

    def finish(self, header: dict[str, Any]) -> Reference:
        """Complete the file, give it its name, and return a reference to it."""
        self._send(b"")
        with suppress(OSError):  # a dead child has said why
            self._pipe.send((header, self._records))
        self._answer()
        self._child.wait()
        digest = sha256_file(self._temporary)
        self._is_finished = True
        self._cleanup.close()
        return reference(self._path, digest, num_images=len(self._records))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._is_finished:
            error = AssertionError("finish was not called")
        self._cleanup.__exit__(type(error) if error else None, error, trace)

    def _send(self, data: bytes) -> None:
        try:
            self._pipe.send_bytes(data)
        except OSError:
            self._answer()

    def _answer(self) -> None:
        try:
            fault = self._pipe.recv()
        except (EOFError, OSError):
            fault = "the writing process died"
        if fault:
            free = shutil.disk_usage(self._path.parent).free
            hint = f"{free:,} bytes are free there"
            raise StorageError(f"cannot be written: {fault}", where=str(self._path), hint=hint)

    def _stop_child(self) -> None:
        with suppress(OSError):
            self._pipe.close()
        self._child.kill()
        self._child.wait()


def serve(fd: int, *, parent: int) -> None:
    """The child: rows from the socket `fd` into the file, then the header, then an empty answer."""
    ignore_in_worker()
    die_with(parent)  # else it might make the file again after another job swept it away
    pipe = Connection(fd)
    try:
        path, layout = pipe.recv()
        _write(path, layout, pipe)
    except EOFError:
        os._exit(1)


def _write(path: str, layout: Layout, pipe: Connection) -> None:
    import h5py

    from medcli.store.hdf5 import FORMAT, write_header_and_records

    try:
        file = h5py.File(path, "w", libver=FORMAT, locking=False)
        datasets = _make_datasets(file, layout)
        _write_rows(datasets, pipe)
        file.flush()
        header, records = pipe.recv()
        write_header_and_records(file, header, records)
        file.flush()
        del datasets
        file.close()
        pipe.send("")
    except (OSError, RuntimeError) as error:
        # Closing a file or letting go of a dataset that cannot be written crashes or is ignored by h5py: so
        # no `with` above, and everything is flushed, which raises, while it is still held.
        with suppress(OSError):
            pipe.send(_words(error))
        os._exit(1)


def _make_datasets(file: Any, layout: Layout) -> list[Any]:
    return [
        file.create_dataset(
            name,
            shape=(0, *shape),
            maxshape=(None, *shape),
            chunks=(1, *shape),
            dtype=dtype,
            fletcher32=True,
        )
        for name, (shape, dtype) in layout.items()
    ]


def _write_rows(datasets: list[Any], pipe: Connection) -> None:
    count = 0
    while data := pipe.recv_bytes():
        for i, dataset in enumerate(datasets):
            raw = data if i == 0 else pipe.recv_bytes()
            dataset.resize(count + 1, axis=0)
            dataset[count] = np.frombuffer(raw, dtype=dataset.dtype).reshape(dataset.shape[1:])
        count += 1


def _words(error: BaseException) -> str:
    text = str(error)
    return "no space left on device" if "errno = 28" in text or "No space left" in text else text[:200]
