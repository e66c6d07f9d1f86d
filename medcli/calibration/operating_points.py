"""The threshold above which an image is called positive, chosen where the labels may be looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.errors import UsageError

RULES = ("youden", "sensitivity", "specificity")


@dataclass(frozen=True)
class Rule:
    """`youden`, or the least `sensitivity` or `specificity` that must be reached."""

    name: str
    target: float | None = None

    def __str__(self) -> str:
        return self.name if self.target is None else f"{self.name}={self.target:g}"


def parse_rule(text: str) -> Rule:
    """A rule from words such as `youden`, `sensitivity=0.9`, `specificity=0.95`.

    Raises:
        UsageError: If it is none of these.
    """
    name, _, number = text.strip().partition("=")
    hint = "write youden, sensitivity=0.9 or specificity=0.9"
    if name not in RULES or (name == "youden") == bool(number):
        raise UsageError(f"operating point {text!r} is not known", hint=hint)
    if name == "youden":
        return Rule(name)
    try:
        target = float(number)
    except ValueError as error:
        raise UsageError(f"operating point {text!r}: {number!r} is not a number", hint=hint) from error
    if not 0 < target <= 1:
        raise UsageError(f"operating point {text!r}: the {name} must be above 0 and at most 1", hint=hint)
    return Rule(name, target)


def choose_threshold(targets: np.ndarray, scores: np.ndarray, *, rule: Rule) -> dict[str, Any]:
    """Threshold of one label under `score >= threshold`, always one of the scores, never between two.

    Youden's rule takes the largest sensitivity + specificity; a target takes the best other rate among the
    thresholds that reach it. Of equals the lowest threshold, which finds most, is taken.

    Args:
        targets: 1 or 0, [images], no unknowns.
        scores: Of the same images.

    Returns:
        `threshold`, `sensitivity` and `specificity` here, or nulls with a `reason`.

    Reference: Youden, Cancer 1950.
    """
    is_positive = targets == 1
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    if positives == 0 or negatives == 0:
        kind = "positive" if positives == 0 else "negative"
        return _none(f"no {kind} case to choose on" if len(targets) else "no known label")
    thresholds, inverse = np.unique(scores, return_inverse=True)
    # Cases at or above each threshold, from the highest down.
    true_calls = np.cumsum(np.bincount(inverse[is_positive], minlength=len(thresholds))[::-1])[::-1]
    false_calls = np.cumsum(np.bincount(inverse[~is_positive], minlength=len(thresholds))[::-1])[::-1]
    sensitivity, specificity = true_calls / positives, 1 - false_calls / negatives
    if rule.name == "youden":
        # In integers, so that equals are equal.
        merit = true_calls * negatives - false_calls * positives
        reached = np.ones(len(thresholds), dtype=bool)
    else:
        is_sensitivity = rule.name == "sensitivity"
        own = sensitivity if is_sensitivity else specificity
        merit = -false_calls if is_sensitivity else true_calls
        reached = own >= (rule.target or 0.0) - 1e-12
    if not reached.any():
        return _none(f"no threshold reaches {rule} without calling nobody")
    best = int(np.flatnonzero(reached & (merit == merit[reached].max()))[0])
    chosen = float(thresholds[best])
    if not math.isfinite(chosen):
        return _none("the chosen score is not finite")
    return {
        "threshold": chosen,
        "sensitivity": float(sensitivity[best]),
        "specificity": float(specificity[best]),
        "reason": None,
    }


def _none(reason: str) -> dict[str, Any]:
    return {"threshold": None, "sensitivity": None, "specificity": None, "reason": reason}
