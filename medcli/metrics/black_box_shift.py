"""New prevalences of classes from calls alone, if nothing but the prevalences changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.metrics.bootstrap import PatientSums, Percentile, Resamples
from medcli.metrics.intervals import proportion
from medcli.metrics.shift import chi_square
from medcli.quantity import Quantity, undefined

# Of a confusion whose solution would be noise.
_WORST_CONDITION = 1e6


@dataclass(frozen=True)
class Called:
    """Images of one set: the class that each was called, its true class where known, and its patient.

    Attributes:
        calls: Called class, int [images].
        clusters: Patient code of each image, int [images].
        labels: True class, int [images]; not read of a target.
    """

    calls: np.ndarray
    clusters: np.ndarray
    labels: np.ndarray


def black_box_shift(
    source: Called, target: Called, *, names: Sequence[str], resamples: Resamples, level: float
) -> dict[str, Any]:
    """New prevalences of classes from calls alone, if only the prevalences changed (BBSE).

    Solves (confusion on the source) times weights = (calls on the target). Intervals are of resampled
    patients of both, who share one numbering.

    Args:
        source: Images whose true class is known.
        target: Images of which only the calls are used.
        names: Of the classes, in the order of their numbers.
        resamples: Of the patients of both.
        level: Of confidence.

    Returns:
        `classes`, each with `class`, `source` (its prevalence there), `prevalence` (of the target) and
        `weight` (new over old); `condition` of the confusion, and `test`, whether calls are as frequent as on
        the source.

    Reference: Lipton, Wang & Smola, ICML 2018.
    """
    size = len(names)
    cells = [(source, source.calls * size + source.labels, size**2), (target, target.calls, size)]
    counts = np.hstack([_per_patient(*cell, num_clusters=resamples.num_clusters) for cell in cells])
    whole = counts.sum(axis=0)
    joint = whole[: size**2].reshape(size, size)
    test = chi_square(joint.sum(axis=1), whole[size**2 :])
    condition = float(np.linalg.cond(joint / max(1, len(source.calls)))) if len(source.calls) else math.inf
    reason = _why_unsolvable(joint, condition, len(target.calls))
    used = len(np.union1d(source.clusters, target.clusters))
    facts: dict[str, Any] = {"n": len(source.calls) + len(target.calls), "n_clusters": used}
    sets = [source.clusters[source.labels == label] for label in range(size)] + [target.clusters]
    fewest = min(len(np.unique(clusters)) for clusters in sets)
    sums = PatientSums(counts, resamples, fewest=fewest, **facts)

    def told(place: int, kind: int, name: str) -> Quantity:
        if reason is not None:
            return undefined(reason, method=name, **facts)
        return sums.quantity(
            lambda rows: _solved(rows, size)[kind][:, place],
            name=name,
            settings=Percentile(level),
            none_reason="calls do not tell the classes apart",
        )

    classes = [
        {
            "class": name,
            "source": proportion(source.labels == place, source.clusters, level=level),
            "prevalence": told(place, 1, "prevalence from calls alone (Lipton 2018)"),
            "weight": told(place, 0, "new over old prevalence, from calls alone (Lipton 2018)"),
        }
        for place, name in enumerate(names)
    ]
    return {
        "test": test,
        "classes": classes,
        "condition": condition if reason is None else None,
        "reason": reason,
    }


def _per_patient(side: Called, cells: np.ndarray, size: int, *, num_clusters: int) -> np.ndarray:
    """How many images of each cell each patient has, [patients, cells]."""
    found = np.bincount(side.clusters * size + cells, minlength=num_clusters * size)
    return found.reshape(num_clusters, size)


def _why_unsolvable(joint: np.ndarray, condition: float, num_target: int) -> str | None:
    if num_target == 0:
        return "no target image"
    if not (joint.sum(axis=0) > 0).all():
        return "a class does not occur in the source"
    return None if condition < _WORST_CONDITION else "calls do not tell the classes apart"


def _solved(sums: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and prevalences of every set of sums, each [sets, classes]; NaN where there are none."""
    confusion = sums[:, : size**2].reshape(-1, size, size)
    confusion = confusion / confusion.sum(axis=(1, 2), keepdims=True)
    calls = sums[:, size**2 :] / sums[:, size**2 :].sum(axis=1, keepdims=True)
    source = confusion.sum(axis=1)
    is_solvable = np.isfinite(calls).all(axis=1) & np.isfinite(confusion).all(axis=(1, 2))
    is_solvable &= (source > 0).all(axis=1)
    usable = np.where(is_solvable[:, None, None], confusion, np.eye(size))
    is_solvable &= np.linalg.cond(usable) < _WORST_CONDITION
    usable = np.where(is_solvable[:, None, None], confusion, np.eye(size))
    right = np.where(is_solvable[:, None], calls, 1.0)
    weights = np.clip(np.linalg.solve(usable, right[:, :, None])[:, :, 0], 0, None)
    prevalence = weights * np.where(is_solvable[:, None], source, 1.0)
    prevalence = prevalence / prevalence.sum(axis=1, keepdims=True)
    return tuple(np.where(is_solvable[:, None], found, np.nan) for found in (weights, prevalence))  # type: ignore[return-value]
