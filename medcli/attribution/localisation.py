"""Whether a map lies on the finding: pointing game, share inside the mask, and overlap with it."""

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
        dice: Of the mask and as many of the highest pixels as it has: the share of them that are in it.
        iou: Of the mask and the pixels at least half as high as the highest.
        chance: What `hit`, `energy` and `dice` would be for a map that knows nothing: the mask's share of
            the image.
        chance_iou: What `iou` would be for as many pixels that lie anywhere.
    """

    hit: float
    energy: float
    dice: float
    iou: float
    chance: float
    chance_iou: float


def localise(attribution: np.ndarray, mask: np.ndarray, *, tolerance: int = 0) -> Localisation | None:
    """Compare one map with the mask of the finding; None when the map has no positive value.

    Args:
        attribution: The map, float [height, width]; negative values count as zero.
        mask: Where the finding is, bool [height, width]; at least one pixel.
        tolerance: Pixels by which the highest pixel may miss the mask.

    Raises:
        DataError: If the shapes differ or the mask is empty.

    References: pointing game: Zhang et al., Top-Down Neural Attention by Excitation Backprop, IJCV 2018,
    section 4.3 (there with a tolerance of 15 pixels); energy: Wang et al., Score-CAM, CVPR Workshops 2020,
    section 4.2.2; `dice` is the relevance rank accuracy of Arras, Osman & Samek, Information Fusion 2022;
    81:14, section 3.2.
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
    high, chance = positive >= positive.max() / 2, float(inside.mean())
    return Localisation(
        hit=float(_near(inside, tolerance)[positive == positive.max()].mean()),
        energy=share_inside(positive, inside),
        dice=rank_accuracy(positive, inside),
        iou=overlap(high, inside),
        chance=chance,
        chance_iou=chance * float(high.mean()) / (chance + float(high.mean()) * (1 - chance)),
    )


def share_inside(values: np.ndarray, inside: np.ndarray) -> float:
    """Share of the sum of the values that is inside: of the positive part the energy, of the size the mass.

    References: Wang et al. 2020 (positive part); Arras, Osman & Samek 2022, section 3.2 (relevance mass).
    """
    return float(values[inside].sum() / values.sum())


def rank_accuracy(values: np.ndarray, inside: np.ndarray) -> float:
    """Share inside of the highest values, as many as there are pixels inside; ties count by their share."""
    count = int(inside.sum())
    edge = np.partition(values.ravel(), -count)[-count]
    above, level = values > edge, values == edge
    room = count - int(above.sum())
    return float((inside[above].sum() + room * inside[level].mean()) / count)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two masks, of which one holds a pixel."""
    return float((first & second).sum() / (first | second).sum())


def _near(inside: np.ndarray, tolerance: int) -> np.ndarray:
    """The mask and all pixels whose distance from it is at most the tolerance."""
    if not tolerance:
        return inside
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(~inside) <= tolerance
