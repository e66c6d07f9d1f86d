"""Brightness as a header asks for it: linear, sigmoid, or by a table (DICOM PS3.3 C.11.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from medcli.images.intensity import Ramp, window_ramp
from medcli.voi import Table, Voi, VoiFunction


@dataclass(frozen=True)
class Sigmoid(Ramp):
    """A logistic curve whose tangent in the middle is the straight line (C.11.2.1.3.1)."""

    def brightness(self, values: np.ndarray) -> np.ndarray:
        """float32 in [0, 1], the shape of `values`."""
        center, width = (self.low + self.high) / 2, self.high - self.low
        steepness = np.clip(-4 * (values.astype(np.float64) - center) / width, -700, 700)
        return (1 / (1 + np.exp(steepness))).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Lookup(Ramp):
    """The entry of a table that is nearest to a value (C.11.2.1.1)."""

    entries: np.ndarray = field(default_factory=lambda: np.zeros(1, np.float32))

    def brightness(self, values: np.ndarray) -> np.ndarray:
        """float32 in [0, 1], the shape of `values`."""
        last = len(self.entries) - 1
        step = (self.high - self.low) / last if last else 1.0
        position = np.rint((values.astype(np.float64) - self.low) / step)
        return self.entries[np.clip(position, 0, last).astype(np.intp)]


def is_usable(voi: Voi) -> bool:
    """Whether `voi_ramp` takes it: a window must be finite, and a linear one at least 1 wide."""
    if isinstance(voi, Table):
        return True
    least = 1 if voi.function is VoiFunction.linear else 0
    return math.isfinite(voi.center) and least <= voi.width < math.inf


def voi_ramp(voi: Voi) -> Ramp:
    """What a window or a table of a header makes of its values.

    Raises:
        DataError: If it is not usable (`is_usable`).
    """
    if isinstance(voi, Table):
        return Lookup(voi.first, voi.first + voi.step * (len(voi.brightness) - 1), voi.brightness)
    if voi.function is VoiFunction.linear or not is_usable(voi):
        return window_ramp(center=voi.center, width=voi.width)
    low, high = voi.center - voi.width / 2, voi.center + voi.width / 2
    return Sigmoid(low, high) if voi.function is VoiFunction.sigmoid and high > low else Ramp(low, high)
