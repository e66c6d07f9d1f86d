"""Which stored value becomes black and which white, for a picture or for each of its channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from medcli.config import Normalize, PreprocessConfig
from medcli.errors import DataError
from medcli.images.foreground import foreground
from medcli.images.intensity import (
    MAX_16_BIT,
    Ramp,
    finite,
    full_range_ramp,
    percentile_ramp,
    window_ramp,
)
from medcli.images.statistics import Statistics
from medcli.images.voi import voi_ramp
from medcli.voi import Voi

Z_RANGE = 4.0
"""Standard deviations from the mean that become black and white; only float16 holds more."""

_DARK = 0.1


@dataclass(frozen=True)
class Scale:
    """One ramp for all channels, one a channel, or (several windows) one for each channel to be made.

    Attributes:
        ramps: From black to white.
        moments: A mean and a standard deviation for each ramp, where float16 holds deviations from the mean.
        is_clipped: Whether those, too, are cut off at black and white.
    """

    ramps: tuple[Ramp, ...]
    moments: tuple[tuple[float, float], ...] = ()
    is_clipped: bool = False

    def grey(self, frame: np.ndarray, *, is_inverted: bool) -> np.ndarray:
        """uint16 of [height, width] or [height, width, channels]; `is_inverted` gives the negative."""
        return self._each(frame, lambda i, values: self.ramps[i].grey(values, is_inverted=is_inverted))

    def scores(self, frame: np.ndarray, *, is_inverted: bool) -> np.ndarray:
        """float32 standard deviations from the mean, of stored values; 0 where there is no deviation."""
        return self._each(frame, lambda i, values: self._scores(i, values, is_inverted=is_inverted))

    def scores_of_grey(self, grey: np.ndarray, *, is_inverted: bool) -> np.ndarray:
        """The same of what `grey` gave, which is cut off at black and white."""

        def undo(i: int, values: np.ndarray) -> np.ndarray:
            ramp, share = self.ramps[i], values / np.float64(MAX_16_BIT)
            stored = ramp.low + (1 - share if is_inverted else share) * (ramp.high - ramp.low)
            return self._scores(i, stored, is_inverted=is_inverted)

        return self._each(grey, undo)

    def shares(self, scores: np.ndarray, *, is_inverted: bool) -> np.ndarray:
        """Undoes `scores`: float32, black 0 and white 1, beyond where nothing is cut off."""

        def undo(i: int, values: np.ndarray) -> np.ndarray:
            ramp, (mean, deviation) = self.ramps[i], self.moments[i]
            stored = mean + np.float64(deviation) * (-values if is_inverted else values)
            share = (stored - ramp.low) / ((ramp.high - ramp.low) or np.inf)
            return (1 - share if is_inverted else share).astype(np.float32)

        return self._each(scores.astype(np.float32), undo)

    def flags(self, frame: np.ndarray, *, is_inverted: bool) -> tuple[str, ...]:
        """`unlike-training` where statistics of a training part do not suit a picture, as in other units.

        Half of it is brighter than white, or next to nothing is brighter than a tenth of white.
        """
        if not self.is_clipped:
            return ()
        planes = [frame] if len(self.ramps) == 1 else list(np.moveaxis(frame, -1, 0))
        for ramp, plane in zip(self.ramps, planes, strict=True):
            shares = (plane.astype(np.float64) - ramp.low) / (ramp.high - ramp.low)
            middle, bright = np.percentile(1 - shares if is_inverted else shares, (50, 99.5))
            if middle > 1 or bright < _DARK:
                return ("unlike-training",)
        return ()

    def _scores(self, index: int, values: np.ndarray, *, is_inverted: bool) -> np.ndarray:
        ramp, (mean, deviation) = self.ramps[index], self.moments[index]
        wide = values.astype(np.float64)
        if self.is_clipped:
            wide = wide.clip(ramp.low, ramp.high)
        scores = (wide - mean) / (deviation or np.inf)
        return (-scores if is_inverted else scores).astype(np.float32)

    def _each(self, frame: np.ndarray, function: Callable[[int, np.ndarray], np.ndarray]) -> np.ndarray:
        """Of all channels together, or of each by its own ramp."""
        if len(self.ramps) == 1:
            return function(0, np.ascontiguousarray(frame))
        planes = [frame] * len(self.ramps) if frame.ndim == 2 else list(np.moveaxis(frame, -1, 0))
        return np.stack([function(i, np.ascontiguousarray(plane)) for i, plane in enumerate(planes)], axis=-1)


def find_scale(
    pixels: np.ndarray,
    recipe: PreprocessConfig,
    *,
    has_channels: bool,
    is_colour: bool,
    is_inverted: bool = False,
    header_voi: Voi | None = None,
    statistics: Statistics | None = None,
) -> Scale:
    """The scale that `--normalize` gives a picture; slices and crops of it share the scale of the whole.

    With `auto`, `--window` is used when given; else colour keeps its values, since stretching would make skin
    and stains differ from image to image, and everything else is stretched between percentiles. Channels of
    colour share a ramp, which keeps white white; the sequences of an MR study have one each, because their
    units differ.

    Raises:
        DataError: If pixels are not finite, the window is missing, or statistics are of other channels or of
            images whose other end is bright.
    """
    finite(pixels)
    method = recipe.normalize
    if method is Normalize.auto:
        fallback = Normalize.none if is_colour else Normalize.percentile
        method = Normalize.window if recipe.window else fallback
    if method is Normalize.none:
        return Scale((full_range_ramp(pixels.dtype),))
    if method is Normalize.window:
        return _windows(recipe, header_voi)
    channels = counted_values(
        pixels, recipe, is_split=has_channels and not is_colour, is_inverted=is_inverted
    )
    if method is Normalize.train:
        return _trained(statistics, num_channels=len(channels), is_inverted=is_inverted)
    if method is Normalize.percentile:
        low, high = recipe.percentiles
        return Scale(tuple(percentile_ramp(values, low=low, high=high) for values in channels))
    moments = [(float(v.mean(dtype=np.float64)), float(v.std(dtype=np.float64))) for v in channels]
    ramps = (Ramp(mean - Z_RANGE * deviation, mean + Z_RANGE * deviation) for mean, deviation in moments)
    return Scale(tuple(ramps), tuple(moments))


def counted_values(
    pixels: np.ndarray, recipe: PreprocessConfig, *, is_split: bool, is_inverted: bool
) -> list[np.ndarray]:
    """What is measured: each channel or all together, in the foreground where that is asked for."""
    channels = list(np.moveaxis(pixels, -1, 0)) if is_split else [pixels]
    if not recipe.foreground:
        return channels
    return [channel[foreground(channel, is_inverted=is_inverted)] for channel in channels]


def _trained(statistics: Statistics | None, *, num_channels: int, is_inverted: bool) -> Scale:
    assert statistics is not None, "of --normalize train"
    if len(statistics.means) != num_channels:
        raise DataError(
            f"it has {num_channels} channels, the statistics of the training part {len(statistics.means)}",
            code="recipe/channels",
        )
    if statistics.is_inverted != is_inverted:
        raise DataError(
            "other than in the training part, its low values are bright (or its high ones, if they were low)",
            hint="use --normalize percentile",
            code="recipe/inverted",
        )
    ramps = (Ramp(low, high) for low, high in zip(statistics.lows, statistics.highs, strict=True))
    moments = zip(statistics.means, statistics.deviations, strict=True)
    return Scale(tuple(ramps), tuple(moments), is_clipped=True)


def _windows(recipe: PreprocessConfig, header_voi: Voi | None) -> Scale:
    if recipe.window:
        return Scale(tuple(window_ramp(center=center, width=width) for center, width in recipe.window))
    if header_voi is None:
        raise DataError(
            "its header has no window",
            hint="give --window CENTER,WIDTH, or --normalize percentile",
            code="recipe/no-window",
        )
    return Scale((voi_ramp(header_voi),))
