"""Intraclass correlation: agreement of readers on a number, such as a size or a score.

Reference: Shrout & Fleiss, Psychological Bulletin 1979; 86:420; McGraw & Wong, Psychological Methods
1996; 1:30.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import fdtri

from medcli.errors import DataError
from medcli.metrics.bootstrap import STUDENT, Resamples, describe, standard_error
from medcli.metrics.intervals import resampled_reach
from medcli.quantity import Quantity, beside, quantity, undefined

FORMS = {
    "ICC(1,1)": "one-way, single reading",
    "ICC(2,1)": "two-way random readers, absolute agreement, single reading",
    "ICC(3,1)": "two-way fixed readers, consistency, single reading",
    "ICC(1,k)": "one-way, mean of the readings",
    "ICC(2,k)": "two-way random readers, absolute agreement, mean of the readings",
    "ICC(3,k)": "two-way fixed readers, consistency, mean of the readings",
}
RESAMPLES = 1000


def icc(
    ratings: np.ndarray, clusters: np.ndarray, *, form: str = "ICC(2,1)", level: float, seed: int
) -> Quantity:
    """One form of the intraclass correlation with its interval.

    The interval is that of the F distribution, or, when patients have several images, Student's with the
    error of resampled patients. Images with a missing reading are left out, and that is flagged.

    Args:
        ratings: float [images, readers]; NaN is a missing reading.
        clusters: Patient of each image.
        form: A key of `FORMS`.
        seed: Of the bootstrap.
    """
    if form not in FORMS:
        raise DataError(f"forms of the ICC are {', '.join(FORMS)}, not {form!r}")
    ratings = np.asarray(ratings, dtype=float)
    complete = ~np.isnan(ratings).any(axis=1)
    kept, used = ratings[complete], np.unique(np.asarray(clusters)[complete], return_inverse=True)[1]
    n, readers = kept.shape
    num_clusters = len(np.unique(used))
    method = f"{form}, {FORMS[form]}"
    flags = [f"{int((~complete).sum())} images with a missing reading left out"] if not complete.all() else []
    if n < 2 or readers < 2:
        reason = "needs two images and two readers"
        return undefined(reason, method=method, n=n, n_clusters=num_clusters, flags=flags)
    # A power of two is exact, and keeps squares of any numbers finite.
    kept = np.ldexp(kept, -int(np.frexp(np.abs(kept).max())[1]))
    sums = _sums(kept - kept.mean())
    squares = mean_squares(sums.sum(axis=0), readers=readers)
    if squares["rows"] + squares["error"] + squares["columns"] <= 1e-12 * float(np.mean(kept**2)):
        return undefined("all readings are equal", method=method, n=n, n_clusters=num_clusters, flags=flags)
    estimate, interval = _solve(squares, form, level=level)
    if math.isnan(estimate):
        reason = "readings differ more within images than between them"
        return undefined(reason, method=method, n=n, n_clusters=num_clusters, flags=flags)
    se = None
    if num_clusters < n:
        by_patient = np.stack([np.bincount(used, column) for column in sums.T], axis=1)

        def statistic(totals: np.ndarray) -> np.ndarray:
            return np.array([_of_resample(total, form, readers=readers) for total in totals])

        drawn = statistic(Resamples(num_clusters, seed, RESAMPLES).sums(by_patient))
        se = standard_error(drawn)
        half = None if se is None else resampled_reach(level, num_clusters) * se
        interval = None if half is None else (estimate - half, min(1.0, estimate + half))
        method += f", {describe(drawn, kind=STUDENT)['method']}"
    value = quantity(
        estimate,
        ci=interval,
        level=level,
        se=se,
        method=method,
        n=n,
        n_clusters=num_clusters,
        flags=flags,
        reason=None
        if interval
        else "no interval: readings do not differ within images, or far more there than between",
    )
    return beside(value, rule="readers who agree by chance", estimate=0.0)


def _sums(ratings: np.ndarray) -> np.ndarray:
    """What the mean squares are made of, added over images: [images, 3 + readers]."""
    ones = np.ones((len(ratings), 1))
    squares = np.stack([ratings.mean(axis=1) ** 2, np.sum(ratings**2, axis=1)], axis=1)
    return np.hstack([ones, squares, ratings])


def mean_squares(sums: np.ndarray, *, readers: int) -> dict[str, Any]:
    """Mean squares of images (`rows`), readers (`columns`), `error` and `within`, of a complete table.

    Args:
        sums: Images, squared means of images, squared readings, and each reader's readings, summed.
        readers: How many there are.
    """
    n, of_means, of_all, columns = sums[0], sums[1], sums[2], sums[3:] / sums[0]
    grand = columns.mean()
    rows = max(0.0, readers * (of_means - n * grand**2))
    between = float(n * np.sum((columns - grand) ** 2))
    within = max(0.0, of_all - readers * of_means)
    return {
        "n": n,
        "readers": readers,
        "rows": float(rows / (n - 1)),
        "columns": between / (readers - 1),
        "error": max(0.0, within - between) / ((n - 1) * (readers - 1)),
        "within": float(within / (n * (readers - 1))),
    }


def _solve(squares: dict[str, Any], form: str, *, level: float) -> tuple[float, tuple[float, float] | None]:
    solve = {"1": _one_way, "2": _absolute, "3": _consistent}[form[4]]
    estimate, interval = solve(squares, level)
    if not form.endswith("k)"):
        return estimate, interval
    readers = squares["readers"]
    if interval is None or 1 + (readers - 1) * interval[0] <= 0:
        return _of_mean(estimate, readers), None
    return _of_mean(estimate, readers), (_of_mean(interval[0], readers), _of_mean(interval[1], readers))


def _of_resample(sums: np.ndarray, form: str, *, readers: int) -> float:
    squares = mean_squares(sums, readers=readers)
    return _solve(squares, form, level=0.5)[0] if squares["rows"] + squares["error"] > 0 else math.nan


def _one_way(squares: dict[str, Any], level: float) -> tuple[float, tuple[float, float] | None]:
    n, k, noise = squares["n"], squares["readers"], squares["within"]
    return _ratio_form(squares["rows"], noise, readers=k, df=(n - 1, n * (k - 1)), level=level)


def _consistent(squares: dict[str, Any], level: float) -> tuple[float, tuple[float, float] | None]:
    n, k, noise = squares["n"], squares["readers"], squares["error"]
    return _ratio_form(squares["rows"], noise, readers=k, df=(n - 1, (n - 1) * (k - 1)), level=level)


def _ratio_form(
    rows: float, noise: float, *, readers: int, df: tuple[int, int], level: float
) -> tuple[float, tuple[float, float] | None]:
    """(F - 1) / (F + k - 1), whose interval is that of F."""
    if noise <= 1e-12 * rows:
        return 1.0, None
    ratio, upper = rows / noise, 0.5 + level / 2

    def form(value: float) -> float:
        return (value - 1) / (value + readers - 1)

    low, high = ratio / fdtri(df[0], df[1], upper), ratio * fdtri(df[1], df[0], upper)
    return form(ratio), (form(float(low)), form(float(high)))


def _absolute(squares: dict[str, Any], level: float) -> tuple[float, tuple[float, float] | None]:
    """Absolute agreement with Satterthwaite's degrees of freedom (McGraw & Wong 1996, table 7)."""
    n, k = squares["n"], squares["readers"]
    rows, columns, error = squares["rows"], squares["columns"], squares["error"]
    estimate = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
    if estimate >= 1 or columns + error <= 1e-12 * rows:
        return estimate, None
    a = k * estimate / (n * (1 - estimate))
    b = 1 + k * estimate * (n - 1) / (n * (1 - estimate))
    parts = (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    if parts <= 0:
        return estimate, None
    df = (a * columns + b * error) ** 2 / parts
    rest, upper = k * columns + (k * n - k - n) * error, 0.5 + level / 2
    below, above = float(fdtri(n - 1, df, upper)), float(fdtri(df, n - 1, upper))
    if not (math.isfinite(below) and math.isfinite(above)):
        return estimate, None
    low = n * (rows - below * error) / (below * rest + n * rows)
    high = n * (above * rows - error) / (rest + n * above * rows)
    return estimate, (low, high)


def _of_mean(single: float, readers: int) -> float:
    """Spearman and Brown's step from one reading to the mean of several; NaN where it has no end."""
    below = 1 + (readers - 1) * single
    return readers * single / below if below > 0 else math.nan
