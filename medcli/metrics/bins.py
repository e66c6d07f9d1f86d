"""Which bin of probabilities an image is in, and how an edge shares out images of equal probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.errors import DataError

SCHEMES = ("width", "mass")


@dataclass(frozen=True)
class Bins:
    """Bins of images.

    Attributes:
        codes: Bin of each image from 0; from the number of bins on, the row of `shares` it belongs to.
        shares: Of each probability that several images have and an edge parts: the share of those images that
            each bin holds, float [probabilities, bins]; rows sum to 1.
    """

    codes: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray, *, num_bins: int, scheme: str, closed: str = "right") -> Bins:
        """Bins of `width`, as of `bin_codes`, or of equal `mass`.

        Of equal mass, as many images lie in each bin, in order of probability; sizes differ by at most one,
        larger bins first. Images of equal probability are shared out in proportion, which is the mean over
        all their orders: so no order of the images matters.

        Args:
            probabilities: float [images] in [0, 1].
        """
        if scheme not in SCHEMES:
            raise DataError(f"bins are of equal width or mass, not of equal {scheme}")
        if scheme == "width":
            return cls(bin_codes(probabilities, num_bins=num_bins, closed=closed), np.zeros((0, num_bins)))
        _, codes, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
        sizes = len(codes) // num_bins + (np.arange(num_bins) < len(codes) % num_bins)
        ranked, ends = np.repeat(np.arange(num_bins), sizes), np.cumsum(counts)
        places, last = ranked[ends - counts], ranked[ends - 1]
        parted = np.flatnonzero(places != last)
        held = [
            np.bincount(ranked[ends[value] - counts[value] : ends[value]], minlength=num_bins)
            for value in parted
        ]
        places[parted] = num_bins + np.arange(len(parted))
        return cls(places[codes], np.array(held).reshape(-1, num_bins) / counts[parted, None])

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum of what each image brings, float [images], in each bin."""
        return self.shared_out(np.bincount(self.codes, values, sum(self.shares.shape)))

    def shared_out(self, totals: np.ndarray) -> np.ndarray:
        """What bins hold, [..., bins], from what the images of each code hold, [..., codes]."""
        num_bins = self.shares.shape[1]
        return totals[..., :num_bins] + totals[..., num_bins:] @ self.shares


def bin_codes(probabilities: np.ndarray, *, num_bins: int, closed: str = "right") -> np.ndarray:
    """Bin of each image from 0, of bins that part [0, 1] equally.

    Args:
        probabilities: float [images] in [0, 1].
        closed: `right` for (low, high], the first closed at 0, or `left` for [low, high), the last closed
            at 1.
    """
    if closed not in {"right", "left"}:
        raise DataError(f"bins are closed right or left, not {closed}")
    inner = np.arange(1, num_bins) / num_bins
    return np.searchsorted(inner, probabilities, side="left" if closed == "right" else "right")


def in_order(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """The columns sorted by the first, where that ties by the next, so that no order of rows is left."""
    order = np.lexsort(columns[::-1])
    return tuple(column[order] for column in columns)
