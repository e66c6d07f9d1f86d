"""Several readers, one or more modalities, the same cases: Obuchowski and Rockette's analysis of variance.

Reference: Obuchowski & Rockette, Communications in Statistics 1995; 24:285; Hillis, Statistics in Medicine
2007; 26:596 (degrees of freedom); Hillis, Statistics in Medicine 2014; 33:330.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtr, ndtri, stdtr, stdtrit

from medcli.errors import DataError
from medcli.metrics.bootstrap import logit_bounds
from medcli.metrics.intervals import FEW
from medcli.quantity import Quantity, TestResult, hypothesis_test, quantity, with_test

GENERALISATIONS = ("readers and cases", "cases", "readers")
# Below these a mean square of figures, and a variance, is what rounding left of nothing.
_NO_SQUARE, _NO_VARIANCE = 1e-24, 1e-16


@dataclass(frozen=True)
class Design:
    """Figures of readers in modalities with the covariances of their errors.

    Attributes:
        figures: [modalities, readers], such as AUCs.
        covariances: [modalities, readers, modalities, readers].
        n: Cases.
        n_clusters: Patients.
        fewest: Patients of the rarer kind that the figures depend on; None where that is not known.
    """

    figures: np.ndarray
    covariances: np.ndarray
    n: int
    n_clusters: int
    fewest: int | None = None

    @property
    def most_freedom(self) -> float:
        """Degrees of freedom of the cases where they are so few that their covariances are uncertain too."""
        is_small = self.fewest is not None and self.fewest < FEW
        return max(1.0, self.fewest - 1.0) if is_small and self.fewest is not None else math.inf

    def components(self) -> dict[str, float]:
        """Mean squares, error variance and the three mean covariances of a factorial design."""
        t, r = self.figures.shape
        grand = self.figures.mean()
        rows = self.figures.mean(axis=1, keepdims=True)
        columns = self.figures.mean(axis=0, keepdims=True)
        residual = self.figures - rows - columns + grand
        freedom = (t - 1) * (r - 1)
        parts = {
            "ms_modality": r * float(np.sum((rows - grand) ** 2)) / (t - 1) if t > 1 else 0.0,
            "ms_reader": t * float(np.sum((columns - grand) ** 2)) / (r - 1) if r > 1 else 0.0,
            "ms_interaction": float(np.sum(residual**2)) / freedom if freedom else 0.0,
        }
        parts = {name: value if value > _NO_SQUARE else 0.0 for name, value in parts.items()}
        same_t, same_r = np.eye(t, dtype=bool), np.eye(r, dtype=bool)
        for name, modalities, readers in (
            ("error", same_t, same_r),
            ("cov1", ~same_t, same_r),
            ("cov2", same_t, ~same_r),
            ("cov3", ~same_t, ~same_r),
        ):
            mask = modalities[:, None, :, None] & readers[None, :, None, :]
            parts[name] = float(self.covariances[mask].mean()) if mask.any() else 0.0
        between = (parts["ms_reader"] - parts["ms_interaction"]) / t if t > 1 else parts["ms_reader"]
        parts["reader"] = between - parts["cov1"] + parts["cov3"]
        parts["modality_reader"] = (
            parts["ms_interaction"] - parts["error"] + parts["cov1"] + parts["cov2"] - parts["cov3"]
        )
        return parts


def compare_modalities(design: Design, *, to: str = "readers and cases", level: float) -> dict[str, Any]:
    """Whether modalities differ, and by how much, for the readers and cases one wants to speak of.

    Args:
        design: Of at least two modalities and, unless readers are fixed, two readers.
        to: `readers and cases` (both are samples), `cases` (these readers only), or `readers` (these cases).

    Returns:
        `components`; `test` of all modalities being equal; `differences`, one quantity a pair of modalities,
        with `pair`; `means`, one a modality.
    """
    t, r = design.figures.shape
    _check(design, to=to)
    parts = design.components()
    contrast = parts["ms_interaction"] + r * max(parts["cov2"] - parts["cov3"], 0.0)
    df: float | None = (t - 1) * (r - 1)
    if to == "readers and cases":
        denominator = contrast
        squared = parts["ms_interaction"] ** 2
        df = math.inf if squared == 0 else contrast**2 / (squared / ((t - 1) * (r - 1)))
    elif to == "readers":
        denominator = parts["ms_interaction"]
    else:
        denominator = parts["error"] - parts["cov1"] + (r - 1) * (parts["cov2"] - parts["cov3"])
        df = None
    denominator = denominator if denominator > _NO_VARIANCE else 0.0
    test = _omnibus(parts["ms_modality"], denominator, df1=t - 1, df2=df, to=to)
    se = math.sqrt(max(0.0, 2 * denominator / r))
    means = design.figures.mean(axis=1)
    differences = []
    for first in range(t):
        for second in range(first + 1, t):
            value = _estimate(design, float(means[first] - means[second]), se, df=df, to=to, level=level)
            differences.append({**value, "pair": [first, second]})
    return {
        "components": parts,
        "test": test,
        "differences": differences,
        "means": [mean_of_readers(_only(design, row), to=to, level=level) for row in range(t)],
    }


def mean_of_readers(
    design: Design, *, to: str = "readers and cases", level: float, floor: float = 0.0
) -> Quantity:
    """The mean figure of the readers of one modality.

    Args:
        design: Of one modality; of one reader, only for these cases' like.
        to: As of `compare_modalities`.
        floor: What the figure cannot be below: 0, or -1 for differences.
    """
    if len(design.figures) != 1:
        raise DataError("the mean of readers is of one modality")
    _check(design, to=to)
    readers = design.figures.shape[1]
    parts = design.components()
    se, df = _single(parts, readers, to=to)
    value = _estimate(design, float(design.figures.mean()), se, df=df, to=to, level=level, floor=floor)
    return {**value, "components": {key: parts[key] for key in ("ms_reader", "error", "cov2")}}


def model_against_readers(
    differences: np.ndarray,
    covariance: np.ndarray,
    *,
    n: int,
    n_clusters: int,
    to: str = "readers and cases",
    level: float,
    fewest: int | None = None,
) -> Quantity:
    """One model less the mean of several readers on the same cases.

    A model does not vary as readers do: the analysis is that of the readers' differences from it, whose
    error covariances have the model's taken in.

    Args:
        differences: The model's figure less each reader's, [readers].
        covariance: Of the errors of these differences, [readers, readers].
        n: Cases.
        n_clusters: Patients.
        to: As of `compare_modalities`.
        fewest: As of `Design`.

    Reference: Hillis 2007, section 4, applied to differences from a fixed comparator.
    """
    design = Design(
        np.asarray(differences)[None],
        np.asarray(covariance)[None, :, None, :],
        n=n,
        n_clusters=n_clusters,
        fewest=fewest,
    )
    value = mean_of_readers(design, to=to, level=level, floor=-1.0)
    return {**value, "method": f"model less mean reader, {value['method']}"}


def _single(parts: dict[str, float], readers: int, *, to: str) -> tuple[float, float | None]:
    """Standard error and degrees of freedom of the mean over readers of one modality."""
    df: float | None = readers - 1
    total = parts["ms_reader"]
    if to == "cases":
        total, df = parts["error"] + (readers - 1) * parts["cov2"], None
    elif to == "readers and cases":
        total += readers * max(parts["cov2"], 0.0)
        squared = parts["ms_reader"] ** 2
        df = math.inf if squared == 0 else total**2 / (squared / (readers - 1))
    return math.sqrt(total / readers) if total > _NO_VARIANCE else 0.0, df


def _estimate(
    design: Design,
    estimate: float,
    se: float,
    *,
    df: float | None,
    to: str,
    level: float,
    floor: float = -1.0,
) -> Quantity:
    """A quantity with Student's or the normal interval and test of zero.

    With fewer than 30 patients of a kind there are no more degrees of freedom than such patients less one,
    and figures from 0 to 1 have their interval on the logit scale: the program that is followed elsewhere
    (MRMCaov) takes the covariances as known, and its intervals of few cases miss.
    """
    readers, is_small = design.figures.shape[1], math.isfinite(design.most_freedom)
    if is_small and to != "readers":
        df = min(math.inf if df is None else df, design.most_freedom)
    flags = (
        [f"{readers} readers: fewer than 5 say little about others"] if readers < 5 and to != "cases" else []
    )
    if is_small:
        flags.append(f"fewer than {FEW} positive or negative patients")
    value = quantity(
        estimate,
        level=level,
        se=se,
        method=f"Obuchowski-Rockette, for {to}" + (", Hillis 2007" if to == "readers and cases" else ""),
        n=design.n,
        n_clusters=design.n_clusters,
        flags=flags,
        reason=None if se > 0 else "no interval: readers and cases do not vary",
    )
    value = {**value, "df": df if df is not None and math.isfinite(df) else None}
    if se <= 0:
        return with_test(value, hypothesis_test("t", statistic=None, p=None, reason=value["reason"]))
    bounds = logit_bounds(estimate, se, z=_reach(value, level)) if is_small and floor == 0 else None
    value |= {"ci": list(bounds) if bounds else _clipped(value, level, floor), "level": level}
    statistic, finite = estimate / se, value["df"]
    p = 2 * float(ndtr(-abs(statistic)) if finite is None else stdtr(finite, -abs(statistic)))
    name = "Obuchowski-Rockette, " + ("z" if finite is None else "t")
    return with_test(value, hypothesis_test(name, statistic=statistic, df=finite, p=p))


def _reach(value: Quantity, level: float) -> float:
    upper = 0.5 + level / 2
    return float(ndtri(upper) if value["df"] is None else stdtrit(value["df"], upper))


def _clipped(value: Quantity, level: float, floor: float) -> list[float]:
    half = _reach(value, level) * value["se"]
    return [max(floor, value["estimate"] - half), min(1.0, value["estimate"] + half)]


def _omnibus(mean_square: float, denominator: float, *, df1: int, df2: float | None, to: str) -> TestResult:
    name = f"Obuchowski-Rockette, {df1 + 1} modalities, for {to}"
    if denominator <= 0:
        return hypothesis_test(name, statistic=None, p=None, reason="readers and cases do not vary")
    if df2 is None or math.isinf(df2):
        statistic = df1 * mean_square / denominator
        result = hypothesis_test(name, statistic=statistic, df=df1, p=float(chdtrc(df1, statistic)))
        return {**result, "denominator": denominator}
    statistic = mean_square / denominator
    result = hypothesis_test(name, statistic=statistic, df=df1, p=float(fdtrc(df1, df2, statistic)))
    return {**result, "df2": df2, "denominator": denominator}


def _only(design: Design, row: int) -> Design:
    return Design(
        design.figures[row : row + 1],
        design.covariances[row : row + 1, :, row : row + 1, :],
        n=design.n,
        n_clusters=design.n_clusters,
        fewest=design.fewest,
    )


def _check(design: Design, *, to: str) -> None:
    if to not in GENERALISATIONS:
        raise DataError(f"an analysis is for {', '.join(GENERALISATIONS)}, not for {to!r}")
    if design.figures.shape[1] < 2 and to != "cases":
        raise DataError("an analysis for other readers needs two readers")
