"""The threshold above which an image is called positive, chosen where the labels may be looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from medcli.errors import UsageError

_HINT = (
    "write youden, sensitivity=0.9, specificity=0.9, cost=10,1, cost=10,1@0.02, net-benefit=0.1 or alerts=0.2"
)
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Rule:
    """How a threshold is chosen.

    Attributes:
        name: `youden`; `sensitivity` or `specificity`, the least that must be reached; `cost`; `net-benefit`
            at a risk; `alerts`, the largest share of images that may be called.
        values: The target, the risk, the share, or the costs of a missed and of a false finding.
        prevalence: For which costs are counted; None takes that of the images.
    """

    name: str
    values: tuple[float, ...] = ()
    prevalence: float | None = None

    def __str__(self) -> str:
        if not self.values:
            return self.name
        at = "" if self.prevalence is None else f"@{self.prevalence:g}"
        return f"{self.name}={','.join(f'{value:g}' for value in self.values)}{at}"


def parse_rule(text: str) -> Rule:
    """A rule from words such as `youden`, `sensitivity=0.9`, `cost=10,1@0.02`.

    Raises:
        UsageError: If it is none of these.
    """
    name, mark, rest = text.strip().partition("=")
    wanted = {"youden": 0, "sensitivity": 1, "specificity": 1, "cost": 2, "net-benefit": 1, "alerts": 1}.get(
        name
    )
    if wanted is None or (wanted > 0) != bool(mark):
        raise UsageError(f"operating point {text!r} is not known", hint=_HINT)
    if wanted == 0:
        return Rule(name)
    numbers, at, share = rest.partition("@") if name == "cost" else (rest, "", "")
    values = tuple(_number(word, text) for word in numbers.split(","))
    if len(values) != wanted:
        raise UsageError(f"operating point {text!r} takes {wanted} numbers, not {len(values)}", hint=_HINT)
    if name == "cost":
        if not all(0 < value < math.inf for value in values):
            raise UsageError(f"operating point {text!r}: costs must be above 0", hint=_HINT)
    elif not 0 < values[0] <= 1 or (name == "net-benefit" and values[0] == 1):
        top = "below 1" if name == "net-benefit" else "at most 1"
        raise UsageError(f"operating point {text!r}: it must be above 0 and {top}", hint=_HINT)
    prevalence = _number(share, text) if at else None
    if prevalence is not None and not 0 < prevalence < 1:
        raise UsageError(f"operating point {text!r}: the prevalence must be between 0 and 1", hint=_HINT)
    return Rule(name, values, prevalence)


def _number(word: str, text: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise UsageError(f"operating point {text!r}: {word!r} is not a number", hint=_HINT) from error


class _Counts(NamedTuple):
    """Calls at or above each threshold, among `positives` and `negatives`."""

    thresholds: np.ndarray
    true: np.ndarray
    false: np.ndarray
    positives: int
    negatives: int


def choose_threshold(targets: np.ndarray, scores: np.ndarray, *, rule: Rule) -> dict[str, Any]:
    """Threshold of one label under `score >= threshold`: one of the scores, never between two.

    Youden's rule takes the largest sensitivity + specificity; a target takes the best other rate among the
    thresholds that reach it; cost the least cost an image; alerts the most calls that are allowed. Of equals
    the lowest threshold, which finds most, is taken. Net benefit needs no choice: who would act at a risk of
    0.1 calls at a probability of 0.1.

    Args:
        targets: 1 or 0, [images], no unknowns.
        scores: Of the same images; calibrated probabilities for net benefit.

    Returns:
        `threshold`, `sensitivity`, `specificity`, `value` (what a cost, net benefit or alert rate amounts to
        here, beside calling everyone and nobody; else null), or nulls with a `reason`.

    Reference: Youden, Cancer 1950; Zweig & Campbell, Clinical Chemistry 1993; 39:561 (costs); Vickers &
    Elkin, Medical Decision Making 2006; 26:565 (net benefit).
    """
    is_positive = targets == 1
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    if positives == 0 or negatives == 0:
        kind = "positive" if positives == 0 else "negative"
        return _none(f"no {kind} case to choose on" if len(targets) else "no known label")
    counts = _count(is_positive, scores)
    if rule.name == "net-benefit":
        thresholds = np.array([rule.values[0]])
        called = scores >= rule.values[0]
        true, false = np.array([called[is_positive].sum()]), np.array([called[~is_positive].sum()])
        counts = _Counts(thresholds, true, false, positives, negatives)
    merit, allowed = _merit(counts, rule)
    if not allowed.any():
        if rule.name == "cost":
            return _none("calling nobody costs less than any threshold")
        return _none(f"no threshold reaches {rule} without calling nobody")
    top = merit[allowed].max()
    best = int(np.flatnonzero(allowed & (merit >= top - _TOLERANCE * max(1.0, abs(top))))[0])
    chosen = float(counts.thresholds[best])
    if not math.isfinite(chosen):
        return _none("the chosen score is not finite")
    return {
        "threshold": chosen,
        "sensitivity": float(counts.true[best] / positives),
        "specificity": float(1 - counts.false[best] / negatives),
        "value": _value(counts, best, rule),
        "reason": None,
    }


def cross_fitted_calls(
    targets: np.ndarray, scores: np.ndarray, held: np.ndarray, *, rule: Rule
) -> np.ndarray:
    """Calls by thresholds that were chosen on the other folds: 1, 0, or NaN where none could be chosen.

    Their rates are what the rule may be expected to reach on other patients; those at its own choice are
    optimistic.

    Args:
        targets: 1 or 0, [images], no unknowns.
        scores: Of the same images.
        held: Fold of each image.
    """
    calls = np.full(len(targets), np.nan)
    for fold in np.unique(held):
        out = held == fold
        threshold = choose_threshold(targets[~out], scores[~out], rule=rule)["threshold"]
        if threshold is not None:
            calls[out] = scores[out] >= threshold
    return calls


def _count(is_positive: np.ndarray, scores: np.ndarray) -> _Counts:
    """Cases at or above each score, from the highest down."""
    thresholds, inverse = np.unique(scores, return_inverse=True)
    true, false = (
        np.cumsum(np.bincount(inverse[which], minlength=len(thresholds))[::-1])[::-1]
        for which in (is_positive, ~is_positive)
    )
    return _Counts(thresholds, true, false, int(is_positive.sum()), int((~is_positive).sum()))


def _merit(counts: _Counts, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """What is to be largest, and which thresholds are allowed."""
    everywhere = np.ones(len(counts.thresholds), dtype=bool)
    if rule.name == "net-benefit":
        return np.zeros(len(everywhere)), everywhere
    if rule.name == "youden":
        # In integers, so that equals are equal.
        return counts.true * counts.negatives - counts.false * counts.positives, everywhere
    if rule.name == "cost":
        cost = _cost(counts.true, counts.false, counts, rule)
        return -cost, cost <= _cost(0, 0, counts, rule) + _TOLERANCE
    if rule.name == "alerts":
        called = counts.true + counts.false
        return called, called <= rule.values[0] * (counts.positives + counts.negatives) + _TOLERANCE
    if rule.name == "sensitivity":
        return -counts.false, counts.true / counts.positives >= rule.values[0] - _TOLERANCE
    return counts.true, 1 - counts.false / counts.negatives >= rule.values[0] - _TOLERANCE


def _cost(true: Any, false: Any, counts: _Counts, rule: Rule) -> Any:
    """Cost an image of calling so many, at the prevalence of the rule."""
    missed, alarm = rule.values
    share = rule.prevalence
    if share is None:
        share = counts.positives / (counts.positives + counts.negatives)
    return missed * share * (1 - true / counts.positives) + alarm * (1 - share) * false / counts.negatives


def _value(counts: _Counts, best: int, rule: Rule) -> dict[str, Any] | None:
    """What the rule is about, at the threshold and beside calling everyone and calling nobody."""
    size = counts.positives + counts.negatives

    def of(true: float, false: float) -> float:
        if rule.name == "cost":
            return float(_cost(true, false, counts, rule))
        if rule.name == "alerts":
            return float((true + false) / size)
        risk = rule.values[0]
        return float((true - false * risk / (1 - risk)) / size)

    if rule.name not in {"cost", "alerts", "net-benefit"}:
        return None
    return {
        "of": {"cost": "cost an image", "alerts": "share called"}.get(rule.name, "net benefit"),
        "estimate": of(counts.true[best], counts.false[best]),
        "everyone": of(counts.positives, counts.negatives),
        "nobody": of(0, 0),
    }


def _none(reason: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("threshold", "sensitivity", "specificity", "value"))
    return {**nothing, "reason": reason}
