"""A number with what it takes to judge it: interval, method, how many images of how many patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Quantity = dict[str, Any]
"""`estimate`, `ci`, `level`, `se`, `method`, `n`, `n_clusters`, `flags`, `reason`, `baseline`."""
TestResult = dict[str, Any]
"""`test` (its name), `statistic`, `df`, `p`, `reason`."""


def quantity(
    estimate: float,
    *,
    method: str,
    n: int,
    n_clusters: int,
    ci: tuple[float, float] | None = None,
    level: float | None = None,
    se: float | None = None,
    flags: Sequence[str] = (),
    reason: str | None = None,
) -> Quantity:
    """A defined number; `reason` then says why the interval is missing, if it is."""
    return {
        "estimate": float(estimate),
        "ci": None if ci is None else [float(ci[0]), float(ci[1])],
        "level": level if ci is not None else None,
        "se": None if se is None else float(se),
        "method": method,
        "n": int(n),
        "n_clusters": int(n_clusters),
        "flags": list(flags),
        "reason": reason,
        "baseline": None,
    }


def undefined(reason: str, *, method: str, n: int, n_clusters: int, flags: Sequence[str] = ()) -> Quantity:
    """A number that these data cannot give, and why: null, never 0 or NaN."""
    shape = quantity(0, method=method, n=n, n_clusters=n_clusters, flags=flags, reason=reason)
    return {**shape, "estimate": None}


def beside(value: Quantity, *, rule: str, estimate: float | None) -> Quantity:
    """The same quantity with what a model that knows nothing would get."""
    return {**value, "baseline": {"rule": rule, "estimate": None if estimate is None else float(estimate)}}


def hypothesis_test(
    name: str,
    *,
    statistic: float | None,
    p: float | None,
    df: float | None = None,
    reason: str | None = None,
) -> TestResult:
    """What a test of a hypothesis says; `reason` says why there is no `p`, if there is none."""
    values = {"statistic": statistic, "df": df, "p": p}
    numbers = {key: None if value is None else float(value) for key, value in values.items()}
    return {"test": name, **numbers, "reason": reason}


def with_test(value: Quantity, result: TestResult) -> Quantity:
    """The same quantity with the test of its being zero (or one, for a ratio) under `test`."""
    return {**value, "test": result}
