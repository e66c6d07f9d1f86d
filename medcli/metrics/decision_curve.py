"""Net benefit: what a model is worth to those who would act at a given risk.

Reference: Vickers & Elkin, Medical Decision Making 2006; 26:565; Vickers, Van Calster & Steyerberg, BMJ 2016;
352:i6.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from medcli.errors import DataError
from medcli.metrics.intervals import mean_value
from medcli.quantity import Quantity, beside, undefined

_FEWEST_STEPS = 10


def net_benefit(
    targets: np.ndarray,
    probabilities: np.ndarray,
    clusters: np.ndarray,
    *,
    threshold: float,
    level: float,
    prevalence: float | None = None,
) -> Quantity:
    """True calls an image less false calls an image, weighed by the odds of the threshold.

    It is a mean over images, so that its error can be summed by patient.

    Args:
        targets: 1 or 0, [images], no unknowns.
        probabilities: Of the event, float [images]; called at `probability >= threshold`.
        clusters: Patient of each image.
        threshold: Risk at which one would act, above 0 and below 1.
        level: Of the interval.
        prevalence: Of the population in mind, where cases were sampled by outcome; None takes the images'.

    Returns:
        A quantity beside the better of calling everyone and calling nobody, with `standardised` (over the
        prevalence) and `avoided`: needless calls avoided in 100 images, against calling everyone.
    """
    _check(threshold)
    is_called = np.asarray(probabilities) >= threshold
    return _quantity(targets, is_called, clusters, threshold=threshold, level=level, prevalence=prevalence)


def decision_curve(
    targets: np.ndarray,
    probabilities: np.ndarray,
    clusters: np.ndarray,
    *,
    low: float,
    high: float,
    level: float,
    prevalence: float | None = None,
) -> list[dict[str, Any]]:
    """Net benefit at round risks from `low` to `high`, a range to be declared before looking.

    Returns:
        One entry a threshold: `threshold`, `model` (a quantity), `everyone` and `nobody` (net benefits).
    """
    outcome = _share(targets, prevalence)
    entries = []
    for threshold in round_risks(low, high):
        model = net_benefit(
            targets,
            probabilities,
            clusters,
            threshold=threshold,
            level=level,
            prevalence=prevalence,
        )
        everyone = None if outcome is None else _of_everyone(outcome, threshold)
        entries.append({"threshold": threshold, "model": model, "everyone": everyone, "nobody": 0.0})
    return entries


def round_risks(low: float, high: float) -> list[float]:
    """Every whole percent from `low` to `high`, or a round part of one in a narrow range, and both ends.

    Raises:
        DataError: If the range does not rise within 0 and 1.
    """
    if not 0 < low < high < 1:
        raise DataError(f"the range of thresholds is {low:g} to {high:g}, it must rise within 0 and 1")
    parts = 100
    while (high - low) * parts < _FEWEST_STEPS:
        parts *= 10
    inside = (k / parts for k in range(math.ceil(low * parts), math.floor(high * parts) + 1))
    return sorted({low, high, *(risk for risk in inside if low < risk < high)})


def net_benefit_difference(
    targets: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    clusters: np.ndarray,
    *,
    threshold: float,
    level: float,
) -> Quantity:
    """Net benefit of calls by `first` less that by `second`, paired by image, at one threshold.

    Args:
        targets: 1 or 0, [images], no unknowns.
        first: Probabilities of one model, [images].
        second: Of the other.
        clusters: Patient of each image.
        threshold: Risk at which one would act.
    """
    _check(threshold)
    weights = _weights(np.asarray(targets) == 1, threshold, prevalence=None)
    gain = ((np.asarray(first) >= threshold) * 1.0 - (np.asarray(second) >= threshold)) * weights
    name = f"difference of net benefits at {threshold:g}"
    return mean_value(gain, clusters, level=level, what=name, floor=None)


def _quantity(
    targets: np.ndarray,
    is_called: np.ndarray,
    clusters: np.ndarray,
    *,
    threshold: float,
    level: float,
    prevalence: float | None,
) -> Quantity:
    is_event = np.asarray(targets) == 1
    outcome, name = _share(targets, prevalence), f"net benefit at {threshold:g}"
    if outcome is None:
        reason = "no known label" if len(is_event) == 0 else "the stated prevalence needs both classes"
        none = undefined(reason, method=name, n=len(is_event), n_clusters=len(np.unique(clusters)))
        return {**none, "threshold": threshold, "standardised": None, "avoided": None}
    values = is_called * _weights(is_event, threshold, prevalence=prevalence)
    value = mean_value(values, clusters, level=level, what=name, floor=None)
    everyone = _of_everyone(outcome, threshold)
    better = "calling everyone" if everyone > 0 else "calling nobody"
    value = beside(value, rule=better, estimate=max(0.0, everyone))
    saved = (value["estimate"] - everyone) * 100 * (1 - threshold) / threshold
    standardised = value["estimate"] / outcome if outcome > 0 else None
    return {**value, "threshold": threshold, "standardised": standardised, "avoided": saved}


def _weights(is_event: np.ndarray, threshold: float, *, prevalence: float | None) -> np.ndarray:
    """What calling each image gains or costs; with a stated prevalence, as if cases were as frequent."""
    odds = threshold / (1 - threshold)
    gain = np.where(is_event, 1.0, -odds)
    if prevalence is None:
        return gain
    share = float(is_event.mean())
    return gain * np.where(is_event, prevalence / share, (1 - prevalence) / (1 - share))


def _share(targets: np.ndarray, prevalence: float | None) -> float | None:
    is_event = np.asarray(targets) == 1
    if len(is_event) == 0:
        return None
    share = float(is_event.mean())
    if prevalence is None:
        return share
    return prevalence if 0 < share < 1 else None


def _of_everyone(share: float, threshold: float) -> float:
    return share - (1 - share) * threshold / (1 - threshold)


def _check(threshold: float) -> None:
    if not 0 < threshold < 1:
        raise DataError(f"the threshold of a net benefit is {threshold:g}, it must be between 0 and 1")
