"""The largest gaps of sensitivity and of false alarms between groups at one threshold, with intervals."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from medcli.metrics.heterogeneity import gap
from medcli.metrics.intervals import normal_quantile
from medcli.quantity import Quantity, quantity, undefined

Distance = tuple[float, float, float]
"""How far apart two groups are, and the least and most that they may be."""


def equalised_odds(
    sensitivities: list[Quantity],
    specificities: list[Quantity],
    *,
    level: float,
    correlations: dict[str, np.ndarray] | None = None,
) -> dict[str, Quantity]:
    """Largest gaps of sensitivity and of false alarms between groups, and the larger of the two.

    Args:
        sensitivities: One a group.
        specificities: One a group.
        level: Of confidence.
        correlations: Of the errors of `sensitivity` and `specificity`, each [groups, groups], where patients
            are in several groups.

    Reference: Hardt, Price & Srebro, NeurIPS 2016.
    """
    found = correlations or {}
    hits = sensitivities, found.get("sensitivity")
    alarms = specificities, found.get("specificity")
    return {
        "sensitivity_gap": largest_gap([hits], level=level),
        "false_alarm_gap": largest_gap([alarms], level=level),
        "equalised_odds_gap": largest_gap([hits, alarms], level=level),
    }


def largest_gap(families: list[tuple[list[Quantity], np.ndarray | None]], *, level: float) -> Quantity:
    """The largest difference of a rate between two groups, over one or more rates.

    Resamples of a largest gap lie above it, and never at 0. The interval here is what all differences allow
    together: those of any two groups hold at once by Bonferroni, and the largest gap is at least the largest
    of the least distances, and at most the largest of the most. With two groups it is the interval of their
    difference without its sign.

    Args:
        families: Of each rate its values, one a group, and the correlations of their errors, or None.
        level: Of confidence.

    Reference: Hsu, Multiple Comparisons, 1996, section 1.3 (simultaneous intervals); Zou, Psychological
    Methods 2007; 12:399 (of each difference).
    """
    pairs = [len([value for value in values if value["estimate"] is not None]) for values, _ in families]
    total = sum(count * (count - 1) // 2 for count in pairs)
    method = f"largest of {total} gaps between groups, square and add, Bonferroni"
    sizes: dict[str, Any] = {
        name: max((sum(value[name] for value in values) for values, _ in families), default=0)
        for name in ("n", "n_clusters")
    }
    if min(pairs, default=0) < 2:
        kinds = "both kinds" if len(families) > 1 else "such a kind"
        return undefined(f"fewer than two groups have {kinds} of case", method=method, **sizes)
    reach = normal_quantile(1 - (1 - level) / total) / normal_quantile(level)
    distances = [item for values, found in families for item in _distances(values, found, reach, level=level)]
    if any(item is None for item in distances):
        largest = max(
            abs(a["estimate"] - b["estimate"])
            for values, _ in families
            for a, b in combinations([v for v in values if v["estimate"] is not None], 2)
        )
        return quantity(largest, method=method, reason="a group has no interval", **sizes)
    estimate, low, high = (max(column) for column in zip(*(d for d in distances if d), strict=True))
    return quantity(estimate, ci=(low, min(1.0, high)), level=level, method=method, **sizes)


def _distances(
    values: list[Quantity], correlations: np.ndarray | None, reach: float, *, level: float
) -> list[Distance | None]:
    """Of every two groups; None where one has no interval."""
    defined = [place for place, value in enumerate(values) if value["estimate"] is not None]
    found: list[Distance | None] = []
    for a, b in combinations(defined, 2):
        together = 0.0 if correlations is None else float(correlations[a, b])
        between = gap(values[a], values[b], correlation=together, level=level)
        if between["ci"] is None:
            found.append(None)
            continue
        middle, (low, high) = between["estimate"], between["ci"]
        low, high = middle - reach * (middle - low), middle + reach * (high - middle)
        found.append((abs(middle), max(0.0, low, -high), max(high, -low)))
    return found
