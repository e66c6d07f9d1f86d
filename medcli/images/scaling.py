"""Which stored value becomes black and which white, for a picture or for each of its channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from medcli.config import Normalize, PreprocessConfig
from medcli.errors import DataError
from medcli.images.foreground import foreground
from medcli.images.intensity import Ramp, finite, full_range_ramp, percentile_ramp, window_ramp

Z_RANGE = 4.0
"""Standard deviations from the mean that become black and white; only float16 holds more."""


@dataclass(frozen=True)
class Scale:
    """One ramp for all channels, one a channel, or (several windows) one for each channel to be made.

    `is_scores`: the ramps run from -4 to 4 standard deviations, and float16 holds those.
    """

    ramps: tuple[Ramp, ...]
    is_scores: bool = False

    def grey(self, frame: np.ndarray, *, is_inverted: bool) -> np.ndarray:
        """uint16 of [height, width] or [height, width, channels]; `is_inverted` gives the negative."""
        return self._each(frame, lambda ramp, values: ramp.grey(values, is_inverted=is_inverted))

    def scores(self, frame: np.ndarray, *, is_inverted: bool) -> np.ndarray:
        """float32 standard deviations from the mean, not clipped; 0 where the picture is constant."""
        sign = -1.0 if is_inverted else 1.0
        return self._each(frame, lambda ramp, values: _scores(ramp, values, sign=sign))

    def _each(self, frame: np.ndarray, function: Callable[[Ramp, np.ndarray], np.ndarray]) -> np.ndarray:
        if len(self.ramps) == 1:
            return function(self.ramps[0], np.ascontiguousarray(frame))
        planes = [frame] * len(self.ramps) if frame.ndim == 2 else list(np.moveaxis(frame, -1, 0))
        made = [
            function(ramp, np.ascontiguousarray(plane))
            for ramp, plane in zip(self.ramps, planes, strict=True)
        ]
        return np.stack(made, axis=-1)


def find_scale(
    pixels: np.ndarray,
    recipe: PreprocessConfig,
    *,
    has_channels: bool,
    is_colour: bool,
    is_inverted: bool = False,
    header_window: tuple[float, float] | None = None,
) -> Scale:
    """The scale that `--normalize` gives a picture; slices and crops of it share the scale of the whole.

    With `auto`, `--window` is used when given; else colour keeps its values, since stretching would make skin
    and stains differ from image to image, and everything else is stretched between percentiles. Channels of
    colour share a ramp, which keeps white white; the sequences of an MR study have one each, because their
    units differ.

    Raises:
        DataError: If pixels are not finite, the window is missing.
    """
    finite(pixels)
    method = recipe.normalize
    if method is Normalize.auto:
        fallback = Normalize.none if is_colour else Normalize.percentile
        method = Normalize.window if recipe.window else fallback
    if method is Normalize.none:
        return Scale((full_range_ramp(pixels.dtype),))
    if method is Normalize.window:
        return _windows(recipe, header_window)
    channels = list(np.moveaxis(pixels, -1, 0)) if has_channels and not is_colour else [pixels]
    ramps = []
    for channel in channels:
        values = _inside(channel, recipe, is_inverted=is_inverted)
        if method is Normalize.percentile:
            ramps.append(percentile_ramp(values, low=recipe.percentiles[0], high=recipe.percentiles[1]))
        else:
            ramps.append(
                _score_ramp(float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64)))
            )
    return Scale(tuple(ramps), is_scores=method is Normalize.zscore)


def _inside(channel: np.ndarray, recipe: PreprocessConfig, *, is_inverted: bool) -> np.ndarray:
    return channel[foreground(channel, is_inverted=is_inverted)] if recipe.foreground else channel


def _windows(recipe: PreprocessConfig, header_window: tuple[float, float] | None) -> Scale:
    windows = recipe.window or ((header_window,) if header_window else ())
    if not windows:
        raise DataError(
            "its header has no window",
            hint="give --window CENTER,WIDTH, or --normalize percentile",
            code="recipe/no-window",
        )
    return Scale(tuple(window_ramp(center=center, width=width) for center, width in windows))


def _score_ramp(mean: float, deviation: float) -> Ramp:
    return Ramp(mean - Z_RANGE * deviation, mean + Z_RANGE * deviation)


def _scores(ramp: Ramp, values: np.ndarray, *, sign: float) -> np.ndarray:
    deviation = (ramp.high - ramp.low) / (2 * Z_RANGE)
    if deviation <= 0:
        return np.zeros(values.shape, np.float32)
    return (sign * (values.astype(np.float64) - (ramp.low + ramp.high) / 2) / deviation).astype(np.float32)
