"""The first window or VOI LUT of a header.

References: DICOM PS3.3 C.11.2.1.1 (VOI LUT), C.11.2.1.2 (window), C.11.2.1.3 (VOI LUT function).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from medcli.formats.dicom_values import all_of, number, numbers, only_item, text
from medcli.voi import Table, Voi, VoiFunction, Window

_MAX_ENTRIES = 1 << 16


def first_voi(dataset: Dataset) -> Voi | None:
    """The first window when its centre and width are usable; else the first VOI LUT, if there is one.

    Args:
        dataset: Has the window; of an enhanced image the item of the functional group.
    """
    center, width = (number(dataset, f"Window{part}") for part in ("Center", "Width"))
    function = text(dataset, "VOILUTFunction") or VoiFunction.linear
    if math.isfinite(center) and math.isfinite(width) and width > 0 and function in set(VoiFunction):
        return Window(center, width, VoiFunction(function))
    item = only_item(dataset, "VOILUTSequence")
    return None if item is None else _table(item, is_little=dataset.original_encoding[1] is not False)


def _table(item: Dataset, *, is_little: bool) -> Table | None:
    """Entries of 8 to 16 bits over all the values that their bits can hold; None when they are damaged."""
    descriptor = numbers(item, "LUTDescriptor", 3)
    if descriptor is None:
        return None
    count, first, bits = (int(value) for value in descriptor)
    count = count % _MAX_ENTRIES or _MAX_ENTRIES  # 0 stands for 65536, and is read as signed at times
    entries = _entries(item.get("LUTData"), all_of(item, "LUTData"), count, is_little=is_little)
    if not 8 <= bits <= 16 or entries is None or entries.min() < 0 or entries.max() >= 1 << bits:
        return None
    return Table(first, 1.0, (entries / ((1 << bits) - 1)).astype(np.float32))


def _entries(data: Any, values: Sequence[Any], count: int, *, is_little: bool) -> np.ndarray | None:
    """Exactly `count` of them; bytes hold entries of 16 bits, or of 8 where there are too few for that."""
    if not isinstance(data, bytes):
        return np.array(values, np.int64) if len(values) == count else None
    if len(data) == 2 * count:
        return np.frombuffer(data, "<u2" if is_little else ">u2").astype(np.int64)
    return np.frombuffer(data[:count], np.uint8) if len(data) == count + count % 2 else None
