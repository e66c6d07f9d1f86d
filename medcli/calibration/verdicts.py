"""Why a calibrator won, in a sentence that a reader can check."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import logit, ndtri

from medcli.calibration.regression import fit_logistic
from medcli.calibration.scores import CLIP

NAMES = {
    "none": "the scores as they are",
    "temperature": "temperature scaling",
    "bias-temperature": "temperature with a bias for each class",
    "platt": "Platt scaling",
    "beta": "beta calibration",
    "isotonic": "isotonic regression",
    "vector": "vector scaling",
}


def explain(
    entry: dict[str, Any],
    raw: np.ndarray,
    targets: np.ndarray,
    *,
    fitted: dict[str, Any],
    exclusive: bool,
    level: float,
) -> str:
    """The winner, its log loss, why not a simpler one, and why not the best one.

    Args:
        entry: Of the referee: `winner`, `best`, `candidates`.
        raw: Probabilities before calibration, [images] of a label or [images, classes].
        targets: Of the same shape.
        fitted: Parameters of each method on all images.
        exclusive: Whether classes exclude each other.
        level: Of the interval of the intercept.
    """
    losses = {name: item["log_loss"]["estimate"] for name, item in entry["candidates"].items()}
    winner, best = entry["winner"], entry["best"]
    verb = "have" if winner == "none" else "has"
    parts = [f"{NAMES[winner]} {verb} a cross-fitted log loss of {losses[winner]:.4f}"]
    if winner != best:
        gap = entry["candidates"][winner]["difference"]
        parts.append(
            f"within one standard error ({gap['se']:.4f}) of {NAMES[best]} ({losses[best]:.4f}), "
            "which needs more parameters"
        )
    if winner != "none":
        parts.append(f"{NAMES['none']} have {losses['none']:.4f}")
    if winner not in {"none", "temperature"} and "temperature" in losses:
        parts.append(_why_not_temperature(losses["temperature"], raw, targets, exclusive, level))
    if winner == "temperature":
        parts.append(f"the temperature is {fitted['temperature'][0]['temperature']:.3g}")
    if entry.get("few"):
        parts.append(entry["few"])
    return "; ".join(parts)


def _why_not_temperature(
    loss: float, raw: np.ndarray, targets: np.ndarray, exclusive: bool, level: float
) -> str:
    """A temperature cannot shift: the intercept says by how much one would have to."""
    text = f"temperature scaling has {loss:.4f}"
    if exclusive:
        return f"{text}: one number for all classes cannot make some of them rarer"
    found = _intercept(raw, targets, level)
    if found is None:
        return text
    low, high = found[1]
    if low <= 0 <= high:
        return (
            f"{text}, though the intercept ({found[0]:.2f}, {low:.2f} to {high:.2f}) need not differ from 0"
        )
    shift = f"{found[0]:.2f} ({low:.2f} to {high:.2f})"
    return f"{text}: it cannot shift, and the scores need an intercept of {shift}"


def _intercept(
    raw: np.ndarray, targets: np.ndarray, level: float
) -> tuple[float, tuple[float, float]] | None:
    """Intercept of the outcomes on the logits with a free slope, and its Wald interval."""
    line = logit(np.clip(raw, CLIP, 1 - CLIP))
    if np.ptp(line) < 1e-9:
        return None
    design = np.stack([np.ones_like(line), line], axis=1)
    fit = fit_logistic(design, (targets == 1).astype(float))
    if fit.is_bounded:
        return None
    predicted = 1 / (1 + np.exp(-design @ fit.weights))
    information = (design * (predicted * (1 - predicted))[:, None]).T @ design
    half = float(ndtri(0.5 + level / 2)) * math.sqrt(float(np.linalg.pinv(information)[0, 0]))
    estimate = float(fit.weights[0])
    return estimate, (estimate - half, estimate + half)
