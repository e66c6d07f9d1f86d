"""What every attribution method returns, and how a coarse map becomes one of the size of the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Attribution:
    """Maps and the scores that they explain.

    Attributes:
        maps: float32 [images, targets, height, width]; the largest value of a map is 1, or 0 where nothing
            spoke for the class. There is one target a class, or a single one if the method knows no classes.
        logits: float32 [images, classes].
    """

    maps: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class Method:
    """An attribution method: how it is computed, for which models, and whether there is one map a class."""

    explain: Callable[[nn.Module, torch.Tensor], Attribution]
    suits: Callable[[nn.Module, torch.Tensor], bool]
    needs: str
    is_class_specific: bool


def to_image_size(coarse: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """Maps enlarged bilinearly and divided by their maximum, float32 [images, targets, height, width].

    Zero stays zero, so shares of a map's sum are those of the map as computed; a map without any positive
    value stays zero everywhere.

    Args:
        coarse: Maps that are nowhere negative, [images, targets, rows, columns].
        size: Height and width of the image.
    """
    maps = functional.interpolate(coarse.float(), size=size, mode="bilinear", align_corners=False)
    peaks = maps.amax(dim=(2, 3), keepdim=True)
    maps = torch.where(peaks > 0, maps / peaks, torch.zeros_like(maps))
    return maps.cpu().numpy()
