"""Whether a map points at the finding: pointing game and share of the map inside the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.checks import check_shape
from medcli.errors import DataError


@dataclass(frozen=True)
class Localisation:
    """How one map lies to the mask of one finding.

    Attributes:
        hit: Whether the map's highest pixel is in the mask; with several highest pixels, the share of them
            that are, so that a flat map scores what chance does.
        energy: Share of the map's sum that is in the mask.
        chance: What both would be for a map that knows nothing: the mask's share of the image.
    """

    hit: float
    energy: float
    chance: float


def localise(attribution: np.ndarray, mask: np.ndarray) -> Localisation | None:
    """Compare one map with the mask of the finding; None when the map has no positive value.

    Args:
        attribution: The map, float [height, width]; negative values count as zero.
        mask: Where the finding is, bool [height, width]; at least one pixel.

    Raises:
        DataError: If the shapes differ or the mask is empty.

    References: pointing game: Zhang et al., Top-Down Neural Attention by Excitation Backprop, IJCV 2018,
    section 4.3, here without tolerance around the mask; energy: Wang et al., Score-CAM, CVPR Workshops 2020,
    section 4.2.2.
    """
    check_shape(attribution, name="map", dims="height width")
    if attribution.shape != mask.shape:
        raise DataError(f"map has shape {list(attribution.shape)}, its mask {list(mask.shape)}")
    inside = mask.astype(bool)
    if not inside.any():
        raise DataError("mask is empty, so nothing can be localised")
    positive = np.clip(attribution.astype(np.float64), 0, None)
    if not positive.max() > 0:
        return None
    highest = positive == positive.max()
    return Localisation(
        hit=float(inside[highest].mean()),
        energy=float(positive[inside].sum() / positive.sum()),
        chance=float(inside.mean()),
    )
