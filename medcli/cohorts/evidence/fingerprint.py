"""What the images of a cohort are like, by site, modality and device: medians and spread."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

MAX_GROUPS = 40
MAX_SIZES = 5
_QUANTILES = (5, 50, 95)

Facts = Mapping[str, Any]


def fingerprint(
    records: Sequence[Mapping[str, Any]], facts: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Of all images, and of each site, modality and device.

    Args:
        facts: By record id: what `images.quality.describe` says.

    Returns:
        `all` and `groups` (largest first, up to forty, each with `site`, `modality` and `device`, empty where
        unknown); each with `images`, `volumes`, `colour`, `sizes` (the most frequent, with counts), `sides`
        (shorter side in the plane), `slices`, `spacing_mm` (by axis), `low`, `high`, `middle` (intensities:
        outer percentiles and median), `contrast` and `noise`. Numbers are `[5 %, median, 95 %]`, or None
        where unknown.
    """
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    known = [record for record in records if record["id"] in facts]
    for record in known:
        groups[tuple(record.get(name) or "" for name in ("site", "modality", "device"))].append(record)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return {
        "all": _summary(known, facts),
        "num_groups": len(ordered),
        "groups": [
            {
                **dict(zip(("site", "modality", "device"), key, strict=True)),
                **_summary(group, facts),
            }
            for key, group in ordered[:MAX_GROUPS]
        ],
    }


def _summary(records: Sequence[Mapping[str, Any]], facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    members = [facts[record["id"]] for record in records]
    sizes = Counter("x".join(map(str, member["size"])) for member in members)
    spacings = [record["spacing_mm"] for record in records if record.get("spacing_mm")]
    common = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    return {
        "images": len(members),
        "volumes": sum(len(member["size"]) == 3 for member in members),
        "colour": sum(member["channels"] == 3 for member in members),
        "channels": dict(sorted(Counter(str(member["channels"]) for member in members).items())),
        "dtypes": dict(sorted(Counter(member["dtype"] for member in members).items())),
        "sizes": dict(common[:MAX_SIZES]),
        "num_sizes": len(sizes),
        "sides": _quantiles([min(member["size"][-2:]) for member in members]),
        "slices": _quantiles([member["size"][0] for member in members if len(member["size"]) == 3]),
        "spacing_mm": _by_axis(spacings),
        "low": _quantiles([member["percentiles"][0] for member in members]),
        "middle": _quantiles([member["percentiles"][3] for member in members]),
        "high": _quantiles([member["percentiles"][-1] for member in members]),
        "contrast": _quantiles([m["contrast"] for m in members if m["contrast"] is not None]),
        "noise": _quantiles([m["noise"] for m in members if m["noise"] is not None]),
    }


def _by_axis(spacings: list[list[float]]) -> list[list[float] | None] | None:
    """Spread of the distances along (slices,) rows and columns; axes are counted from the last."""
    if not spacings:
        return None
    num_axes = max(map(len, spacings))
    return [
        _quantiles([spacing[axis] for spacing in spacings if len(spacing) >= -axis])
        for axis in range(-num_axes, 0)
    ]


def _quantiles(values: list[float]) -> list[float] | None:
    if not values:
        return None
    return [float(f"{value:.5g}") for value in np.percentile(np.array(values, np.float64), _QUANTILES)]
