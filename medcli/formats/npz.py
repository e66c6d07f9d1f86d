"""NPZ archives of numpy: the only array of a file is an image, or an item of a named array is; no pickle.

Reference: NumPy Enhancement Proposal 1, the .npy format.
"""

from __future__ import annotations

import functools
import io
import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from medcli.formats.codes import DECODER_FAULTS, reject
from medcli.formats.source import MAX_BYTES, SourceHeader, SourceImage

_FAULTS: tuple[type[BaseException], ...] = (*DECODER_FAULTS, zipfile.BadZipFile)
_KINDS = "uif"


def scan_bytes(content: bytes, *, kind: str) -> SourceHeader:
    """The format, once there is one array and its header announces an image."""
    with _opened(io.BytesIO(content), None) as file:
        _read_header(file)
    return SourceHeader(kind)


def decode_bytes(content: bytes, *, kind: str) -> SourceImage:
    """The only array of an archive: [height, width], with 3 or 4 channels last, or a volume."""
    with _opened(io.BytesIO(content), None) as file:
        return _image(_read_array(file))


def read_member(path: Path, member: str) -> np.ndarray:
    """A whole array, once its header is known to announce numbers of an acceptable size.

    Raises:
        DataError: If the archive or the array is damaged, missing, too large, or no plain numbers.
    """
    with _opened(path, member) as file:
        return _read_array(file)


def decode_item(path: Path, member: str, index: int) -> SourceImage:
    """One item of an array: [height, width], with 3 channels last, or a volume [slices, height, width].

    The array may be larger than memory: only the item is held.
    """
    stat = path.stat()
    return _image(_cached(str(path), member, stat.st_mtime_ns, stat.st_size).item(index))


class _Items:
    """An array that is inflated as far as the items that are asked for; nearly free in their order."""

    def __init__(self, path: Path, member: str) -> None:
        self._file = _opened(path, member)
        self._shape, self._is_fortran, self._dtype = _read_header(self._file, whole=False)
        self._start = self._file.tell()

    def item(self, index: int) -> np.ndarray:
        num_items, *shape = self._shape
        if not 0 <= index < num_items:
            raise reject("decode/bad-header", f"the array has {num_items} items, not {index + 1}")
        if self._is_fortran:
            raise reject("decode/unsupported-syntax", "the array is stored with its items interleaved")
        size = math.prod(shape) * self._dtype.itemsize
        try:
            self._file.seek(self._start + index * size)
            content = self._file.read(size)
        except _FAULTS as error:
            raise reject("decode/corrupt", "the array is damaged") from error
        if len(content) < size:
            raise reject("decode/truncated", "the array ends before its shape says")
        return np.frombuffer(content, self._dtype).reshape(shape)


@functools.lru_cache(maxsize=1)
def _cached(path: str, member: str, changed_ns: int, size: int) -> _Items:
    """The array that this process read last; archives can only be inflated from the start."""
    del changed_ns, size  # part of the key: a file that changed is read anew
    return _Items(Path(path), member)


def _image(array: np.ndarray) -> SourceImage:
    if array.ndim not in {2, 3, 4}:
        raise reject("decode/bad-header", f"an array of {array.ndim} axes, an image has 2 to 4")
    is_volume = array.ndim == 4 or (array.ndim == 3 and array.shape[-1] not in {3, 4})
    dtype = array.dtype.newbyteorder("=") if array.dtype.kind in "ui" else np.dtype(np.float32)
    pixels = np.ascontiguousarray(array, dtype)
    return SourceImage(pixels, bits=array.dtype.itemsize * 8, is_volume=is_volume)


def _opened(file: IO[bytes] | Path, member: str | None) -> IO[bytes]:
    """The bytes of one array; without a name of the only one."""
    try:
        archive = zipfile.ZipFile(file)
        names = archive.namelist()
        if member is None and len(names) != 1:
            raise reject("decode/multi-frame", f"{len(names)} arrays in the file, one image has one")
        name = names[0] if member is None else f"{member}.npy"
        if name not in names:
            raise reject("decode/bad-header", "the archive has no array of that name")
        return archive.open(name)
    except zipfile.BadZipFile as error:
        raise reject("decode/truncated", "the NPZ archive ends before its directory") from error
    except _FAULTS as error:
        raise reject("decode/corrupt", "the NPZ archive is damaged") from error


def _read_header(file: IO[bytes], *, whole: bool = True) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the first axis runs fastest, and type; before any of the data is inflated.

    What will be read, the `whole` array or one item, must not be too large.
    """
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, is_fortran, dtype = read(file)
    except _FAULTS as error:
        raise reject("decode/corrupt", "the header of the array is damaged") from error
    if dtype.hasobject or dtype.kind not in _KINDS or dtype.itemsize > 8:
        raise reject("decode/unsupported-syntax", "the array does not hold plain numbers")
    if not shape or min(shape) < 1:
        raise reject("decode/bad-header", f"an array of shape {shape}")
    if math.prod(shape if whole else shape[1:]) * dtype.itemsize > MAX_BYTES:
        raise reject("decode/bomb", f"an array of shape {shape} is larger than the limit")
    return shape, is_fortran, dtype


def _read_array(file: IO[bytes]) -> np.ndarray:
    shape, is_fortran, dtype = _read_header(file)
    size = math.prod(shape) * dtype.itemsize
    try:
        content = file.read(size)
        # The checksum of a member is compared when its end is reached.
        has_more = bool(file.read(1))
    except _FAULTS as error:
        raise reject("decode/corrupt", "the array is damaged") from error
    if len(content) < size:
        raise reject("decode/truncated", "the array ends before its shape says")
    if has_more:
        raise reject("decode/corrupt", "the array goes on after its end")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
