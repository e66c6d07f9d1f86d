"""Whether an image needs a filter: `--when auto`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from medcli.config import PreprocessConfig, When
from medcli.images.frames import Steps
from medcli.images.intensity import MAX_16_BIT, percentiles
from medcli.images.noise import estimate_noise

NOISE_FROM = 2.0
"""Standard deviation of the noise, in grey levels of 255, from which denoising pays."""

CONTRAST_BELOW = 0.2
"""Gap of the quartiles of brightness, as a share of its range, below which local contrast is raised. Of
brightness that is spread evenly it is 0.5."""


def decide(make_grey: Callable[[], np.ndarray], recipe: PreprocessConfig) -> tuple[Steps, tuple[str, ...]]:
    """The filters that an image gets, and the names of those that `--when auto` decided for.

    Args:
        make_grey: Gives uint16 [height, width] or [height, width, channels], bright as high; called only when
            there is something to decide.
    """
    if recipe.when is When.always:
        return Steps(denoise=recipe.denoise, clahe=recipe.clahe), ()
    grey = make_grey()
    is_noisy = recipe.denoise and estimate_noise(grey) * 255 / MAX_16_BIT >= NOISE_FROM
    is_flat = recipe.clahe and contrast(grey) < CONTRAST_BELOW
    names = [name for name, is_on in (("denoise", is_noisy), ("clahe", is_flat)) if is_on]
    return Steps(denoise=is_noisy, clahe=is_flat), tuple(names)


def contrast(grey: np.ndarray) -> float:
    """Gap of the quartiles of all pixels that are neither black nor white, as a share of the range."""
    inside = grey[(grey > 0) & (grey < MAX_16_BIT)]
    if inside.size == 0:
        return 1.0
    low, high = percentiles(inside, (25, 75))
    return (high - low) / MAX_16_BIT
