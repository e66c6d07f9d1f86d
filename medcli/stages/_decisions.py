"""The section `decision_curves` of an evaluation: net benefit over a declared range of thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.errors import UsageError
from medcli.metrics.decision_curve import decision_curve, net_benefit
from medcli.metrics.scored import Scored


def decision_section(scored: Scored, asked: str, *, level: float) -> dict[str, Any] | None:
    """Net benefit of every class, beside calling everyone and nobody; None when no range was declared.

    Args:
        scored: Images with truth; without probabilities there is no net benefit.
        asked: Words of `--decision-range`: `LOW,HIGH`.
        level: Of every interval.

    Returns:
        `low`, `high`, and `classes`: `class`; `curve` (`thresholds`, `model`, `low`, `high`, `everyone`; None
        when undefined); quantities `at_low`, `at_middle` and `at_high`; `reason`.

    Raises:
        UsageError: If the words are not two risks that rise within 0 and 1.
    """
    if not asked:
        return None
    low, high = _range(asked)
    classes = [
        _one_class(scored, column, low=low, high=high, level=level) for column in range(len(scored.classes))
    ]
    return {"low": low, "high": high, "classes": classes}


def _one_class(scored: Scored, column: int, *, low: float, high: float, level: float) -> dict[str, Any]:
    known = ~np.isnan(scored.targets[:, column])
    entry: dict[str, Any] = {"class": scored.classes[column], "curve": None, "reason": None}
    if scored.before is None:
        return {**entry, "reason": "the scores are ranks, not probabilities"}
    if not known.any():
        return {**entry, "reason": "no known label"}
    cases = scored.targets[known, column], scored.decided[known, column], scored.clusters[known]
    points = decision_curve(*cases, low=low, high=high, level=level)
    entry["curve"] = {
        "thresholds": [point["threshold"] for point in points],
        "model": [point["model"]["estimate"] for point in points],
        "low": [(point["model"]["ci"] or [None, None])[0] for point in points],
        "high": [(point["model"]["ci"] or [None, None])[1] for point in points],
        "everyone": [point["everyone"] for point in points],
    }
    places = (("at_low", low), ("at_middle", (low + high) / 2), ("at_high", high))
    return entry | {name: net_benefit(*cases, threshold=at, level=level) for name, at in places}


def _range(asked: str) -> tuple[float, float]:
    words = asked.split(",")
    try:
        low, high = (float(word) for word in words)
    except ValueError:
        low = high = 0.0
    if not 0 < low < high < 1:
        raise UsageError(
            f"--decision-range is {asked!r}, it must be two risks that rise within 0 and 1, such as 0.05,0.5"
        )
    return low, high
