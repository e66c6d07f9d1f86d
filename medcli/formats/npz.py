"""NPZ archives of numpy: one item along the first axis of an array is one image or volume; no pickle.

Reference: NumPy Enhancement Proposal 1, the .npy format.
"""

from __future__ import annotations

import functools
import io
import math
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from medcli.formats.codes import DECODER_FAULTS, reject
from medcli.formats.source import MAX_BYTES, SourceImage

_FAULTS: tuple[type[BaseException], ...] = (*DECODER_FAULTS, zipfile.BadZipFile, NotImplementedError)
_KINDS = "uif"


def read_member(path: Path, member: str) -> np.ndarray:
    """A whole array, once its header is known to announce numbers of an acceptable size.

    Raises:
        DataError: If the archive or the array is damaged, missing, too large, or no plain numbers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = f"{member}.npy"
            if name not in archive.namelist():
                raise reject("decode/bad-header", "the archive has no array of that name")
            with archive.open(name) as file:
                content = file.read(MAX_BYTES + 1)
    except _FAULTS as error:
        raise reject("decode/corrupt", "the NPZ archive is damaged") from error
    return _parse(content)


def decode_item(path: Path, member: str, index: int) -> SourceImage:
    """One item of an array: [height, width], with 3 channels last, or a volume [slices, height, width]."""
    stat = path.stat()
    array = _cached(str(path), member, stat.st_mtime_ns, stat.st_size)
    if not 0 <= index < len(array):
        raise reject("decode/bad-header", f"the array has {len(array)} items, not {index + 1}")
    item = np.ascontiguousarray(array[index])
    is_volume = item.ndim == 4 or (item.ndim == 3 and item.shape[-1] not in {3, 4})
    if item.ndim not in {2, 3, 4}:
        raise reject("decode/bad-header", f"an item has {item.ndim} axes, it must have 2 to 4")
    pixels = item if item.dtype.kind in "ui" else item.astype(np.float32)
    return SourceImage(pixels, bits=item.dtype.itemsize * 8, is_volume=is_volume)


@functools.lru_cache(maxsize=1)
def _cached(path: str, member: str, changed_ns: int, size: int) -> np.ndarray:
    """The array that this process read last; archives can only be inflated from the start."""
    del changed_ns, size  # part of the key: a file that changed is read anew
    return read_member(Path(path), member)


def _parse(content: bytes) -> np.ndarray:
    if len(content) > MAX_BYTES:
        raise reject("decode/bomb", f"an array of more than {MAX_BYTES >> 30} GiB")
    file = io.BytesIO(content)
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    except _FAULTS as error:
        raise reject("decode/corrupt", "the header of the array is damaged") from error
    if dtype.hasobject or dtype.kind not in _KINDS:
        raise reject("decode/unsupported-syntax", "the array does not hold plain numbers")
    if not shape or math.prod(shape) * dtype.itemsize > len(content) - file.tell():
        raise reject("decode/truncated", "the array ends before its shape says")
    file.seek(0)
    try:
        return np.load(file, allow_pickle=False)
    except _FAULTS as error:
        raise reject("decode/corrupt", "the array is damaged") from error
