"""What a difference allows one to claim: superiority, equivalence, non-inferiority, with a margin set before.

Reference: Piaggio et al. (CONSORT), JAMA 2012; 308:2594; Schuirmann, Journal of Pharmacokinetics and
Biopharmaceutics 1987; 15:657 (two one-sided tests); Chen, Petrick & Sahiner, Academic Radiology 2012.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from medcli.errors import UsageError
from medcli.metrics.multiplicity import holm
from medcli.quantity import Quantity

VERDICTS = (
    "superior",
    "inferior",
    "equivalent",
    "non-inferior",
    "not shown to be non-inferior",
    "no claim",
)


def judge(difference: Quantity, *, margin: float | None, higher_is_better: bool = True) -> dict[str, Any]:
    """Claims that the interval of a difference (new less old) supports, and one-sided p-values.

    The verdict is the first that holds: superior or inferior (the interval leaves out 0), equivalent (it lies
    within the margin on both sides), non-inferior (it lies above minus the margin). A difference may be both
    inferior and non-inferior: `claims` lists all. Every one-sided test is thus at half of one less the level:
    at 0.95 equivalence is tested at 0.025 on either side, where many use 0.05 and an interval of 0.9.

    Args:
        difference: With its two-sided interval; with `df` the tests use Student's t.
        margin: The largest loss that does not matter, above 0, chosen before; None asks only for superiority.
        higher_is_better: False for errors such as the Brier score.

    Returns:
        `verdict`, `claims`, `margin`, `p` (`superiority`, `inferiority`, `noninferiority`, `equivalence`) and
        `reason`, which says why there is no claim.
    """
    if margin is not None and not (margin > 0 and math.isfinite(margin)):
        raise UsageError(f"the margin is {margin:g}, it must be above 0")
    tails = dict.fromkeys(("superiority", "inferiority", "noninferiority", "equivalence"))
    result: dict[str, Any] = {
        "verdict": "no claim",
        "claims": [],
        "margin": margin,
        "p": tails,
        "reason": None,
    }
    if difference["ci"] is None:
        reason = difference["reason"] or "the difference has no interval"
        return {**result, "reason": reason}
    sign = 1 if higher_is_better else -1
    low, high = sorted(sign * edge for edge in difference["ci"])
    claims = []
    if low > 0:
        claims.append("superior")
    if high < 0:
        claims.append("inferior")
    if margin is not None:
        if low > -margin and high < margin:
            claims.append("equivalent")
        if low > -margin:
            claims.append("non-inferior")
    return {
        **result,
        "verdict": _verdict(claims, margin),
        "claims": claims,
        "p": _tails(sign * difference["estimate"], (low, high), difference, margin),
    }


def after_holm(judged: Sequence[dict[str, Any]], *, level: float) -> list[dict[str, Any]]:
    """Claims that still hold when several labels were judged, and their adjusted p-values.

    Superiority and inferiority are one family of two-sided tests, non-inferiority and equivalence one each.

    Args:
        judged: One result of `judge` a label, all with one margin.
        level: Of the intervals they were judged by.

    Returns:
        `verdict`, `claims` and `p` of each, as of `judge`.
    """
    names = ("superiority", "inferiority", "noninferiority", "equivalence")
    tails = {name: [item["p"][name] for item in judged] for name in names}
    either = [
        None if up is None or down is None else min(up, down)
        for up, down in zip(tails["superiority"], tails["inferiority"], strict=True)
    ]
    adjusted = {name: holm(tails[name]) for name in names[2:]}
    either_adjusted = holm(either)
    results = []
    for place, item in enumerate(judged):
        p: dict[str, float | None] = {name: values[place] for name, values in adjusted.items()}
        for name in names[:2]:
            is_smaller = either[place] is not None and tails[name][place] == either[place]
            p[name] = either_adjusted[place] if is_smaller else None if either[place] is None else 1.0
        words = {"superior": "superiority", "inferior": "inferiority", "equivalent": "equivalence"}
        words["non-inferior"] = "noninferiority"
        claims = [claim for claim in item["claims"] if _holds(p[words[claim]], level)]
        results.append({"verdict": _verdict(claims, item["margin"]), "claims": claims, "p": p})
    return results


def _holds(p: float | None, level: float) -> bool:
    return p is not None and p < (1 - level) / 2


def _verdict(claims: list[str], margin: float | None) -> str:
    return claims[0] if claims else "no claim" if margin is None else "not shown to be non-inferior"


def _tails(
    estimate: float, limits: tuple[float, float], difference: Quantity, margin: float | None
) -> dict[str, float | None]:
    """One-sided p-values from the distances to the limits, so that p and interval never disagree."""
    upper, df = 0.5 + difference["level"] / 2, difference.get("df")
    reach = float(ndtri(upper) if df is None else stdtrit(df, upper))
    below, above = (abs(estimate - limit) / reach for limit in limits)
    if not (below > 0 and above > 0):
        return dict.fromkeys(("superiority", "inferiority", "noninferiority", "equivalence"))

    def tail(value: float) -> float:
        return float(ndtr(value) if df is None else stdtr(df, value))

    low = None if margin is None else tail(-(estimate + margin) / below)
    high = None if margin is None else tail((estimate - margin) / above)
    return {
        "superiority": tail(-estimate / below),
        "inferiority": tail(estimate / above),
        "noninferiority": low,
        "equivalence": None if low is None or high is None else max(low, high),
    }
