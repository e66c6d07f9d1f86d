"""Recipes that no image can be made by, told before any image is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from medcli.config import Depth, Normalize, PreprocessConfig
from medcli.errors import UsageError

MAX_SIZE = 4096
MAX_CHANNELS = 32


def check_recipe(recipe: PreprocessConfig) -> None:
    """Refuse an impossible recipe.

    Raises:
        UsageError: Naming the option and the values it may have.
    """
    _require(8 <= recipe.size <= MAX_SIZE, f"--size is {recipe.size}, it must be between 8 and {MAX_SIZE}")
    _require(0 <= recipe.margin <= 10, f"--margin is {recipe.margin:g}, it must be between 0 and 10")
    _check_channels(recipe)
    _check_slices(recipe)
    _check_intensity(recipe)
    _check_filters(recipe)


def holds_scores(recipe: Mapping[str, Any]) -> bool:
    """Whether images of a recorded recipe are deviations from a mean already, not brightness from 0 to 1."""
    return recipe.get("depth") == Depth.float16 and recipe.get("normalize") in {
        Normalize.zscore,
        Normalize.train,
    }


def _check_channels(recipe: PreprocessConfig) -> None:
    channels, stack = recipe.channels, 2 * recipe.neighbours + 1
    limit = 4 if recipe.neighbours == 0 else MAX_CHANNELS
    _require(1 <= channels <= limit, f"--channels is {channels}, it must be between 1 and {limit}")
    _require(recipe.neighbours >= 0, f"--neighbours is {recipe.neighbours}, it must be 0 or more")
    _require(
        channels % stack == 0,
        f"--neighbours {recipe.neighbours} makes stacks of {stack} slices, --channels is {channels}",
        hint=f"use --channels {stack}",
    )
    if len(recipe.window) > 1:
        wanted = len(recipe.window) * stack
        _require(
            channels == wanted,
            f"{len(recipe.window)} times --window makes {wanted} channels, --channels is {channels}",
            hint=f"use --channels {wanted}",
        )


def _check_slices(recipe: PreprocessConfig) -> None:
    words = recipe.slices
    is_number = words.isascii() and words.isdigit() and 1 <= int(words[:9]) <= 10**6
    _require(
        is_number or words in {"central", "all", "lesion"},
        f"--slices is {words!r}, it must be central, all, lesion or a number from 1",
    )
    if recipe.spacing is not None:
        is_spacing = 1 <= len(recipe.spacing) <= 3 and all(0.001 <= mm <= 1000 for mm in recipe.spacing)
        _require(is_spacing, "--spacing must be 1 to 3 numbers of millimetres between 0.001 and 1000")


def _check_intensity(recipe: PreprocessConfig) -> None:
    low, high = recipe.percentiles
    _require(0 <= low < high <= 100, f"--percentiles is {low:g},{high:g}, they must rise within 0 to 100")
    for center, width in recipe.window:
        is_window = math.isfinite(center) and math.isfinite(width) and width >= 1
        _require(is_window, f"--window is {center:g},{width:g}, the width must be at least 1")
        is_used = recipe.normalize in {Normalize.auto, Normalize.window}
        _require(is_used, f"--window contradicts --normalize {recipe.normalize}")


def _check_filters(recipe: PreprocessConfig) -> None:
    strength = recipe.denoise_strength
    _require(strength is None or 0 < strength <= 100, "--denoise-strength must be above 0 and at most 100")
    _require(recipe.denoise or not recipe.rician, "--rician says which noise --denoise takes away: give both")
    _require(0 < recipe.clahe_clip <= 1000, "--clahe-clip must be above 0 and at most 1000")
    _require(1 <= recipe.clahe_tiles <= 64, "--clahe-tiles must be between 1 and 64")


def _require(is_met: bool, message: str, *, hint: str = "") -> None:
    if not is_met:
        raise UsageError(message, hint=hint)
