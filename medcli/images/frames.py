"""One slice on its way to the canvas: brightness, inversion, denoising, contrast, fit, depth, channels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from medcli.config import Depth, PreprocessConfig
from medcli.errors import DataError
from medcli.images.appearance import appearance
from medcli.images.contrast import equalize_adaptive
from medcli.images.denoise import denoise
from medcli.images.geometry import Placement, resize_image
from medcli.images.intensity import MAX_16_BIT, to_8_bit
from medcli.images.scaling import Scale


@dataclass(frozen=True)
class Steps:
    """Which filters one image gets."""

    denoise: bool
    clahe: bool


@dataclass(frozen=True)
class Finisher:
    """What all slices of one picture share."""

    recipe: PreprocessConfig
    scale: Scale
    is_colour: bool
    is_inverted: bool
    num_channels: int

    def grey(self, frame: np.ndarray) -> np.ndarray:
        """uint16 brightness, bright as high: what filters work on and what their need is judged by."""
        return self.scale.grey(frame, is_inverted=self.is_inverted)

    def finish(self, frame: np.ndarray, placement: Placement, steps: Steps) -> np.ndarray:
        """[size, size, `num_channels`] in the type of `--depth`.

        Filtered in 16 bits; 8 bits are rounded before CLAHE, which counts in 256 bins anyway, or at the end.
        float16 holds brightness from 0 to 1, or deviations from a mean: those of a z-score are not clipped,
        unless a filter, which works on 16 bits from -4 to 4 deviations, came between.
        """
        depth = self.recipe.depth
        if depth is Depth.float16:
            return self._half(frame, placement, steps)
        small = resize_image(self._filtered(frame, steps), placement)
        if depth is Depth.uint8 and small.dtype == np.uint16:
            small = to_8_bit(small)
        return with_channels(small, self.num_channels)

    def appearance(self, finished: np.ndarray) -> dict[str, float]:
        """Numbers that say what an image is like, of what `finish` gave, on one scale whatever the depth.

        Black is 0 and white 1; deviations from a mean are turned back to that, and may lie beyond it.
        """
        if self.recipe.depth is not Depth.float16:
            values = finished * np.float32(1 / np.iinfo(finished.dtype).max)
        elif self.scale.moments:
            values = self.scale.shares(finished, is_inverted=self.is_inverted)
        else:
            values = finished.astype(np.float32)
        return appearance(values, is_colour=self.is_colour and self.num_channels == 3)

    def _half(self, frame: np.ndarray, placement: Placement, steps: Steps) -> np.ndarray:
        if not self.scale.moments:
            values = self._filtered(frame, steps).astype(np.float32) / np.float32(MAX_16_BIT)
            return with_channels(resize_image(values, placement), self.num_channels).astype(np.float16)
        if steps == Steps(denoise=False, clahe=False):
            values = self.scale.scores(frame, is_inverted=self.is_inverted)
        else:
            values = self.scale.scores_of_grey(self._filtered(frame, steps), is_inverted=self.is_inverted)
        # Beside the image it is as dark as the image gets.
        black = values.min(axis=(0, 1))
        small = with_channels(resize_image(values - black, placement) + black, self.num_channels)
        limit = np.finfo(np.float16).max
        return small.clip(-limit, limit).astype(np.float16)

    def _filtered(self, frame: np.ndarray, steps: Steps) -> np.ndarray:
        recipe = self.recipe
        pixels = self.grey(frame)
        if steps.denoise:
            zeros = [self._zero(i) for i in range(len(self.scale.ramps))] if recipe.rician else None
            pixels = denoise(pixels, strength=recipe.denoise_strength, zeros=zeros)
        if steps.clahe:
            pixels = to_8_bit(pixels) if recipe.depth is Depth.uint8 else pixels
            pixels = equalize_adaptive(
                pixels, clip=recipe.clahe_clip, tiles=recipe.clahe_tiles, is_colour=self.is_colour
            )
        return pixels

    def _zero(self, index: int) -> float:
        """The grey level of a stored 0, where the magnitude of an MR signal begins."""
        ramp = self.scale.ramps[index]
        return -ramp.low / (ramp.high - ramp.low) * MAX_16_BIT if ramp.high > ramp.low else 0.0


def with_channels(pixels: np.ndarray, wanted: int) -> np.ndarray:
    """[height, width, wanted]: grey is repeated, colour becomes luma where one channel is wanted."""
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], wanted, axis=2)
    if pixels.shape[2] == wanted:
        return pixels
    # Luma of ITU-R BT.601-7, section 2.5.1, in fixed point.
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]


def check_channels(found: int, wanted: int, *, is_colour: bool) -> None:
    """Refuse channels that are neither what is wanted, nor grey to be repeated, nor colour to become luma."""
    if found == wanted or (found == 1 and wanted == 3) or (is_colour and wanted == 1):
        return
    hint = f"use --channels {found}"
    if found == 1:
        hint = "use --channels 1 or 3"
    raise DataError(f"it has {found} channels, {wanted} are asked for", hint=hint, code="recipe/channels")
