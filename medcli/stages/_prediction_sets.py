"""Prediction sets of the images of one part, or of a group of them, and whether they keep their promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medcli.calibration.conformal import prediction_sets
from medcli.cohorts.subgroups import assign_groups, parse_subgroups
from medcli.metrics.prediction_sets import class_sets, label_sets
from medcli.metrics.scored import Scored
from medcli.stages._scoring import scored_records
from medcli.store.manifest import Manifest
from medcli.store.predictions import Predictions


def sets_section(
    scored: Scored,
    predictions: Predictions,
    manifest: Manifest,
    asked: Sequence[str],
    *,
    level: float,
    exact: bool = False,
) -> dict[str, Any]:
    """`prediction_sets`: what they keep of their promise, among all images and in each group.

    The promise is for each class, not for each group: a group that is harder than others may get less of it.

    Args:
        scored: Of all images.
        predictions: What they were made of: its records hold the fields.
        manifest: Its calibration holds the sets; without them there is nothing here.
        asked: Words of `--subgroup`.
        level: Of the intervals.
        exact: Clopper and Pearson's intervals of shares instead of Wilson's.
    """
    fitted = (manifest.calibration or {}).get("prediction_sets")
    if fitted is None:
        return {}
    records, fields = scored_records(predictions), []
    for subgroups in parse_subgroups(asked):
        grouping = assign_groups(records, subgroups)
        parts = [scored.subset(grouping.codes == code) for code in range(len(grouping.names))]
        groups = [
            {"group": name, **set_measures(fitted, part, level=level, exact=exact)}
            for name, part in zip(grouping.names, parts, strict=True)
        ]
        fields.append({"field": subgroups.text, "groups": groups})
    asked_for = {name: fitted[name] for name in ("coverage", "score", "promise")}
    everyone = set_measures(fitted, scored, level=level, exact=exact)
    return {"prediction_sets": {**asked_for, **everyone, "subgroups": fields}}


def set_measures(
    fitted: dict[str, Any], scored: Scored, *, level: float, exact: bool = False
) -> dict[str, Any]:
    """Coverage of each class, overall for classes that exclude each other, and what sets leave open.

    Args:
        fitted: `prediction_sets` of a calibration.
        scored: Of any images; their probabilities as the model gave them are used.
        level: Of the intervals.
        exact: Clopper and Pearson's intervals of shares instead of Wilson's.

    Returns:
        `overall` (null for labels) and `classes`.
    """
    assert scored.before is not None, "ranks are never calibrated"
    sets = prediction_sets(scored.before, fitted)
    if sets.no is None:
        return class_sets(
            sets.yes, scored.labels, scored.clusters, classes=scored.classes, level=level, exact=exact
        )
    entries = []
    for column, name in enumerate(scored.classes):
        known = ~np.isnan(scored.targets[:, column])
        measures = label_sets(
            sets.yes[known, column],
            sets.no[known, column],
            scored.targets[known, column],
            scored.clusters[known],
            level=level,
            exact=exact,
        )
        entries.append({"class": name, **measures})
    return {"overall": None, "classes": entries}
