"""Which images to explain and which maps to show: spread over the classes, and over right and wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Finding:
    """What a model says of one class of one image, held against the label.

    Attributes:
        row: The image.
        column: The class.
        verdict: right, wrong or unknown.
        truth: The label in a few words.
    """

    row: int
    column: int
    verdict: str
    truth: str


def spread_over_classes(targets: np.ndarray, order: Sequence[int], *, limit: int) -> list[int]:
    """Rows of at most `limit` images, taken from each class in turn, in ascending order.

    Images of no class form a group of their own. Scores play no part, so that what is measured on these
    images is not better than on others.

    Args:
        targets: 1, 0 or NaN, [images, classes].
        order: All rows, in the order in which they are taken within a class.
        limit: 0 takes every image.
    """
    if limit == 0 or limit >= len(order):
        return sorted(order)
    is_of = targets == 1
    groups = [[row for row in order if is_of[row, column]] for column in range(targets.shape[1])]
    groups.append([row for row in order if not is_of[row].any()])
    return sorted(take_in_turn(groups, limit=limit))


def take_in_turn(groups: Iterable[Sequence[int]], *, limit: int) -> list[int]:
    """Up to `limit` different values: the next of each group in turn, until all are used up."""
    taken: dict[int, None] = {}
    queues = [iter(group) for group in groups]
    while queues and len(taken) < limit:
        for queue in list(queues):
            if len(taken) == limit:
                break
            value = next((value for value in queue if value not in taken), None)
            if value is None:
                queues.remove(queue)
            else:
                taken[value] = None
    return list(taken)


def findings_of_exclusive(
    probabilities: np.ndarray, targets: np.ndarray, classes: list[str]
) -> list[Finding]:
    """One finding an image: the class it is called, against the class it is of.

    Args:
        probabilities: [images, classes].
        targets: One 1 a row, or NaN where the truth is not known, [images, classes].
        classes: Names of the columns.
    """
    findings = []
    for row, column in enumerate(probabilities.argmax(axis=1)):
        true = np.flatnonzero(targets[row] == 1)
        if not len(true):
            findings.append(Finding(row, int(column), "unknown", "truth not known"))
        elif true[0] == column:
            findings.append(Finding(row, int(column), "right", f"truth: {classes[column]}"))
        else:
            words = f"truth: {classes[true[0]]} ({probabilities[row, true[0]]:.2f})"
            findings.append(Finding(row, int(column), "wrong", words))
    return findings


def findings_of_labels(
    probabilities: np.ndarray, targets: np.ndarray, thresholds: np.ndarray
) -> list[Finding]:
    """Every label that is there or is said to be there: found, missed, or a false alarm.

    An image without any such label is represented by its most probable one.

    Args:
        probabilities: [images, classes].
        targets: 1, 0, or NaN where the truth is not known, [images, classes].
        thresholds: A label is said to be there from this probability on, [classes].
    """
    findings = []
    for row in range(len(targets)):
        called, truth = probabilities[row] >= thresholds, targets[row]
        of_row = [
            Finding(row, int(column), *_judge(bool(called[column]), float(truth[column])))
            for column in np.flatnonzero((truth == 1) | (called & (truth == 0)))
        ]
        if not of_row:
            column = int(probabilities[row].argmax())
            of_row = [Finding(row, column, *_judge(bool(called[column]), float(truth[column])))]
        findings += of_row
    return findings


def _judge(is_called: bool, truth: float) -> tuple[str, str]:
    if np.isnan(truth):
        return "unknown", "truth not known"
    if truth == 1:
        return ("right", "present, found") if is_called else ("wrong", "present, missed")
    return ("wrong", "absent, false alarm") if is_called else ("right", "absent, not called")


def balanced(findings: list[Finding], *, limit: int) -> dict[str, list[Finding]]:
    """At most `limit` findings by verdict: half wrong and half right where there are enough, by class.

    Args:
        findings: To choose from; each class is taken from in turn, earlier ones first.
        limit: An even number.
    """
    by_verdict = {verdict: [f for f in findings if f.verdict == verdict] for verdict in ("wrong", "right")}
    half, wrong, right = limit // 2, len(by_verdict["wrong"]), len(by_verdict["right"])
    num_wrong = min(wrong, max(half, limit - right))
    chosen = {
        "wrong": _by_class(by_verdict["wrong"], limit=num_wrong),
        "right": _by_class(by_verdict["right"], limit=limit - num_wrong),
    }
    left = limit - len(chosen["wrong"]) - len(chosen["right"])
    chosen["unknown"] = _by_class([f for f in findings if f.verdict == "unknown"], limit=left)
    return {verdict: chosen_ones for verdict, chosen_ones in chosen.items() if chosen_ones}


def _by_class(findings: list[Finding], *, limit: int) -> list[Finding]:
    columns = sorted({finding.column for finding in findings})
    groups = [[i for i, finding in enumerate(findings) if finding.column == column] for column in columns]
    chosen = [findings[i] for i in take_in_turn(groups, limit=limit)]
    return sorted(chosen, key=lambda finding: (finding.column, finding.row))
