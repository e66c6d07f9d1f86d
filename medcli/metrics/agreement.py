"""How far readers agree beyond chance, by every coefficient that fits what they say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from medcli.metrics.chance_corrected import (
    brennan_prediger,
    conger_kappa,
    fleiss_kappa,
    gwet_ac1,
    rating_counts,
)
from medcli.metrics.icc import FORMS, icc
from medcli.metrics.intervals import proportion
from medcli.metrics.kappa import UNWEIGHTED, Weights, cohen_kappa
from medcli.metrics.krippendorff import krippendorff_alpha
from medcli.quantity import Quantity

KINDS = ("binary", "nominal", "ordinal", "continuous", "ratio")
MAX_GRADES = 11
# Whole numbers further from 0 are measurements, however close to each other.
MAX_GRADE = 1000
_SCALES = {"binary": "nominal", "nominal": "nominal", "continuous": "interval"}


def kind_of_ratings(values: np.ndarray) -> str:
    """`binary` for 1 and 0, `ordinal` for at most 11 whole grades in a row up to 1000, else `continuous`."""
    known = np.unique(values[~np.isnan(values)])
    if np.isin(known, (0.0, 1.0)).all():
        return "binary"
    is_graded = (known == np.round(known)).all() and known[-1] - known[0] < MAX_GRADES
    is_graded &= np.abs(known).max() <= MAX_GRADE
    return "ordinal" if is_graded else "continuous"


def agreement(
    ratings: np.ndarray,
    clusters: np.ndarray,
    *,
    readers: Sequence[str],
    kind: str,
    weights: str = "quadratic",
    level: float,
    seed: int,
) -> dict[str, Any]:
    """Agreement of several readers on one label.

    Categories are the values that any reader gave; AC1 and its kin depend on how many they are.

    Args:
        ratings: float [images, readers]; NaN is not read.
        clusters: Patient code of each image.
        readers: Names.
        kind: One of `KINDS`: `binary`, `nominal` and `ordinal` get Fleiss' and Conger's kappa, Gwet's AC1
            (AC2 where weighted), the coefficient of Brennan and Prediger and Cohen's kappa of every pair;
            `ordinal`, `continuous` and `ratio` the ICC; all get Krippendorff's alpha on their scale.
        weights: Of `ordinal` categories, as of `kappa.Weights`.
        seed: Of the bootstrap.

    Returns:
        Quantities by name, `icc_forms` (the other forms of the ICC, by theirs), `pairs` (Cohen's kappa of
        each two readers), and for binary ratings `shares` (of yes, of each reader: the prevalence that every
        kappa depends on). Except for measurements also `split`, the share of images on which readers differ,
        and `images`: how many are read alike (of them, for binary ratings, `all_yes`), `split`, and read by
        fewer than two.
    """
    found: dict[str, Any] = {}
    is_graded = kind in ("binary", "nominal", "ordinal")
    if is_graded:
        values = np.array([0.0, 1.0]) if kind == "binary" else np.unique(ratings[~np.isnan(ratings)])
        coded = codes_of(ratings, values)
        apart = Weights(weights, values) if kind == "ordinal" else UNWEIGHTED
        found |= _of_categories(coded, clusters, len(values), apart, level=level, seed=seed)
    scale = _SCALES.get(kind, kind)
    found["krippendorff"] = krippendorff_alpha(ratings, clusters, scale=scale, level=level, seed=seed)
    if kind in ("ordinal", "continuous", "ratio"):
        forms = {form: icc(ratings, clusters, form=form, level=level, seed=seed) for form in FORMS}
        found["icc"] = forms.pop("ICC(2,1)")
        found["icc_forms"] = forms
    if is_graded:
        found["pairs"] = [
            {
                "reader": " and ".join(readers[row] for row in pair),
                "cohen": _pair(coded[:, list(pair)], clusters, len(values), apart, level=level),
            }
            for pair in combinations(range(len(readers)), 2)
        ]
        found["split"], found["images"] = _split(ratings, clusters, level=level)
    if kind == "binary":
        found["images"]["all_yes"] = int(
            np.sum((_readings(ratings) > 1) & (np.nansum(1 - ratings, axis=1) == 0))
        )
        found["shares"] = [
            {"reader": name, "share": _share(column, clusters, level=level)}
            for name, column in zip(readers, ratings.T, strict=True)
        ]
    return found


def _of_categories(
    coded: np.ndarray,
    clusters: np.ndarray,
    size: int,
    weights: Weights,
    *,
    level: float,
    seed: int,
) -> dict[str, Quantity]:
    """Coefficients of many readers who put images into categories, weighted where these are ordered."""
    counts = rating_counts(coded, num_categories=size)
    gwet = "gwet_ac2" if weights.has_distances else "gwet_ac1"
    return {
        "fleiss": fleiss_kappa(counts, clusters, weights=weights, level=level),
        "conger": conger_kappa(coded, clusters, num_categories=size, weights=weights, level=level, seed=seed),
        gwet: gwet_ac1(counts, clusters, weights=weights, level=level),
        "brennan_prediger": brennan_prediger(counts, clusters, weights=weights, level=level),
    }


def codes_of(ratings: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Place of each rating among the values, from 0; NaN stays."""
    places = np.searchsorted(values, np.nan_to_num(ratings)).astype(float)
    return np.where(np.isnan(ratings), np.nan, places)


def _pair(coded: np.ndarray, clusters: np.ndarray, size: int, weights: Weights, *, level: float) -> Quantity:
    both = ~np.isnan(coded).any(axis=1)
    first, second = coded[both].astype(int).T
    return cohen_kappa(first, second, clusters[both], num_categories=size, weights=weights, level=level)


def _split(ratings: np.ndarray, clusters: np.ndarray, *, level: float) -> tuple[Quantity, dict[str, int]]:
    """On how many of the images that two readers or more read they differ: as a share, and as counts."""
    twice = _readings(ratings) > 1
    differs = np.nanmin(ratings[twice], axis=1) < np.nanmax(ratings[twice], axis=1)
    share = proportion(differs, clusters[twice], level=level, none_reason="no image was read twice")
    size = int(differs.sum())
    return share, {"alike": len(differs) - size, "split": size, "fewer_than_two": int(np.sum(~twice))}


def _readings(ratings: np.ndarray) -> np.ndarray:
    return np.sum(~np.isnan(ratings), axis=1)


def _share(column: np.ndarray, clusters: np.ndarray, *, level: float) -> Quantity:
    read = ~np.isnan(column)
    return proportion(column[read] == 1, clusters[read], level=level, none_reason="nothing was read")
