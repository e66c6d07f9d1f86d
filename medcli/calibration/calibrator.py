"""Fit a calibrator on validation scores, and apply the one that a manifest describes."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, softmax

from medcli.calibration.platt import fit_platt
from medcli.calibration.scores import to_logits, to_probabilities
from medcli.calibration.temperature import fit_sigmoid_temperature, fit_softmax_temperature
from medcli.errors import DataError, UsageError

Parameters = list[dict[str, Any]]


def choose_method(asked: str, *, exclusive: bool) -> str:
    """The method that `auto` stands for: temperature for exclusive classes, Platt scaling for labels.

    A sigmoid head is mostly wrong by a shift, which a temperature cannot undo.

    Raises:
        UsageError: If the method does not fit the task.
    """
    if asked == "auto":
        return "temperature" if exclusive else "platt"
    if asked == "platt" and exclusive:
        raise UsageError(
            "Platt scaling works on one label at a time, here exactly one class is true",
            hint="use --method temperature",
        )
    return asked


def fit(
    scores: np.ndarray, targets: np.ndarray, *, classes: list[str], kind: str, exclusive: bool, method: str
) -> Parameters:
    """Parameters of `method`, one entry a class; none for method `none`.

    Args:
        scores: [images, classes], logits or probabilities as `kind` says.
        targets: 1, 0 or NaN, [images, classes]; of exclusive classes without unknown rows.
    """
    if method == "none":
        return []
    logits = to_logits(scores, kind=kind, exclusive=exclusive)
    if method == "platt":
        fitted = []
        for column, name in enumerate(classes):
            known = ~np.isnan(targets[:, column])
            fitted.append({"class": name, **fit_platt(logits[known, column], targets[known, column])})
        return fitted
    if exclusive:
        shared = fit_softmax_temperature(logits, targets.argmax(axis=1))
    else:
        shared = fit_sigmoid_temperature(logits, targets)
    return [{"class": name, **shared, "reason": None} for name in classes]


def apply(
    scores: np.ndarray, *, kind: str, exclusive: bool, method: str, parameters: Parameters
) -> np.ndarray:
    """Calibrated probabilities [images, classes], float64; labels that could not be fitted stay as they are.

    Raises:
        DataError: If there is not one set of parameters a class.
    """
    raw = to_probabilities(scores, kind=kind, exclusive=exclusive)
    if method == "none":
        return raw
    if len(parameters) != scores.shape[1]:
        raise DataError(
            f"the calibration is for {len(parameters)} classes, the scores have {scores.shape[1]}"
        )
    logits = to_logits(scores, kind=kind, exclusive=exclusive)
    if method == "temperature":
        scaled = logits / parameters[0]["temperature"]
        return softmax(scaled, axis=1) if exclusive else expit(scaled)
    calibrated = raw.copy()
    for column, entry in enumerate(parameters):
        if entry["slope"] is not None:
            calibrated[:, column] = expit(entry["slope"] * logits[:, column] + entry["intercept"])
    return calibrated
