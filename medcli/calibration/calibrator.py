"""Fit a calibrator on validation scores, and apply the one that a manifest describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, softmax

from medcli.calibration.beta import apply_beta, fit_beta
from medcli.calibration.bias_temperature import fit_sigmoid_bias_temperature, fit_softmax_bias_temperature
from medcli.calibration.isotonic import apply_isotonic, fit_isotonic
from medcli.calibration.platt import fit_platt
from medcli.calibration.prevalence import apply_shifts, shift_values
from medcli.calibration.scores import to_logits, to_probabilities
from medcli.calibration.temperature import fit_label_temperatures, fit_softmax_temperature
from medcli.calibration.vector import fit_vector
from medcli.errors import DataError, UsageError

Parameters = list[dict[str, Any]]


class Method(NamedTuple):
    """What a method leaves alone, and whether labels with few cases may use it because they share parameters.

    Attributes:
        keeps_of_labels: What of a label's scores is as before; None when it is not for labels.
        keeps_of_classes: The same of classes that exclude each other.
        shares: Whether labels share parameters.
    """

    keeps_of_labels: str | None
    keeps_of_classes: str | None
    shares: bool = False


_RANKS = "ranks and AUC"
# From the simplest to the most flexible. Of labels a bias comes before a temperature of the label's own: each
# is one parameter of the label, but only the bias gets its prevalence right.
METHODS = {
    "none": Method("everything", "everything", shares=True),
    "bias-temperature": Method(_RANKS, "nothing", shares=True),
    "temperature": Method(
        f"{_RANKS}, and calls at one half", "the called class and the accuracy", shares=True
    ),
    "platt": Method(_RANKS, None),
    "beta": Method(_RANKS, None),
    "isotonic": Method("ranks, but for new ties", None),
    "vector": Method(None, "nothing"),
}
_OF_ONE_LABEL: dict[str, Callable[..., dict[str, Any]]] = {
    "platt": fit_platt,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
}


def keeps(method: str, *, exclusive: bool) -> str | None:
    """What a method leaves alone; None when it is not for such a task."""
    entry = METHODS[method]
    return entry.keeps_of_classes if exclusive else entry.keeps_of_labels


def keeps_ranks(method: str, *, exclusive: bool) -> bool:
    """Whether images keep their order in every class; one temperature of a softmax moves it very little."""
    return method in {"none", "temperature"} or (not exclusive and method != "isotonic")


def methods_for(*, exclusive: bool) -> list[str]:
    """Names of the methods that fit the task, simplest first."""
    names = [name for name in METHODS if keeps(name, exclusive=exclusive)]
    if exclusive:
        # A bias for each class is many parameters, a temperature is one.
        names.remove("temperature")
        names.insert(1, "temperature")
    return names


def check_method(asked: str, *, exclusive: bool) -> None:
    """Refuse a method that does not fit the task.

    Raises:
        UsageError: With the methods that do.
    """
    names = methods_for(exclusive=exclusive)
    if asked in names:
        return
    what = (
        "works on one label at a time, here exactly one class is true"
        if exclusive
        else "is for classes that exclude each other"
    )
    raise UsageError(f"--method {asked} {what}", hint=f"one of auto, {', '.join(names)}")


def fit(
    scores: np.ndarray, targets: np.ndarray, *, classes: list[str], kind: str, exclusive: bool, method: str
) -> Parameters:
    """Parameters of `method`, one entry a class; none for method `none`.

    Args:
        scores: [images, classes], logits or probabilities as `kind` says.
        targets: 1, 0 or NaN, [images, classes]; of exclusive classes without unknown rows.

    Returns:
        Entries with `class`, `method`, the parameters of the method, `flags` and `reason`; in an entry that
        could not be fitted the parameters are null. Nothing for `none`.
    """
    if method == "none":
        return []
    logits = to_logits(scores, kind=kind, exclusive=exclusive)
    solve = _fit_classes if exclusive else _fit_labels
    entries = solve(logits, targets, method=method)
    return [{"class": name, "method": method, **entry} for name, entry in zip(classes, entries, strict=True)]


def apply(
    scores: np.ndarray, *, kind: str, exclusive: bool, method: str, parameters: Parameters
) -> np.ndarray:
    """Calibrated probabilities [images, classes], float64; labels that could not be fitted stay as they are.

    An entry's own `method` counts before `method`, so that labels may be calibrated each in its own way.

    Raises:
        DataError: If there is not one set of parameters a class.
    """
    raw = to_probabilities(scores, kind=kind, exclusive=exclusive)
    if method == "none" and not parameters:
        return raw
    if len(parameters) != scores.shape[1]:
        raise DataError(
            f"the calibration is for {len(parameters)} classes, the scores have {scores.shape[1]}"
        )
    logits = to_logits(scores, kind=kind, exclusive=exclusive)
    names = [entry.get("method", method) for entry in parameters]
    if exclusive:
        return _apply_classes(logits, raw, method=names[0], parameters=parameters)
    columns = [
        _apply_label(logits[:, k], raw[:, k], method=name, entry=entry)
        for k, (name, entry) in enumerate(zip(names, parameters, strict=True))
    ]
    return np.stack(columns, axis=1)


def calibrated(
    scores: np.ndarray, section: dict[str, Any], *, kind: str, exclusive: bool
) -> np.ndarray | None:
    """Probabilities [images, classes] by a manifest's calibration, moved to its prevalence if it has one.

    None when it leaves scores as they are.
    """
    shift = section["prevalence_shift"]
    if not section["parameters"] and shift is None:
        return None
    found = apply(
        scores, kind=kind, exclusive=exclusive, method=section["method"], parameters=section["parameters"]
    )
    if shift is None:
        return found
    return apply_shifts(found, shift_values(shift), exclusive=exclusive)


def _fit_labels(logits: np.ndarray, targets: np.ndarray, *, method: str) -> Parameters:
    if method == "temperature":
        return fit_label_temperatures(logits, targets)
    if method == "bias-temperature":
        return fit_sigmoid_bias_temperature(logits, targets)
    known = ~np.isnan(targets)
    return [
        _OF_ONE_LABEL[method](logits[known[:, k], k], targets[known[:, k], k]) for k in range(logits.shape[1])
    ]


def _fit_classes(logits: np.ndarray, targets: np.ndarray, *, method: str) -> Parameters:
    labels = targets.argmax(axis=1)
    if method == "temperature":
        shared = fit_softmax_temperature(logits, labels)
        return [{**shared, "reason": None} for _ in range(logits.shape[1])]
    if len(labels) == 0:
        raise DataError("no image has a known label, nothing can be fitted")
    return (fit_vector if method == "vector" else fit_softmax_bias_temperature)(logits, labels)


def _apply_label(logits: np.ndarray, raw: np.ndarray, *, method: str, entry: dict[str, Any]) -> np.ndarray:
    """Calibrated probabilities of one label."""
    values = {name: entry[name] for name in _NAMES.get(method, ())}
    if not values or any(value is None for value in values.values()):
        return raw
    if method == "temperature":
        return expit(logits / values["temperature"])
    if method == "bias-temperature":
        return expit(logits / values["temperature"] + values["bias"])
    if method == "platt":
        return expit(values["slope"] * logits + values["intercept"])
    return apply_beta(logits, **values) if method == "beta" else apply_isotonic(logits, **values)


def _apply_classes(logits: np.ndarray, raw: np.ndarray, *, method: str, parameters: Parameters) -> np.ndarray:
    """Calibrated probabilities of exclusive classes."""
    if method == "none":
        return raw

    def column(name: str) -> np.ndarray:
        return np.array([entry[name] for entry in parameters], dtype=float)

    if method == "temperature":
        return softmax(logits / parameters[0]["temperature"], axis=1)
    if method == "bias-temperature":
        return softmax(logits / parameters[0]["temperature"] + column("bias"), axis=1)
    return softmax(logits * column("weight") + column("bias"), axis=1)


_NAMES = {
    "temperature": ("temperature",),
    "bias-temperature": ("temperature", "bias"),
    "platt": ("slope", "intercept"),
    "beta": ("a", "b", "c"),
    "isotonic": ("scores", "probabilities"),
}
