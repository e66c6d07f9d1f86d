"""Stored values to brightness: windows and percentiles."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from medcli.errors import DataError

MAX_16_BIT = 65535
_TABLE_PAYS = {1: 1 << 9, 2: 1 << 17}  # pixels from which a table of all values is faster, by bytes of one


@dataclass(frozen=True)
class Ramp:
    """Black below `low`, white above `high`, straight in between; a step where both are one value."""

    low: float
    high: float

    def brightness(self, values: np.ndarray) -> np.ndarray:
        """float32 in [0, 1], the shape of `values`."""
        if self.high <= self.low:  # a threshold, or a width that vanishes beside its centre
            return (values > self.low).astype(np.float32)
        # Differences of large numbers lose their digits in float32: subtract first, in the wider type.
        scaled = values.astype("float64" if values.dtype.itemsize > 2 else "float32")
        scaled -= self.low
        scaled /= self.high - self.low
        return np.clip(scaled, 0, 1, out=scaled).astype(np.float32)

    def grey(self, values: np.ndarray, *, is_inverted: bool = False) -> np.ndarray:
        """uint16 of the brightness; `is_inverted` gives the negative.

        Integers of up to 16 bits go through a table of all their values, which is faster and the same.
        """
        if (
            values.dtype.kind not in "iu"
            or values.dtype.itemsize > 2
            or values.size < _TABLE_PAYS[values.dtype.itemsize]
        ):
            deep = to_16_bit(self.brightness(values))
            return invert(deep) if is_inverted else deep
        limits = np.iinfo(values.dtype)
        every = np.arange(limits.min, limits.max + 1, dtype=np.int32).astype(values.dtype)
        table = to_16_bit(self.brightness(every))
        table = invert(table) if is_inverted else table
        table = np.roll(table, limits.min)
        if values.dtype.itemsize == 1:
            return cv2.LUT(values.view(np.uint8).reshape(1, -1), table).reshape(values.shape)
        return np.take(table, values.view(np.uint16))


def window_ramp(*, center: float, width: float) -> Ramp:
    """The window as a ramp.

    Raises:
        DataError: If the width is below 1, or the window is not finite.

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
    return Ramp(center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)


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
    """
    return window_ramp(center=center, width=width).brightness(finite(pixels))


def percentile_ramp(values: np.ndarray, *, low: float, high: float) -> Ramp:
    """From the `low` to the `high` percentile of all values.

    Where both percentiles are one value (a small bright thing on a flat ground), minimum and maximum take
    their place. A constant image is black everywhere.

    Args:
        values: Integer or floating, any shape; its channels share one range.
        low: Percentile in [0, 100], below `high`.

    Raises:
        DataError: If the percentiles are out of order, or a pixel is not finite.
    """
    if not 0 <= low < high <= 100:
        raise DataError(f"percentiles are {low:g} and {high:g}, they must rise within 0 to 100")
    bottom, top = percentiles(finite(values), (low, high))
    if bottom == top:
        bottom, top = float(values.min()), float(values.max())
    return Ramp(bottom, top)


def stretch_percentiles(pixels: np.ndarray, *, low: float, high: float) -> np.ndarray:
    """Brightness in [0, 1], float32: the `low` percentile becomes 0, the `high` one 1 (`percentile_ramp`)."""
    return percentile_ramp(pixels, low=low, high=high).brightness(pixels)


def percentiles(values: np.ndarray, shares: tuple[float, ...]) -> tuple[float, ...]:
    """What `numpy.percentile` gives, from a histogram where values are integers of up to 16 bits."""
    if values.dtype.kind == "f":
        values = values.astype(np.float64)  # differences of float32 values may overflow
    if values.dtype.kind == "f" or values.dtype.itemsize > 2:
        return tuple(float(value) for value in np.percentile(values, shares))
    counts, lowest = histogram(values)
    cumulated = np.cumsum(counts)
    found = []
    for share in shares:
        position = share / 100 * (values.size - 1)
        below = int(position)
        ranks = np.searchsorted(cumulated, [below, min(below + 1, values.size - 1)], side="right")
        first, second = (int(rank) + lowest for rank in ranks)
        part = position - below
        # As numpy interpolates, so that both ends are met exactly.
        gap = second - first
        found.append(float(first + gap * part if part < 0.5 else second - gap * (1 - part)))
    return tuple(found)


def histogram(values: np.ndarray) -> tuple[np.ndarray, int]:
    """How often each value of an integer type of up to 16 bits occurs, and the value that comes first."""
    lowest = int(np.iinfo(values.dtype).min)
    bits = 8 * values.dtype.itemsize
    unsigned = values.view(f"u{values.dtype.itemsize}").ravel()
    if values.size < 1 << 24:  # OpenCV counts in float32
        counts = (
            cv2.calcHist([unsigned[None]], [0], None, [1 << bits], [0, 1 << bits]).ravel().astype(np.int64)
        )
    else:
        counts = np.bincount(unsigned, minlength=1 << bits)
    return np.roll(counts, -lowest), lowest


def full_range_ramp(dtype: np.dtype) -> Ramp:
    """Black and white of an unsigned type.

    Raises:
        DataError: If it is not uint8 or uint16: black and white of others are unknown.
    """
    if dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"pixels are {dtype}, only 8 and 16 bit grey and colour have a black and a white",
            hint="use --normalize percentile or window",
            code="recipe/no-range",
        )
    return Ramp(0.0, float(np.iinfo(dtype).max))


def to_16_bit(brightness: np.ndarray) -> np.ndarray:
    """uint16 of a brightness in [0, 1], rounded half up."""
    return (brightness * np.float32(MAX_16_BIT) + np.float32(0.5)).astype(np.uint16)


def to_8_bit(pixels: np.ndarray) -> np.ndarray:
    """uint8 of uint16, rounded to nearest: 257 v becomes v."""
    return cv2.convertScaleAbs(pixels.reshape(1, -1), alpha=1 / 257).reshape(pixels.shape)


def invert(pixels: np.ndarray) -> np.ndarray:
    """The negative of uint16 pixels."""
    return MAX_16_BIT - pixels


def finite(pixels: np.ndarray) -> np.ndarray:
    """The pixels, refused when there are none or one is NaN or infinite."""
    if pixels.size == 0:
        raise DataError(f"the image has shape {list(pixels.shape)}", code="decode/bad-header")
    if pixels.dtype.kind == "f" and not bool(np.isfinite(pixels).all()):
        raise DataError("pixels are NaN or infinite", code="decode/not-finite")
    return pixels
