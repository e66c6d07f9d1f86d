"""A function for workers, in a module of its own so that a worker starts without pytest."""

from __future__ import annotations

import numpy as np

from medcli.formats.image import decode


def decode_file(path: object) -> tuple[bool, str]:
    """Whether the array is one that everything after can use, and its type."""
    image = decode(path)  # type: ignore[arg-type]
    pixels = image.pixels
    num_axes = {3, 4} if image.is_volume else {2, 3}
    is_sound = pixels.ndim in num_axes and pixels.size > 0 and pixels.dtype.isnative
    if pixels.dtype.kind == "f":
        is_sound = is_sound and pixels.dtype == np.float32 and bool(np.isfinite(pixels).all())
    return is_sound and pixels.dtype.kind in "uif", str(pixels.dtype)
