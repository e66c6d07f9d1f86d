"""A threshold for each class, with its rates where it was chosen and those to be expected elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.calibration.operating_points import Rule, choose_threshold, cross_fitted_calls
from medcli.metrics.intervals import proportion
from medcli.store.digests import derive_seed

FOLD_SEED = derive_seed("medcli calibrate", "folds")


def operating_points(
    classes: list[str],
    targets: np.ndarray,
    values: np.ndarray,
    clusters: np.ndarray,
    *,
    held: np.ndarray,
    rule: Rule,
    level: float,
) -> list[dict[str, Any]]:
    """A threshold for each class, with its rates as quantities.

    Args:
        classes: Names of the columns.
        targets: 1, 0 or NaN, [images, classes].
        values: What thresholds are compared with, [images, classes].
        clusters: Patient code of each image.
        held: Fold of each image, for what is expected of the choice elsewhere.
        rule: How to choose.
        level: Of the intervals.

    Returns:
        One entry a class: `class`, `rule`, `threshold`, `sensitivity`, `specificity`, `value`, `reason`, and
        `expected`: both rates when the choice is made on other patients.
    """
    points = []
    for column, name in enumerate(classes):
        known = ~np.isnan(targets[:, column])
        truth, scores, patients = targets[known, column], values[known, column], clusters[known]
        chosen = choose_threshold(truth, scores, rule=rule)
        point = {"class": name, "rule": str(rule), **chosen, "expected": None}
        if chosen["threshold"] is not None:
            point |= _rates(truth, scores >= chosen["threshold"], patients, level=level)
            calls = cross_fitted_calls(truth, scores, held[known], rule=rule)
            made = ~np.isnan(calls)
            point["expected"] = _rates(truth[made], calls[made] == 1, patients[made], level=level)
        points.append(point)
    return points


def _rates(truth: np.ndarray, is_called: np.ndarray, patients: np.ndarray, *, level: float) -> dict[str, Any]:
    positive = truth == 1
    return {
        "sensitivity": proportion(
            is_called[positive], patients[positive], level=level, none_reason="no positive case"
        ),
        "specificity": proportion(
            ~is_called[~positive], patients[~positive], level=level, none_reason="no negative case"
        ),
    }
