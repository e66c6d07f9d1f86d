"""How far p-values, intervals and verdicts from resamples may be from those of endless resamples.

What lies within two Monte-Carlo standard errors of its limit is not settled: another seed may decide
otherwise.

Reference: Koehler, Brown & Haneuse, The American Statistician 2009; 63:155; Davison & Hinkley, Bootstrap
Methods and their Application, 1997, section 2.5.2 (of quantiles).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from medcli.metrics.intervals import normal_quantile
from medcli.metrics.noninferiority import after_holm, judge
from medcli.quantity import Quantity, TestResult

MANY = 20_000
_ERRORS = 2
_OF_QUANTILES = ("percentile", "BCa")


def advice(count: int, *, of: str = "resamples") -> str:
    """What to do about something that so many resamples do not settle."""
    more = MANY if count < MANY else 10 * count
    return f"not settled by {count} {of}, another --seed may decide otherwise: use --resamples {more}"


def bound_error(value: Quantity) -> float:
    """Monte-Carlo standard error of the limits of an interval; 0 where nothing was resampled."""
    if not value.get("resamples") or value["ci"] is None or not value["se"]:
        return 0.0
    if any(kind in value["method"] for kind in _OF_QUANTILES):
        tail, z = (1 - value["level"]) / 2, normal_quantile(value["level"])
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return float(value["se"]) * math.sqrt(tail * (1 - tail) / value["resamples"]) / density
    low, high = value["ci"]
    return (high - low) / 2 * _relative_error(value["resamples"])


def is_bound_unsettled(value: Quantity, bound: float, limit: float) -> bool:
    """Whether a limit of an interval is too near a number that it is compared with."""
    return abs(bound - limit) < _ERRORS * bound_error(value)


def is_p_unsettled(test: TestResult, count: int, *, level: float, sides: int = 2) -> bool:
    """Whether a p-value, before or after Holm's correction, is too near what a test is called by.

    Args:
        test: With `p`, perhaps `p_holm`.
        count: Of resamples or permutations.
        level: Of confidence.
        sides: 2 where p is twice a share of resamples, 1 where it is one.
    """
    p = test["p"]
    if not p or not count:
        return False
    share = min(1.0, p / sides)
    error, limit = sides * math.sqrt(share * (1 - share) / count), 1 - level
    corrected = test.get("p_holm") or p
    return abs(p - limit) < _ERRORS * error or abs(corrected - limit) < _ERRORS * error * corrected / p


def unsettled_verdicts(
    differences: Sequence[Quantity], *, margin: float | None, level: float, higher_is_better: bool = True
) -> list[bool]:
    """Whether the claims of each difference, alone or after Holm's correction, hang on the resamples drawn.

    Each interval and error that was resampled is made two Monte-Carlo errors wider and narrower in turn.
    """
    judged = [judge(item, margin=margin, higher_is_better=higher_is_better) for item in differences]
    claims = [item["claims"] for item in after_holm(judged, level=level)]
    found = [False] * len(judged)
    for place, item in enumerate(differences):
        if bound_error(item) == 0:
            continue
        for sign in (-1, 1):
            other = judge(_moved(item, sign), margin=margin, higher_is_better=higher_is_better)
            found[place] |= other["claims"] != judged[place]["claims"]
            held = after_holm([*judged[:place], other, *judged[place + 1 :]], level=level)
            found = [was or now["claims"] != then for was, now, then in zip(found, held, claims, strict=True)]
    return found


def _moved(value: Quantity, sign: int) -> Quantity:
    """A difference with an interval and an error that are wider (1) or narrower (-1) by chance."""
    step, (low, high) = sign * _ERRORS * bound_error(value), value["ci"]
    factor = 1 + sign * _ERRORS * _relative_error(value["resamples"])
    moved: dict[str, Any] = {"ci": [low - step, high + step], "se": value["se"] * factor}
    return {**value, **moved}


def _relative_error(count: int) -> float:
    """Of a standard deviation of so many values."""
    return 1 / math.sqrt(2 * count)
