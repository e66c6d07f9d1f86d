"""Intensities of a training part, by which `--normalize train` scales every image.

As nnU-Net scales CT: cut off at percentiles of the training part, then, where float16 holds it, less its mean
and by its standard deviation. Every picture counts alike, whatever its size.

Reference: Isensee et al., nnU-Net, Nature Methods 18, 2021, supplementary note 2 (global normalisation).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from medcli.errors import DataError
from medcli.images.intensity import percentiles

_MOST, _LEAST, _ALL = 1000, 100, 2_000_000


@dataclass(frozen=True)
class Sample:
    """Of one picture: by channel its mean, its variance and evenly spaced quantiles (float64 each).

    Attributes:
        moments: Mean and variance of each channel.
        quantiles: float64 [channels, quantiles].
        is_inverted: Bright is stored as low.
    """

    moments: tuple[tuple[float, float], ...]
    quantiles: np.ndarray
    is_inverted: bool


@dataclass(frozen=True)
class Statistics:
    """Of a training part: by channel what becomes black and white, the mean and the standard deviation.

    Attributes:
        splits: Digest of the splits that the training part is of.
        num_images: Pictures that were counted.
        is_inverted: Their bright is stored as low.
    """

    splits: str
    num_images: int
    is_inverted: bool
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    def recorded(self) -> dict[str, Any]:
        """As JSON values, for the recipe of shards and models."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }

    @classmethod
    def from_recorded(cls, values: dict[str, Any]) -> Statistics:
        """The inverse of `recorded`.

        Raises:
            DataError: If values are missing or of another kind.
        """
        try:
            columns: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            return cls(**columns)
        except (TypeError, AttributeError) as error:
            raise DataError("its statistics of a training part are not as preprocess records them") from error


def num_quantiles(num_pictures: int) -> int:
    """Of each picture: 1000 of a few, 100 of many, so that they stay below 2 million (or 100 a picture)."""
    return max(_LEAST, min(_MOST, _ALL // max(num_pictures, 1)))


def sample(channels: Sequence[np.ndarray], *, quantiles: int, is_inverted: bool) -> Sample:
    """What `combine` needs of one picture.

    Args:
        channels: The values of each that count, any shape; finite.
        quantiles: How many; that of rank (k + 0.5) / quantiles is the k-th.
        is_inverted: Bright is stored as low.
    """
    shares = tuple(100 * (k + 0.5) / quantiles for k in range(quantiles))
    moments, found = [], []
    for values in channels:
        wide = values.astype(np.float64)
        moments.append((float(wide.mean()), float(wide.var())))
        found.append(percentiles(values.ravel(), shares))
    return Sample(tuple(moments), np.array(found), is_inverted)


def combine(samples: Sequence[Sample], *, splits: str, shares: tuple[float, float]) -> Statistics:
    """Statistics over all pictures; the same digits in whatever order they come.

    Args:
        samples: One a picture, at least one, of equally many quantiles.
        splits: Digest of the splits.
        shares: Percentiles that become black and white.

    Raises:
        DataError: If pictures differ in channels or in which end is bright, or the percentiles are one value.
    """
    if len({len(one.moments) for one in samples}) > 1:
        raise DataError("images of the training part differ in channels, statistics over them mean nothing")
    if len({one.is_inverted for one in samples}) > 1:
        raise DataError(
            "some images of the training part store bright as low (MONOCHROME1), some as high: their values "
            "mean different things",
            hint="use --normalize percentile",
        )
    lows, highs, means, deviations = [], [], [], []
    for channel, moments in enumerate(zip(*(one.moments for one in samples), strict=True)):
        pooled = np.concatenate([one.quantiles[channel] for one in samples])
        low, high = (float(value) for value in np.percentile(pooled, shares))
        if low >= high:
            raise DataError(
                f"percentiles {shares[0]:g} and {shares[1]:g} of the training part are both {low:g}",
                hint="--foreground leaves out air, --percentiles takes others",
            )
        mean = math.fsum(mean for mean, _ in moments) / len(moments)
        variance = math.fsum(own + (middle - mean) ** 2 for middle, own in moments) / len(moments)
        lows.append(low)
        highs.append(high)
        means.append(mean)
        deviations.append(math.sqrt(variance))
    return Statistics(
        splits, len(samples), samples[0].is_inverted, *map(tuple, (lows, highs, means, deviations))
    )
