"""Intervals of fitted temperatures, slopes and biases: the sandwich of the likelihood, summed by patient.

Reference: White, Econometrica 1982; 50:1; Liang & Zeger, Biometrika 1986; 73:13 (by patient).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import expit, softmax, stdtrit

from medcli.calibration.bias_temperature import fit_sigmoid_bias_temperature
from medcli.calibration.cases import FEW
from medcli.calibration.scores import to_logits
from medcli.quantity import Quantity, quantity

INTERVALS_OF = ("temperature", "bias-temperature", "platt")
"""Methods whose parameters have intervals; of exclusive classes the temperature alone."""
_METHOD = "maximum likelihood, sandwich by patient"


def with_intervals(
    parameters: list[dict[str, Any]],
    scores: np.ndarray,
    targets: np.ndarray,
    clusters: np.ndarray,
    *,
    kind: str,
    exclusive: bool,
    level: float,
) -> list[dict[str, Any]]:
    """The same entries, each with `intervals`: its parameters as quantities, those that have an interval.

    They hold the method for given, and the model; a parameter at a bound has none, with the reason.

    Args:
        parameters: Entries of `calibrator.fit`.
        scores: What they were fitted to, [images, classes].
        targets: 1, 0 or NaN, [images, classes].
        clusters: Patient of each image.
        level: Of the intervals, by Student's t.
    """
    logits = to_logits(scores, kind=kind, exclusive=exclusive)
    entries = []
    for column, entry in enumerate(parameters):
        found = None
        if entry["reason"] is None and entry["method"] in INTERVALS_OF:
            if exclusive and entry["method"] == "temperature":
                found = _of_softmax(logits, targets, clusters, entry)
            elif not exclusive:
                found = _of_label(logits, targets, clusters, column, entry)
        told = {} if found is None else _told(entry, *found, level=level)
        entries.append({**entry, "intervals": told})
    return entries


_Influences = dict[str, np.ndarray]


def _of_softmax(
    logits: np.ndarray, targets: np.ndarray, clusters: np.ndarray, entry: dict[str, Any]
) -> tuple[_Influences, np.ndarray]:
    """What each image adds to 1/T, and the patients of the images."""
    chances = softmax(logits / entry["temperature"], axis=1)
    expected = np.sum(chances * logits, axis=1)
    observed = np.sum(np.where(targets == 1, logits, 0.0), axis=1)
    information = float(np.sum(chances * (logits - expected[:, None]) ** 2))
    return {"inverse": (observed - expected) / information}, clusters


def _of_label(
    logits: np.ndarray, targets: np.ndarray, clusters: np.ndarray, column: int, entry: dict[str, Any]
) -> tuple[_Influences, np.ndarray]:
    """What each image adds to the parameters of a label, and the patients of the images."""
    known = ~np.isnan(targets)
    own = np.zeros_like(known)
    own[:, column] = known[:, column]
    if entry["method"] == "platt":
        slope, bias, name = entry["slope"], {column: entry["intercept"]}, "slope"
    elif entry["method"] == "temperature":
        positives, size = np.nansum(targets[:, column]), own.sum()
        is_shared = targets.shape[1] > 1 and min(positives, size - positives) < FEW
        return _of_slope(logits, targets, clusters, known if is_shared else own, 1 / entry["temperature"])
    else:
        fitted = fit_sigmoid_bias_temperature(logits, targets)
        bias = {k: item["bias"] for k, item in enumerate(fitted) if item["reason"] is None}
        own, slope, name = (
            known & np.isin(np.arange(known.shape[1]), [*bias]),
            1 / entry["temperature"],
            "inverse",
        )
    rows, columns = np.nonzero(own)
    values, truth = logits[rows, columns], targets[rows, columns]
    biases = np.array([bias.get(k, 0.0) for k in range(known.shape[1])])
    chances = expit(slope * values + biases[columns])
    weights, gaps = chances * (1 - chances), truth - chances
    sums = np.bincount(columns, weights, known.shape[1])
    middles = np.bincount(columns, weights * values, known.shape[1]) / np.where(sums > 0, sums, 1)
    centred = values - middles[columns]
    of_slope = centred * gaps / float(np.sum(weights * centred**2))
    of_bias = np.where(columns == column, gaps / sums[column], 0.0) - middles[column] * of_slope
    return {name: of_slope, "intercept" if name == "slope" else "bias": of_bias}, clusters[rows]


def _of_slope(
    logits: np.ndarray, targets: np.ndarray, clusters: np.ndarray, used: np.ndarray, inverse: float
) -> tuple[_Influences, np.ndarray]:
    rows, columns = np.nonzero(used)
    values = logits[rows, columns]
    chances = expit(inverse * values)
    information = float(np.sum(chances * (1 - chances) * values**2))
    return {"inverse": values * (targets[rows, columns] - chances) / information}, clusters[rows]


def _told(
    entry: dict[str, Any], influences: _Influences, clusters: np.ndarray, *, level: float
) -> dict[str, Quantity]:
    """Quantities from what each image adds; a temperature's interval is on the logarithmic scale."""
    _, codes = np.unique(clusters, return_inverse=True)
    used = int(codes.max()) + 1
    options: dict[str, Any] = {"n": len(codes), "n_clusters": used}
    held = next(
        (flag for flag in entry["flags"] if "bound" in flag or "equal" in flag or "hold" in flag), None
    )
    told = {}
    for key, values in influences.items():
        name = "temperature" if key == "inverse" else key
        estimate = entry[name]
        method = f"{name}, {_METHOD}" + (", log scale" if key == "inverse" else "")
        if held or used < 2:
            reason = f"no interval: {held}" if held else "needs two patients"
            told[name] = quantity(estimate, method=method, reason=reason, **options)
            continue
        se = math.sqrt(used / (used - 1) * float(np.sum(np.bincount(codes, values) ** 2)))
        half = float(stdtrit(used - 1, (1 + level) / 2)) * se
        if key == "inverse":
            # Of log T = -log(1/T) the error is that of 1/T over 1/T.
            factor = math.exp(min(700.0, half * estimate))
            interval, se = (estimate / factor, estimate * factor), se * estimate**2
        else:
            interval = (estimate - half, estimate + half)
        told[name] = quantity(estimate, ci=interval, level=level, se=se, method=method, **options)
    return told
