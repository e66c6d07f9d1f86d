"""Which calibrator deserves to be used: a comparison on images that its fit has not seen, patient by patient.

Patients are dealt into folds; every method is fitted on all folds but one and judged on that one. Of the
methods whose log loss is within one standard error of the best, the simplest wins.

Reference: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2009, section 7.10.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from medcli.calibration.calibrator import METHODS, Parameters, apply, fit, keeps, methods_for
from medcli.calibration.cases import FEW, why_unfit
from medcli.calibration.scores import to_probabilities
from medcli.calibration.verdicts import explain
from medcli.quantity import Quantity, quantity

_TINY = 1e-15


class Task(NamedTuple):
    """What columns of scores are: names, `logit` or `probability`, and whether exactly one is true."""

    classes: list[str]
    kind: str
    exclusive: bool


def judge_methods(
    scores: np.ndarray,
    targets: np.ndarray,
    clusters: np.ndarray,
    held: np.ndarray,
    *,
    task: Task,
    level: float,
) -> dict[str, Any]:
    """The winner of each label (of all classes together when they exclude each other), fitted on all images.

    Labels with fewer than 10 patients of a kind are only offered methods that share parameters with others.

    Args:
        scores: [images, classes], logits or probabilities.
        targets: 1, 0 or NaN, [images, classes]; of exclusive classes without unknown rows.
        clusters: Patient code of each image.
        held: Fold of each image; of a patient, one.
        task: What the columns are.
        level: Of the intervals.

    Returns:
        `method`: that of all labels, or `auto` when they differ; `parameters`, for `calibrator.apply`, one
        entry a class with its `method`, or none; `folds`; `comparison`: one entry a label, or one for all
        classes, with `class`, `n`, `winner`, `best`, `why`, `keeps`, `few`, `candidates` (by method the
        quantities `log_loss` and `difference` from the best), and `reason` where nothing could be compared.
    """
    raw = to_probabilities(scores, kind=task.kind, exclusive=task.exclusive)
    names = methods_for(exclusive=task.exclusive)
    if not task.exclusive and len(task.classes) == 1:
        # Without other labels to share with it is Platt scaling.
        names.remove("bias-temperature")
    losses = np.array(
        [
            _losses(_out_of_fold(scores, targets, held, method=name, task=task), targets, task)
            for name in names
        ]
    )
    fitted = {name: fit(scores, targets, method=name, **task._asdict()) for name in names}
    if task.exclusive:
        entry = _verdict(losses[:, :, 0], targets, raw, clusters, fitted, exclusive=True, level=level)
        comparison = [{"class": None, **entry}]
        winners = [entry["winner"]] * len(task.classes)
    else:
        comparison = []
        for column, name in enumerate(task.classes):
            known = ~np.isnan(targets[:, column])
            entry = _verdict(
                losses[:, known, column],
                targets[known, column],
                raw[known, column],
                clusters[known],
                {key: values[column : column + 1] for key, values in fitted.items()},
                exclusive=False,
                level=level,
            )
            comparison.append({"class": name, **entry})
        winners = [entry["winner"] for entry in comparison]
    return {
        "method": winners[0] if len(set(winners)) == 1 else "auto",
        "parameters": _parameters(winners, fitted, task.classes),
        "folds": int(held.max()) + 1,
        "comparison": comparison,
    }


def cross_fitted(
    scores: np.ndarray, targets: np.ndarray, held: np.ndarray, *, task: Task, methods: list[str]
) -> np.ndarray:
    """Probabilities [images, classes] by fits that have not seen the image's patient.

    Args:
        scores: [images, classes].
        targets: 1, 0 or NaN, [images, classes].
        held: Fold of each image.
        task: What the columns are.
        methods: Of each class; all the same when classes exclude each other.
    """
    found = {name: _out_of_fold(scores, targets, held, method=name, task=task) for name in set(methods)}
    return np.stack([found[name][:, column] for column, name in enumerate(methods)], axis=1)


def _out_of_fold(
    scores: np.ndarray, targets: np.ndarray, held: np.ndarray, *, method: str, task: Task
) -> np.ndarray:
    result = np.empty(scores.shape)
    for fold in range(int(held.max()) + 1):
        out = held == fold
        inside = ~out if (~out).any() else out
        parameters = fit(scores[inside], targets[inside], method=method, **task._asdict())
        result[out] = apply(
            scores[out], kind=task.kind, exclusive=task.exclusive, method=method, parameters=parameters
        )
    return result


def _losses(probabilities: np.ndarray, targets: np.ndarray, task: Task) -> np.ndarray:
    """Log losses [images, labels]; of exclusive classes [images, 1]."""
    if task.exclusive:
        of_truth = np.sum(probabilities * targets, axis=1, keepdims=True)
    else:
        of_truth = np.where(targets == 1, probabilities, 1 - probabilities)
    return -np.log(np.maximum(of_truth, _TINY))


def _verdict(
    losses: np.ndarray,
    truth: np.ndarray,
    raw: np.ndarray,
    patients: np.ndarray,
    fitted: dict[str, Parameters],
    *,
    exclusive: bool,
    level: float,
) -> dict[str, Any]:
    """The winner of one label, or of all classes, by the losses [methods, images], with its reasons."""
    names = list(fitted)
    reason = why_unfit(truth) if not exclusive else None
    if reason is None and len(np.unique(patients)) < 2:
        reason = "one patient cannot be judged on another"
    if reason:
        nothing: dict[str, Any] = {
            "winner": "none",
            "best": None,
            "candidates": {},
            "reason": reason,
            "few": None,
        }
        return {**nothing, "n": len(truth), "keeps": "everything", "why": reason}
    few = None if exclusive else _few(truth, patients)
    offered = [name for name in names if few is None or METHODS[name].shares]
    entry = {**_compare(dict(zip(names, losses, strict=True)), patients, offered, level=level), "few": few}
    why = explain(entry, raw, truth, fitted=fitted, exclusive=exclusive, level=level)
    promise = keeps(entry["winner"], exclusive=exclusive)
    return {**entry, "n": len(truth), "keeps": promise, "why": why, "reason": None}


def _few(truth: np.ndarray, patients: np.ndarray) -> str | None:
    kinds = [len(np.unique(patients[truth == value])) for value in (1, 0)]
    return f"only {min(kinds)} patients of a kind: parameters are shared" if min(kinds) < FEW else None


def _compare(
    losses: dict[str, np.ndarray], clusters: np.ndarray, offered: list[str], *, level: float
) -> dict[str, Any]:
    """Candidates, and the simplest of them that is within one standard error of the best."""
    best = min(offered, key=lambda name: (float(np.mean(losses[name])), offered.index(name)))
    candidates = {
        name: {
            "log_loss": _mean(losses[name], clusters, level=level, floor=0.0),
            "difference": _mean(losses[name] - losses[best], clusters, level=level, floor=-math.inf),
        }
        for name in offered
    }
    gaps = ((name, candidates[name]["difference"]) for name in offered)
    near = (name for name, gap in gaps if gap["estimate"] <= gap["se"])
    return {"winner": next(near), "best": best, "candidates": candidates}


def _parameters(winners: list[str], fitted: dict[str, Parameters], classes: list[str]) -> Parameters:
    if set(winners) == {"none"}:
        return []
    nothing: dict[str, Any] = {"method": "none", "flags": [], "reason": None}
    return [
        fitted[winner][column] if winner != "none" else {"class": classes[column], **nothing}
        for column, winner in enumerate(winners)
    ]


def _mean(values: np.ndarray, clusters: np.ndarray, *, level: float, floor: float) -> Quantity:
    """Mean over images with a normal interval whose error is summed by patient."""
    _, codes = np.unique(clusters, return_inverse=True)
    used, mean = int(codes.max()) + 1, float(np.mean(values))
    sums = np.bincount(codes, values - mean)
    se = math.sqrt(used / max(1, used - 1) * float(np.sum(sums**2))) / len(values)
    half = float(ndtri(0.5 + level / 2)) * se
    return quantity(
        mean,
        ci=(max(floor, mean - half), mean + half),
        level=level,
        se=se,
        method="cross-fitted log loss, by patient",
        n=len(values),
        n_clusters=used,
    )
