"""Readers against a truth, and, when they read in several arms (such as with and without help), the arms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medcli.metrics.discrimination import auc_quantity
from medcli.metrics.obuchowski_rockette import Design, compare_modalities, mean_of_readers
from medcli.metrics.one_shot import one_shot
from medcli.metrics.reader_covariances import auc_covariances, share_covariances
from medcli.metrics.reader_figures import KINDS
from medcli.metrics.reader_summary import reader_rates


def compare_arms(
    truth: np.ndarray,
    ratings: np.ndarray,
    clusters: np.ndarray,
    *,
    arms: Sequence[str],
    readers: Sequence[str],
    are_calls: bool,
    covariance: str = "delong",
    level: float,
) -> dict[str, Any]:
    """Each figure of each reader in each arm, the mean readers, and how arms differ.

    Readers without positives and negatives of two patients each in every arm are left out.

    Args:
        truth: 1, 0 or NaN, [images].
        ratings: float [arms, readers, images]; NaN is not read. A call is 1 or 0.
        clusters: Patient code of each image.
        arms: Names.
        readers: Names.
        covariance: Of areas, as of `auc_covariances`.
        are_calls: Whether ratings are 1 and 0: then sensitivity and specificity stand beside the area.

    Returns:
        `each`, an entry for every arm and reader, left out or not, with their own rates or area. `figures`,
        by name: `readers` [arms][readers], `means`, and with two arms or more `test` and `differences`, for
        readers and cases like these and, under `these_readers` and `these_cases`, for these readers or these
        cases alone. With unbiased covariances of areas, `one_shot` stands beside each.
    """
    usable = _is_usable(truth, ratings, clusters)
    names = [name for name, kept in zip(readers, usable, strict=True) if kept]
    left_out = [name for name, kept in zip(readers, usable, strict=True) if not kept]
    each = [
        {"arm": arm, "reader": name, **_alone(truth, row, clusters, are_calls=are_calls, level=level)}
        for arm, rows in zip(arms, ratings, strict=True)
        for name, row in zip(readers, rows, strict=True)
    ]
    result: dict[str, Any] = {"arms": list(arms), "readers": names, "left_out": left_out, "each": each}
    result["figures"] = {}
    if not names:
        return {**result, "reason": "needs positive and negative images of two patients each, in every arm"}
    shape = len(arms), len(names)
    rows = ratings[:, usable].reshape(-1, len(truth))
    read = ~np.isnan(rows).all(axis=0) & ~np.isnan(truth)
    truth, rows, clusters = truth[read], rows[:, read], clusters[read]
    counts = {"n": len(truth), "n_clusters": len(np.unique(clusters))}
    found = {
        "balanced_accuracy" if are_calls else "auc": auc_covariances(truth, rows, clusters, method=covariance)
    }
    for kind, label in (("sensitivity", 1.0), ("specificity", 0.0)) if are_calls else ():
        among = truth == label
        right = np.where(np.isnan(rows), np.nan, rows == label)[:, among]
        anyone = ~np.isnan(right).all(axis=0)
        found[kind] = share_covariances(right[:, anyone], clusters[among][anyone])
    for figure, (figures, covariances) in found.items():
        fewest = min(
            _patients(truth, row, clusters, label) for row in rows for label in KINDS.get(figure, (0.0, 1.0))
        )
        design = Design(figures.reshape(shape), covariances.reshape(shape * 2), fewest=fewest, **counts)
        result["figures"][figure] = _analysis(design, arms, level=level)
    if covariance == "unbiased" and shape[1] > 1:
        figure = "balanced_accuracy" if are_calls else "auc"
        _add_one_shots(result["figures"][figure], truth, rows.reshape(*shape, -1), level=level)
    return {**result, "reason": None}


def _add_one_shots(analysis: dict[str, Any], truth: np.ndarray, ratings: np.ndarray, *, level: float) -> None:
    """The same means and differences with Gallas' own degrees of freedom, as his program prints them."""
    for item, own in zip(analysis["means"], ratings, strict=True):
        item["one_shot"] = one_shot(truth, own, level=level)
    for item in analysis.get("differences", []):
        first, second = item["difference"]["pair"]
        item["one_shot"] = one_shot(truth, ratings[first], ratings[second], level=level)


def _alone(
    truth: np.ndarray, ratings: np.ndarray, clusters: np.ndarray, *, are_calls: bool, level: float
) -> dict[str, Any]:
    """What one reader reaches in one arm: sensitivity and specificity of calls, or the area of ratings."""
    read = ~np.isnan(ratings) & ~np.isnan(truth)
    truth, ratings, clusters = truth[read], ratings[read], clusters[read]
    counts = {"n": len(truth), "n_positive": int(np.sum(truth == 1))}
    if are_calls:
        return {**counts, **reader_rates(truth, ratings, clusters, level=level)}
    return {**counts, "auc": auc_quantity(truth, ratings, clusters, level=level)}


def _is_usable(truth: np.ndarray, ratings: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    return np.array(
        [
            min(_patients(truth, row, clusters, label) for row in ratings[:, reader] for label in (0.0, 1.0))
            > 1
            for reader in range(ratings.shape[1])
        ],
        dtype=bool,
    )


def _patients(truth: np.ndarray, row: np.ndarray, clusters: np.ndarray, label: float) -> int:
    """Patients with an image of this truth that the row rates."""
    return len(np.unique(clusters[~np.isnan(row) & (truth == label)]))


def _analysis(design: Design, arms: Sequence[str], *, level: float) -> dict[str, Any]:
    to = "readers and cases" if design.figures.shape[1] > 1 else "cases"
    values: dict[str, Any] = {"readers": design.figures.tolist()}
    if len(arms) == 1:
        return {**values, "means": [{"arm": arms[0], "mean": mean_of_readers(design, to=to, level=level)}]}
    found = compare_modalities(design, to=to, level=level)
    narrower = {"these_readers": "cases"} | ({"these_cases": "readers"} if to != "cases" else {})
    alone = {name: compare_modalities(design, to=what, level=level) for name, what in narrower.items()}
    values["means"] = [{"arm": arm, "mean": value} for arm, value in zip(arms, found["means"], strict=True)]
    values["differences"] = [
        {
            "name": " less ".join(arms[row] for row in value["pair"]),
            "difference": value,
            **{name: item["differences"][place] for name, item in alone.items()},
        }
        for place, value in enumerate(found["differences"])
    ]
    return {**values, "test": found["test"], "components": found["components"]}
