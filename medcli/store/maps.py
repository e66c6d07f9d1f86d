"""Attribution maps: one float16 image a class for each explained record, in one HDF5 file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from medcli.store.growing import GrowingFile
from medcli.store.hdf5 import open_hdf5, read_array, read_header, read_records
from medcli.store.references import Reference, verify

MAPS_VERSION = "maps/1"


class MapsWriter:
    """Write the maps of one image after the other; memory is flat.

    Args:
        path: Final name.
        shape: Classes, height, width of each image's maps.
        header: task, method, model digest, history; version and shape are added.
    """

    def __init__(self, path: Path, *, shape: tuple[int, int, int], header: dict[str, Any]) -> None:
        self._header = {"medcli": MAPS_VERSION, "shape": list(shape), **header}
        self._file = GrowingFile(path, {"maps": (shape, "float16")})

    def __enter__(self) -> MapsWriter:
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def append(self, maps: np.ndarray, record: dict[str, Any]) -> None:
        """Add the maps of one image, [classes, height, width] in [0, 1]."""
        self._file.append(record, maps=maps)

    def finish(self) -> Reference:
        """Complete the file and return its reference with `num_images`."""
        return self._file.finish(self._header)


@dataclass
class Maps:
    """Maps of a set of images: float16 [images, classes, height, width] in [0, 1], and their records."""

    maps: np.ndarray
    records: list[dict[str, Any]]
    header: dict[str, Any]


def read_maps(source: Path | Reference) -> Maps:
    """Read all maps of a file or, with its digest checked, of a reference."""
    path = verify(source) if isinstance(source, dict) else source
    with open_hdf5(path) as file:
        header = read_header(file, version=MAPS_VERSION)
        return Maps(maps=read_array(file, "maps"), records=read_records(file, header), header=header)
