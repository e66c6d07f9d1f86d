"""Where the patient is, as opposed to air, padding and collimation."""

from __future__ import annotations

import numpy as np

_NUM_BINS = 256
_FLAT_SHARE = 0.3


def foreground(pixels: np.ndarray, *, is_inverted: bool = False) -> np.ndarray:
    """Which pixels belong to the patient.

    Where the darkest value alone covers 30 % or more (skull-stripped, padded, collimated), everything else;
    otherwise what is brighter than Otsu's threshold of 256 equal bins. Of several channels, a pixel belongs
    when it does in any. A constant image is all foreground.

    Args:
        pixels: Any shape, one channel; finite.
        is_inverted: Bright is stored as low (MONOCHROME1): the dark end is the high one.

    Returns:
        bool, the shape of `pixels`.

    Reference: Otsu, A Threshold Selection Method from Gray-Level Histograms, IEEE Trans. SMC 9(1), 1979.
    """
    low, high = float(pixels.min()), float(pixels.max())
    if low == high:
        return np.ones(pixels.shape, bool)
    darkest = high if is_inverted else low
    is_darkest = pixels == pixels.dtype.type(darkest)
    if float(is_darkest.mean()) >= _FLAT_SHARE:
        return ~is_darkest
    scaled = (pixels.astype(np.float64) - low) * ((_NUM_BINS - 1) / (high - low))
    bins = (scaled + 0.5).astype(np.uint8)
    threshold = otsu_threshold(np.bincount(bins.ravel(), minlength=_NUM_BINS))
    return bins <= threshold if is_inverted else bins > threshold


def otsu_threshold(counts: np.ndarray) -> int:
    """The last bin of the dark class: the split that leaves least variance within both classes."""
    total = counts.sum()
    below = np.cumsum(counts)[:-1].astype(np.float64)
    sums = np.cumsum(counts * np.arange(len(counts)))[:-1].astype(np.float64)
    whole = float((counts * np.arange(len(counts))).sum())
    above = total - below
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (whole - sums) / above
        between = np.where((below > 0) & (above > 0), below * above * gap**2, 0.0)
    return int(np.argmax(between))
