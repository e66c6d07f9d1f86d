"""Stored values to brightness: windows and percentiles."""

from __future__ import annotations

import numpy as np

from medcli.errors import DataError

MAX_16_BIT = 65535


def apply_window(pixels: np.ndarray, *, center: float, width: float) -> np.ndarray:
    """Brightness in [0, 1] of every pixel: what lies below the window is 0, what lies above it 1.

    Args:
        pixels: Integer or floating, any shape, in the units of the window (Hounsfield for CT).
        center: Value that becomes middle grey.
        width: At least 1; at 1 the window is a threshold.

    Returns:
        float32, the shape of `pixels`.

    Raises:
        DataError: If the width is below 1, or a pixel or the window is not finite.

    Reference: DICOM PS3.3 C.11.2.1.2.1, the LINEAR function.
    """
    if not (np.isfinite(center) and np.isfinite(width)):
        raise DataError(f"the window is {center},{width}, it must be finite", code="recipe/bad-window")
    if width < 1:
        raise DataError(
            f"the window width is {width:g}, it must be at least 1",
            hint="give --window CENTER,WIDTH",
            code="recipe/bad-window",
        )
    values = _finite(pixels)
    if width == 1:
        return (values > center - 0.5).astype(np.float32)
    return _ramp(values, low=center - 0.5 - (width - 1) / 2, high=center - 0.5 + (width - 1) / 2)


def stretch_percentiles(pixels: np.ndarray, *, low: float, high: float) -> np.ndarray:
    """Brightness in [0, 1]: the `low` percentile of all pixels becomes 0, the `high` one 1.

    Where both percentiles are one value (a small bright thing on a flat ground), minimum and maximum take
    their place. A constant image becomes 0 everywhere.

    Args:
        pixels: Integer or floating, any shape; its channels share one range.
        low: Percentile in [0, 100], below `high`.

    Returns:
        float32, the shape of `pixels`.

    Raises:
        DataError: If the percentiles are out of order, or a pixel is not finite.
    """
    if not 0 <= low < high <= 100:
        raise DataError(f"percentiles are {low:g} and {high:g}, they must rise within 0 to 100")
    values = _finite(pixels)
    if values.dtype.kind == "f":
        values = values.astype(np.float64)  # differences of float32 values may overflow
    bottom, top = (float(value) for value in np.percentile(values, (low, high)))
    if bottom == top:
        bottom, top = float(values.min()), float(values.max())
    if bottom == top:
        return np.zeros(values.shape, np.float32)
    return _ramp(values, low=bottom, high=top)


def scale_full_range(pixels: np.ndarray) -> np.ndarray:
    """Brightness in [0, 1] of pixels that are one already: the range of their unsigned type, nothing else.

    Raises:
        DataError: If they are not uint8 or uint16: their black and white are unknown.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"pixels are {pixels.dtype}, only 8 and 16 bit grey and colour have a black and a white",
            hint="use --normalize percentile or window",
            code="recipe/no-range",
        )
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def to_16_bit(brightness: np.ndarray) -> np.ndarray:
    """uint16 of a brightness in [0, 1], rounded half up."""
    return (brightness * np.float32(MAX_16_BIT) + np.float32(0.5)).astype(np.uint16)


def to_8_bit(pixels: np.ndarray) -> np.ndarray:
    """uint8 of uint16, rounded to nearest: 257 v becomes v."""
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def invert(pixels: np.ndarray) -> np.ndarray:
    """The negative of uint16 pixels."""
    return MAX_16_BIT - pixels


def _ramp(values: np.ndarray, *, low: float, high: float) -> np.ndarray:
    if high <= low:  # a width that vanishes beside its centre, such as 1 beside 1e17
        return (values > low).astype(np.float32)
    # Differences of large numbers lose their digits in float32: subtract first, in the wider type.
    brightness = values.astype("float64" if values.dtype.itemsize > 2 else "float32")
    brightness -= low
    brightness /= high - low
    return np.clip(brightness, 0, 1, out=brightness).astype(np.float32)


def _finite(pixels: np.ndarray) -> np.ndarray:
    if pixels.size == 0:
        raise DataError(f"the image has shape {list(pixels.shape)}", code="decode/bad-header")
    if pixels.dtype.kind == "f" and not bool(np.isfinite(pixels).all()):
        raise DataError("pixels are NaN or infinite", code="decode/not-finite")
    return pixels
