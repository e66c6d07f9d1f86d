"""Prediction sets that hold the truth as often as was asked for, class by class and by patient.

Split conformal prediction: how strange the true class looked on validation decides which classes a set must
hold. It needs no model of the scores; patients must be alike and new to the model.

Reference: Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World, 2005, section 4.5 (by class);
Lee, Barber & Willett, 2023, arXiv:2306.06342 (several images a patient).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from medcli.errors import UsageError

_TOLERANCE = 1e-9


class Sets(NamedTuple):
    """Answers that the set of each image holds: `yes` and `no` to each label, [images, classes]; `no` is None
    when classes exclude each other."""

    yes: np.ndarray
    no: np.ndarray | None


def fit_sets(
    probabilities: np.ndarray,
    targets: np.ndarray,
    clusters: np.ndarray,
    *,
    classes: list[str],
    exclusive: bool,
    coverage: float,
    score: str = "lac",
) -> dict[str, Any]:
    """The largest strangeness that an answer may have to be in a set, for each class.

    For an image drawn at random from those of a new patient that are of a class, the set holds that class
    with at least the coverage; of labels, `yes` and `no` are two classes. Give probabilities before
    calibration: a calibrator fitted on the same images would weaken the promise, and one that keeps ranks
    changes no set.

    Args:
        probabilities: float [images, classes].
        targets: 1, 0 or NaN, [images, classes].
        clusters: Patient of each image.
        classes: Names of the columns.
        exclusive: Whether exactly one class is true.
        coverage: Asked for, between 0 and 1.
        score: `lac`, the probability that is missing; or, of exclusive classes, `aps`, the probability of all
            that is at least as likely.

    Returns:
        `coverage`, `score`, and `classes`: for each `class`, and `yes` (and `no`) its `limit` (null where any
        answer must be in), `n`, `n_patients` and `reason`.

    Raises:
        UsageError: If coverage is not between 0 and 1, or `aps` is asked for labels.
    """
    if not 0 < coverage < 1:
        raise UsageError(f"the coverage is {coverage:g}, it must be above 0 and below 1")
    if score == "aps" and not exclusive:
        raise UsageError("aps sets are for classes that exclude each other", hint="leave out --set-score")
    strange = _cumulated(probabilities) if score == "aps" else 1 - probabilities
    entries = []
    for column, name in enumerate(classes):
        entry: dict[str, Any] = {"class": name}
        answers = {"yes": (strange[:, column], 1)}
        if not exclusive:
            answers["no"] = (probabilities[:, column], 0)
        for answer, (values, target) in answers.items():
            of_class = targets[:, column] == target
            entry[answer] = _bound(values[of_class], clusters[of_class], coverage=coverage)
        entries.append(entry)
    return {"coverage": coverage, "score": score, "classes": entries}


def prediction_sets(probabilities: np.ndarray, fitted: dict[str, Any]) -> Sets:
    """The answers that belong to the set of each image; sets may be empty, or hold everything.

    Args:
        probabilities: As they were given to `fit_sets`, [images, classes].
        fitted: What `fit_sets` returned.
    """
    if fitted["score"] == "aps":
        # The class that crosses the limit is in: it is judged by what is more likely than itself.
        before = _cumulated(probabilities) - probabilities
        return Sets(before < _limits(fitted, "yes") - _TOLERANCE, None)
    yes = 1 - probabilities <= _limits(fitted, "yes")
    is_exclusive = "no" not in fitted["classes"][0]
    return Sets(yes, None if is_exclusive else probabilities <= _limits(fitted, "no"))


def largest_usual(strange: np.ndarray, clusters: np.ndarray, *, coverage: float) -> float:
    """The limit that a new patient's image keeps with at least the coverage; infinite for few patients.

    Each patient counts once, his images sharing his weight. With one image a patient it is the value of rank
    ceil((n + 1) * coverage).
    """
    _, codes, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    order = np.argsort(strange, kind="stable")
    reached = np.cumsum(1 / counts[codes[order]])
    enough = np.flatnonzero(reached >= coverage * (len(counts) + 1) - _TOLERANCE)
    return float(strange[order[enough[0]]]) if len(enough) else math.inf


def _bound(strange: np.ndarray, clusters: np.ndarray, *, coverage: float) -> dict[str, Any]:
    patients = len(np.unique(clusters))
    limit = largest_usual(strange, clusters, coverage=coverage)
    reason = None
    if math.isinf(limit):
        needed = math.ceil(coverage / (1 - coverage) - _TOLERANCE)
        reason = f"{patients} patients cannot promise {coverage:.0%}, {needed} are needed: every set holds it"
    return {
        "limit": None if math.isinf(limit) else limit,
        "n": len(strange),
        "n_patients": patients,
        "reason": reason,
    }


def _limits(fitted: dict[str, Any], answer: str) -> np.ndarray:
    limits = [entry[answer]["limit"] for entry in fitted["classes"]]
    return np.array([math.inf if limit is None else limit for limit in limits])


def _cumulated(probabilities: np.ndarray) -> np.ndarray:
    """Probability of each class and all that are more likely, the first of equals being more so."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sums = np.cumsum(np.take_along_axis(probabilities, order, axis=1), axis=1)
    result = np.empty_like(sums)
    np.put_along_axis(result, order, sums, axis=1)
    return result
