"""Shards: preprocessed images and their records in one self-contained HDF5 file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from medcli.errors import DataError
from medcli.store.digests import sha256_file
from medcli.store.growing import GrowingFile
from medcli.store.hdf5 import open_hdf5, read_array, read_header, read_records
from medcli.store.references import Reference, existing, reference, verify

SHARD_VERSION = "shard/1"
DTYPES = ("uint8", "uint16", "float16")
"""Of images: black is 0 and white 255, 65535 or 1; float16 may also hold scores around 0."""


class ShardWriter:
    """Write images as they come; the shard appears under its name when `finish` returns.

    Args:
        path: Final name.
        shape: Height, width, channels of every image.
        header: task, recipe and history; version and shape are added.
        with_masks: Whether a label map goes with each image (all zero where a record has none).
        dtype: Of the images: `uint8`, `uint16` or `float16`.
    """

    def __init__(
        self,
        path: Path,
        *,
        shape: tuple[int, int, int],
        header: dict[str, Any],
        with_masks: bool,
        dtype: str = "uint8",
    ) -> None:
        assert dtype in DTYPES, dtype
        self._header = {"medcli": SHARD_VERSION, "shape": list(shape), **header}
        self._mask_shape = shape[:2] if with_masks else None
        layout = {"images": (shape, dtype)}
        if with_masks:
            layout["masks"] = (shape[:2], "uint8")  # type: ignore[assignment]
        self._file = GrowingFile(path, layout)  # type: ignore[arg-type]

    def __enter__(self) -> ShardWriter:
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def append(self, pixels: np.ndarray, record: dict[str, Any], mask: np.ndarray | None = None) -> None:
        """Add one image, [height, width, channels], and its label map, uint8 [height, width]."""
        rows = {"images": pixels}
        if self._mask_shape:
            rows["masks"] = np.zeros(self._mask_shape, np.uint8) if mask is None else mask
        self._file.append(record, **rows)

    def finish(self, rejected: Sequence[dict[str, Any]] = (), **facts: Any) -> Reference:
        """Complete the shard and return its reference with `num_images` and `num_rejected`.

        Args:
            rejected: What could not be used; it goes into the header.
            **facts: More for the header.
        """
        ref = self._file.finish({**self._header, "rejected": list(rejected), **facts})
        return {**ref, "num_rejected": len(rejected)}


def shard_reference(path: Path, *, num_images: int, num_rejected: int) -> Reference:
    """The reference to a shard that is there."""
    return reference(path, sha256_file(path), num_images=num_images, num_rejected=num_rejected)


class ShardReader:
    """Images and records of several shards as one sequence; files open lazily, once per process.

    Raises:
        InputError: If a shard is missing.
        DataError: If one is damaged, or they disagree on task, recipe or shape.
    """

    def __init__(self, references: list[Reference], *, verify: bool = True) -> None:
        self.records: list[dict[str, Any]] = []
        self._paths: list[str] = []
        self._starts: list[int] = [0]
        self._files: dict[str, h5py.File] = {}
        self.header: dict[str, Any] = {}
        for ref in references:
            self._add(ref, check=verify)
        self._position = {record["id"]: i for i, record in enumerate(self.records)}
        if len(self._position) < len(self.records):
            raise DataError("a record is in the shards twice", where=self._paths[0])

    def _add(self, ref: Reference, *, check: bool) -> None:
        path = verify(ref) if check else existing(ref)
        with open_hdf5(path) as file:
            header = read_header(file, version=SHARD_VERSION)
            records = read_records(file, header)
            if "images" not in file or len(file["images"]) != len(records):
                raise DataError("images and records differ in number", where=str(path))
            if str(file["images"].dtype) not in DTYPES:
                raise DataError(f"its images are {file['images'].dtype}", where=str(path))
        for key in ("task", "recipe", "shape"):
            if self.header and header.get(key) != self.header.get(key):
                raise DataError(f"its {key} differs from that of {self._paths[0]}", where=str(path))
        self.header = self.header or header
        self.records += records
        self._paths.append(str(path))
        self._starts.append(len(self.records))

    def __len__(self) -> int:
        return len(self.records)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_files": {}}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.header["shape"]
        return height, width, channels

    def image(self, index: int) -> np.ndarray:
        """Image at `index`, [height, width, channels] in the type that the shard has."""
        file, row = self._locate(index)
        return read_array(file, "images", rows=row)

    def mask(self, index: int) -> np.ndarray | None:
        """Label map at `index`, uint8 [height, width] (k is the k-th class), or None where none is known."""
        file, row = self._locate(index)
        if "masks" not in file or not self.records[index].get("has_mask"):
            return None
        return read_array(file, "masks", rows=row)

    def indices_of(self, ids: Iterable[str]) -> list[int]:
        """Positions of records by id.

        Raises:
            DataError: If an id is in no shard.
        """
        wanted = list(ids)
        missing = [i for i in wanted if i not in self._position]
        if missing:
            raise DataError(
                f"{len(missing)} records of the manifest are in no shard, the first is {missing[0]}",
                where=self._paths[0] if self._paths else "",
                hint="use the shards that the splits were made from",
            )
        return [self._position[i] for i in wanted]

    def _locate(self, index: int) -> tuple[h5py.File, int]:
        which = int(np.searchsorted(self._starts, index, side="right")) - 1
        path = self._paths[which]
        if path not in self._files:
            self._files[path] = open_hdf5(Path(path))
        return self._files[path], index - self._starts[which]
