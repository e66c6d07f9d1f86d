"""Maps held against the masks of findings: every image's figures, and their means with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from medcli.attribution.localisation import localise
from medcli.metrics.intervals import mean_value, proportion
from medcli.metrics.patients import patient_codes
from medcli.metrics.roc import auc
from medcli.quantity import beside

LEVEL = 0.95
Outcome = tuple[dict[str, Any], dict[str, float] | None]
_OF_THE_IMAGE = "share of the image that the finding covers"


def localised(
    maps: np.ndarray, mask: np.ndarray | None, *, tolerance: int
) -> Iterator[tuple[int, dict[str, float] | None]]:
    """Every class that is in the mask, with how its map (or the only one) lies to it; None for an empty map.

    Args:
        maps: Of one image, [targets, height, width].
        mask: 0 where nothing is, k where the k-th class is, [height, width].
        tolerance: Pixels by which the peak may miss the finding.
    """
    if mask is None:
        return
    for column in (int(value) - 1 for value in np.unique(mask) if value):
        attribution, inside = map_of(maps, column), mask == column + 1
        found = localise(attribution, inside, tolerance=tolerance)
        if found is None:
            yield column, None
            continue
        area = auc(inside.ravel(), attribution.ravel())
        # A finding that covers the whole image leaves nothing to tell it from.
        yield column, {**vars(found), "pixel_auc": np.nan if area is None else area}


def map_of(maps: np.ndarray, column: int) -> np.ndarray:
    """The map of a class; methods that know no classes give one for all."""
    return maps[column if len(maps) > 1 else 0]


def summarise(outcomes: list[Outcome]) -> dict[str, Any]:
    """The figures of one class with intervals, each beside what a map without knowledge would get."""
    known = [(record, figures) for record, figures in outcomes if figures is not None]
    _, patients = patient_codes([record for record, _ in known])

    def values(name: str) -> np.ndarray:
        return np.array([figures[name] for _, figures in known])

    def mean_of(name: str) -> Any:
        kept = ~np.isnan(values(name)) if known else np.zeros(0, dtype=bool)
        return mean_value(values(name)[kept], patients[kept], level=LEVEL, what="mean", ceiling=1.0)

    chance, chance_iou = (
        float(np.mean(values(name))) if known else None for name in ("chance", "chance_iou")
    )
    return {
        "num_masks": len(outcomes),
        "num_empty_maps": len(outcomes) - len(known),
        "pointing": beside(
            proportion(values("hit"), patients, level=LEVEL), rule=_OF_THE_IMAGE, estimate=chance
        ),
        **{name: beside(mean_of(name), rule=_OF_THE_IMAGE, estimate=chance) for name in ("energy", "dice")},
        "iou": beside(mean_of("iou"), rule="as many pixels anywhere", estimate=chance_iou),
        "pixel_auc": beside(mean_of("pixel_auc"), rule="chance", estimate=0.5),
    }
