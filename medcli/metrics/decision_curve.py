"""Net benefit: what a model is worth to those who would act at a given risk.

Reference: Vickers & Elkin, Medical Decision Making 2006; 26:565; Vickers, Van Calster & Steyerberg, BMJ 2016;
352:i6; Marsh, Janes & Pepe, Biometrics 2020; 76:843 (intervals).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.errors import DataError
from medcli.metrics.intervals import FEW, mean_value
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
        A quantity beside the better of calling everyone and calling nobody, with two more: `standardised`
        (over the prevalence) and `avoided`: needless calls avoided in 100 images, against calling everyone.
    """
    _check(threshold)
    cases = _Cases.of(targets, np.asarray(probabilities) >= threshold, clusters, threshold, prevalence)
    both = {"standardised": cases.standardised(level), "avoided": cases.avoided(level)}
    return {**cases.benefit(level), "threshold": threshold, **both}


def benefit_of_calls(
    targets: np.ndarray, is_called: np.ndarray, clusters: np.ndarray, *, threshold: float, level: float
) -> tuple[Quantity, Quantity]:
    """Net benefit of calls that were made at a risk, and the same standardised; as of `net_benefit`."""
    _check(threshold)
    cases = _Cases.of(targets, is_called, clusters, threshold, None)
    return cases.benefit(level), cases.standardised(level)


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
    entries = []
    for threshold in round_risks(low, high):
        is_called = np.asarray(probabilities) >= threshold
        cases = _Cases.of(targets, is_called, clusters, threshold, prevalence)
        model, everyone = cases.benefit(level), cases.everyone
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


# Below it, a standard error is what rounding leaves of none.
_NO_ERROR = 1e-9


@dataclass(frozen=True)
class _Cases:
    """Images called at a threshold.

    Attributes:
        is_event: Whether each has the finding, bool [images].
        values: What its call brings, [images].
        needless: What it would cost to call it, of those not called, in images needlessly called, [images].
        clusters: Patient of each image.
        threshold: Of the calls.
        prevalence: As stated, or None.
    """

    is_event: np.ndarray
    values: np.ndarray
    needless: np.ndarray
    clusters: np.ndarray
    threshold: float
    prevalence: float | None

    @classmethod
    def of(
        cls,
        targets: np.ndarray,
        is_called: np.ndarray,
        clusters: np.ndarray,
        threshold: float,
        prevalence: float | None,
    ) -> _Cases:
        is_event, called = np.asarray(targets) == 1, np.asarray(is_called, dtype=bool)
        if prevalence is not None and not 0 < is_event.sum() < len(is_event):
            gains = np.zeros(len(is_event))
        else:
            gains = _weights(is_event, threshold, prevalence=prevalence)
        needless = np.where(called, 0.0, -gains) * (1 - threshold) / threshold
        return cls(is_event, called * gains, needless, np.asarray(clusters), threshold, prevalence)

    @property
    def outcome(self) -> float | None:
        """The prevalence; None without images, or where a stated one cannot be had."""
        if len(self.is_event) == 0:
            return None
        share = float(self.is_event.mean())
        if self.prevalence is None:
            return share
        return self.prevalence if 0 < share < 1 else None

    @property
    def everyone(self) -> float | None:
        """Net benefit of calling everyone."""
        return None if self.outcome is None else _of_everyone(self.outcome, self.threshold)

    def benefit(self, level: float) -> Quantity:
        name = f"net benefit at {self.threshold:g}"
        if self.everyone is None:
            return self._none(name)
        value = mean_value(self.values, self.clusters, level=level, what=name, floor=None)
        rule = "calling everyone" if self.everyone > 0 else "calling nobody"
        return beside(value, rule=rule, estimate=max(0.0, self.everyone))

    def standardised(self, level: float) -> Quantity:
        """Over the prevalence, whose error it shares: at most 1, of calls that are all right."""
        name = f"standardised net benefit at {self.threshold:g}"
        if self.everyone is None or not self.outcome:
            return self._none(name)
        ratio = float(self.values.mean()) / self.outcome
        # Of a ratio of means, what each image adds to it; a stated prevalence has no error.
        moved = 0.0 if self.prevalence is not None else ratio * (self.is_event - self.outcome)
        values = self.values / self.outcome - moved / self.outcome
        value = mean_value(values, self.clusters, level=level, what=name, floor=None, ceiling=1.0)
        if value["ci"] and value["se"] < _NO_ERROR:
            reason = ("no call is wrong" if ratio > 0 else "no image is called") + ": no error to estimate"
            value |= {"ci": None, "level": None, "se": None, "reason": reason}
        value["flags"] = self._few()
        rule = "calling everyone" if self.everyone > 0 else "calling nobody"
        return beside(value, rule=rule, estimate=max(0.0, self.everyone) / self.outcome)

    def avoided(self, level: float) -> Quantity:
        """Needless calls avoided in 100 images, at equal benefit to calling everyone."""
        name = f"needless calls avoided in 100 images at {self.threshold:g}"
        if self.everyone is None:
            return self._none(name)
        value = mean_value(100 * self.needless, self.clusters, level=level, what=name, floor=None)
        return beside({**value, "flags": self._few()}, rule="calling everyone", estimate=0.0)

    def _few(self) -> list[str]:
        """Simulated intervals of 10 positives held 86 to 90 in 100."""
        count = len(np.unique(self.clusters[self.is_event]))
        return [f"fewer than {FEW} positive patients: the interval is too narrow"] if count < FEW else []

    def _none(self, name: str) -> Quantity:
        reason = "no positive case" if self.outcome == 0 else "the stated prevalence needs both classes"
        reason = reason if len(self.is_event) else "no known label"
        used = len(np.unique(self.clusters))
        return undefined(reason, method=name, n=len(self.is_event), n_clusters=used)


def _weights(is_event: np.ndarray, threshold: float, *, prevalence: float | None) -> np.ndarray:
    """What calling each image gains or costs; with a stated prevalence, as if cases were as frequent."""
    odds = threshold / (1 - threshold)
    gain = np.where(is_event, 1.0, -odds)
    if prevalence is None:
        return gain
    share = float(is_event.mean())
    return gain * np.where(is_event, prevalence / share, (1 - prevalence) / (1 - share))


def _of_everyone(share: float, threshold: float) -> float:
    return share - (1 - share) * threshold / (1 - threshold)


def _check(threshold: float) -> None:
    if not 0 < threshold < 1:
        raise DataError(f"the threshold of a net benefit is {threshold:g}, it must be between 0 and 1")
