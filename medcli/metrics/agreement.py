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
from medcli.metrics.icc import icc
from medcli.metrics.intervals import proportion
from medcli.metrics.kappa import cohen_kappa
from medcli.metrics.krippendorff import krippendorff_alpha
from medcli.quantity import Quantity

KINDS = ("binary", "nominal", "ordinal", "continuous")
MAX_GRADES = 11
# Whole numbers further from 0 are measurements, however close to each other.
MAX_GRADE = 1000
_SCALES = {"binary": "nominal", "nominal": "nominal", "ordinal": "ordinal", "continuous": "interval"}


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
    level: float,
    seed: int,
) -> dict[str, Any]:
    """Agreement of several readers on one label.

    Args:
        ratings: float [images, readers]; NaN is not read. Categories are numbers from 0.
        clusters: Patient code of each image.
        readers: Names.
        kind: One of `KINDS`: `binary` and `nominal` get Fleiss' and Conger's kappa, Gwet's AC1, the
            coefficient of Brennan and Prediger and Cohen's kappa of every pair, `ordinal` quadratically
            weighted kappas and the ICC, `continuous` the ICC; all get Krippendorff's alpha on their scale.
        seed: Of the bootstrap.

    Returns:
        Quantities by name, `pairs` (Cohen's kappa of each two readers), and for binary ratings `shares` (of
        yes, of each reader: the prevalence that every kappa depends on). Except for continuous ratings also
        `split`, the share of images on which readers differ, and `images`: how many are read alike (of them,
        for binary ratings, `all_yes`), `split`, and read by fewer than two.
    """
    found: dict[str, Any] = {}
    if kind in ("binary", "nominal"):
        size = 2 if kind == "binary" else _top(ratings)
        counts = rating_counts(ratings, num_categories=size)
        found["fleiss"] = fleiss_kappa(counts, clusters, level=level)
        found["conger"] = conger_kappa(ratings, clusters, num_categories=size, level=level, seed=seed)
        found["gwet_ac1"] = gwet_ac1(counts, clusters, level=level)
        found["brennan_prediger"] = brennan_prediger(counts, clusters, level=level)
    found["krippendorff"] = krippendorff_alpha(ratings, clusters, scale=_SCALES[kind], level=level, seed=seed)
    if kind in ("ordinal", "continuous"):
        found["icc"] = icc(ratings, clusters, level=level, seed=seed)
    if kind != "continuous":
        found["pairs"] = [
            {
                "reader": " and ".join(readers[row] for row in pair),
                "cohen": _pair(ratings[:, list(pair)], clusters, kind=kind, level=level),
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


def _pair(ratings: np.ndarray, clusters: np.ndarray, *, kind: str, level: float) -> dict[str, Any]:
    both = ~np.isnan(ratings).any(axis=1)
    lowest = 0 if kind != "ordinal" or not both.any() else int(np.nanmin(ratings))
    first, second = (ratings[both] - lowest).astype(int).T
    return cohen_kappa(
        first,
        second,
        clusters[both],
        num_categories=2 if kind == "binary" else _top(ratings - lowest),
        weights="quadratic" if kind == "ordinal" else "none",
        level=level,
    )


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


def _top(ratings: np.ndarray) -> int:
    """How many categories there are, numbered from 0."""
    return 1 if np.isnan(ratings).all() else int(np.nanmax(ratings)) + 1
