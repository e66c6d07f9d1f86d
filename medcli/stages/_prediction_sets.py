"""Prediction sets of the images of one part, or of a group of them, and whether they keep their promise."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.calibration.conformal import prediction_sets
from medcli.metrics.prediction_sets import class_sets, label_sets
from medcli.metrics.scored import Scored


def set_measures(fitted: dict[str, Any], scored: Scored, *, level: float) -> dict[str, Any]:
    """Coverage of each class, overall for classes that exclude each other, and what sets leave open.

    Args:
        fitted: `prediction_sets` of a calibration.
        scored: Of any images; their probabilities as the model gave them are used.
        level: Of the intervals.

    Returns:
        `coverage` (asked for), `score`, `promise`, `overall` (null for labels) and `classes`.
    """
    assert scored.before is not None, "ranks are never calibrated"
    sets = prediction_sets(scored.before, fitted)
    asked = {name: fitted[name] for name in ("coverage", "score", "promise")}
    if sets.no is None:
        names = scored.classes
        return asked | class_sets(sets.yes, scored.labels, scored.clusters, classes=names, level=level)
    entries = []
    for column, name in enumerate(scored.classes):
        known = ~np.isnan(scored.targets[:, column])
        measures = label_sets(
            sets.yes[known, column],
            sets.no[known, column],
            scored.targets[known, column],
            scored.clusters[known],
            level=level,
        )
        entries.append({"class": name, **measures})
    return {**asked, "overall": None, "classes": entries}
