"""How a header asks for values to be shown: by a window or by a table (DICOM PS3.3 C.11.2, VOI LUT)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class VoiFunction(StrEnum):
    """What a window's centre and width mean (C.11.2.1.2, C.11.2.1.3)."""

    linear = "LINEAR"
    linear_exact = "LINEAR_EXACT"
    sigmoid = "SIGMOID"


@dataclass(frozen=True)
class Window:
    """Centre and width, in the units of the pixels."""

    center: float
    width: float
    function: VoiFunction = VoiFunction.linear

    def times(self, factor: float) -> Window:
        """The same window of values that are multiplied by `factor`."""
        if self.function is not VoiFunction.linear:
            return Window(self.center * factor, self.width * factor, self.function)
        # LINEAR is defined on whole numbers: half a step and one step do not scale.
        return Window((self.center - 0.5) * factor, (self.width - 1) * factor, VoiFunction.linear_exact)


@dataclass(frozen=True, eq=False)
class Table:
    """Brightness of evenly spaced values; what lies before the first or after the last is as bright as it.

    Attributes:
        first: Value of the first entry, in the units of the pixels.
        step: From the value of one entry to that of the next, above 0.
        brightness: float32 in [0, 1], one an entry.
    """

    first: float
    step: float
    brightness: np.ndarray

    def times(self, factor: float) -> Table:
        """The same table of values that are multiplied by `factor`, which is above 0."""
        return Table(self.first * factor, self.step * factor, self.brightness)


Voi = Window | Table
