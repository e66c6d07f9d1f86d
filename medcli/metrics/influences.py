"""What each patient adds to the error of a metric: how metrics of groups that share patients go together."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from medcli.metrics.calibration_measures import CLIP
from medcli.metrics.label import Label
from medcli.metrics.roc import roc_components
from medcli.quantity import Quantity


def influences(
    measures: dict[str, Quantity],
    label: Label,
    *,
    probabilities: np.ndarray | None,
    clusters: np.ndarray,
    num_clusters: int,
) -> dict[str, np.ndarray]:
    """Influence of each patient on each measure that is defined, [num_clusters] by name, up to a factor.

    Args:
        measures: By name, as computed from the rest.
        label: The images.
        probabilities: Of the event, or None.
        clusters: Patient of each image, a code below `num_clusters`.
        num_clusters: Length of the result, the same for all groups.
    """
    outcomes = (label.targets == 1).astype(float)
    values: dict[str, np.ndarray] = {}
    if measures["prevalence"]["estimate"] is not None:
        values["prevalence"] = outcomes - outcomes.mean()
    if label.called is not None and label.risk is not None:
        called = label.calls.astype(float)
        brought = called * np.where(outcomes == 1, 1.0, -label.risk / (1 - label.risk))
        for name, base in (("net_benefit", 1.0), ("standardised_net_benefit", outcomes)):
            if measures[name]["estimate"] is not None:
                values[name] = brought - measures[name]["estimate"] * base
    if probabilities is not None:
        values |= _of_probabilities(measures, np.asarray(probabilities, dtype=float), outcomes)
    found = {name: np.bincount(clusters, value, num_clusters) for name, value in values.items()}
    if label.called is not None:
        found |= rate_influences(label.targets, label.calls, clusters, num_clusters=num_clusters)
    parts = roc_components(label.targets, label.ranks, clusters, num_clusters=num_clusters)
    if parts is not None:
        found["auc"] = parts.positive_parts + parts.negative_parts
    return found


def rate_influences(
    targets: np.ndarray, is_called: np.ndarray, clusters: np.ndarray, *, num_clusters: int
) -> dict[str, np.ndarray]:
    """Influence of each patient on the rates at a threshold that have a case, [num_clusters] by name."""
    truth, called = np.asarray(targets) == 1, np.asarray(is_called, dtype=bool)
    found = {}
    for name, right, among in (
        ("sensitivity", called, truth),
        ("specificity", ~called, ~truth),
        ("ppv", truth, called),
        ("npv", ~truth, ~called),
        ("accuracy", truth == called, np.ones(len(truth), dtype=bool)),
    ):
        if among.any():
            excess = right[among] - right[among].mean()
            found[name] = np.bincount(clusters[among], excess, num_clusters) / among.sum()
    if {"sensitivity", "specificity"} <= set(found):
        found["balanced_accuracy"] = found["sensitivity"] + found["specificity"]
    return found


def _of_probabilities(
    measures: dict[str, Quantity], probabilities: np.ndarray, outcomes: np.ndarray
) -> dict[str, np.ndarray]:
    values = {}
    if measures["brier"]["estimate"] is not None:
        squares = (probabilities - outcomes) ** 2
        values["brier"] = squares - squares.mean()
    ratio = measures["observed_to_expected"]["estimate"]
    if ratio is not None:
        values["observed_to_expected"] = outcomes - ratio * probabilities
    line = logit(np.clip(probabilities, CLIP, 1 - CLIP))
    shift = measures["calibration_intercept"]["estimate"]
    if shift is not None:
        values["calibration_intercept"] = outcomes - expit(line + shift)
    slope = measures["calibration_slope"]["estimate"]
    if slope is not None:
        fitted = expit(slope * line + measures["calibration_slope"]["intercept"])
        weights = fitted * (1 - fitted)
        # The row of the inverse information that belongs to the slope.
        centred = line - np.sum(weights * line) / weights.sum()
        values["calibration_slope"] = centred * (outcomes - fitted)
    return values


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of two metrics whose influences on the same patients these are; 0 when no patient is in both."""
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.clip(np.dot(first, second) / size, -1, 1)) if size > 0 else 0.0
