"""Binned errors of calibration: every definition under its own name, each beside what chance makes of it.

Reference: Guo et al., ICML 2017 (equal width); Nixon et al., CVPR Workshops 2019 (equal mass, classwise);
Kumar, Liang & Ma, NeurIPS 2019, and Broecker, QJRMS 2012 (debiased).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from medcli.metrics.bins import Bins, in_order
from medcli.quantity import Quantity, beside, quantity, undefined

# Above so many draws, sums of a bin's outcomes are drawn from the normal distribution instead.
_MOST_DRAWS = 20_000_000


def binned_errors(probabilities: np.ndarray, outcomes: np.ndarray, bins: Bins) -> dict[str, Any]:
    """Errors over bins, weighted by their size.

    Returns:
        `ece` (mean absolute gap), `rmsce` (root mean square), `mce` (largest), `debiased_square` (the squared
        gap less the variance of the frequencies), `rmsce_debiased`, and `bins` (`n`, `mean_probability`,
        `frequency`) of those that hold an image.
    """
    counts, confidence, frequency = _means(probabilities, outcomes, bins)
    weights, gaps = counts / counts.sum(), np.abs(confidence - frequency)
    square = float(np.sum(weights * gaps**2))
    noise = np.where(counts > 1, frequency * (1 - frequency) / np.maximum(counts - 1, 1), 0.0)
    debiased = square - float(np.sum(weights * noise))
    return {
        "ece": float(np.sum(weights * gaps)),
        "rmsce": math.sqrt(square),
        "mce": float(gaps.max()),
        "debiased_square": debiased,
        "rmsce_debiased": math.sqrt(max(0.0, debiased)),
        "bins": [
            {"n": int(n), "mean_probability": float(p), "frequency": float(f)}
            for n, p, f in zip(counts, confidence, frequency, strict=True)
        ],
    }


def label_ece(
    probabilities: np.ndarray, targets: np.ndarray, clusters: np.ndarray, **options: Any
) -> Quantity:
    """Error of the probability of a label: how often it is there, where 30 % were predicted.

    Args:
        probabilities: Of the label, float [images].
        targets: 1 or 0, [images], no unknowns.
        clusters: Patient of each image.
        options: `num_bins`, `scheme`, `level`, `seed`, `simulations`, as of `binned_quantity`.
    """
    return binned_quantity(
        probabilities, np.asarray(targets) == 1, clusters, name="probability of the label", **options
    )


def call_ece(
    probabilities: np.ndarray, targets: np.ndarray, clusters: np.ndarray, **options: Any
) -> Quantity:
    """Error of the confidence in the call at one half: how often it is right, where 70 % were claimed.

    The other definition of a binary ECE, which software for several classes computes. Arguments as of
    `label_ece`.
    """
    p = np.asarray(probabilities, dtype=float)
    is_right = (p >= 0.5) == (np.asarray(targets) == 1)
    name = "confidence in the call at one half"
    return binned_quantity(np.maximum(p, 1 - p), is_right, clusters, name=name, **options)


def top_label_ece(
    probabilities: np.ndarray, labels: np.ndarray, clusters: np.ndarray, **options: Any
) -> Quantity:
    """Error of the probability of the most likely class.

    Args:
        probabilities: float [images, classes]; rows sum to 1.
        labels: True class of each image, int [images].
        clusters: Patient of each image.
        options: As of `label_ece`.
    """
    is_right = probabilities.argmax(axis=1) == labels if len(labels) else np.zeros(0, dtype=bool)
    confidence = probabilities.max(axis=1) if len(labels) else np.zeros(0)
    name = "probability of the called class"
    return binned_quantity(confidence, is_right, clusters, name=name, **options)


def classwise_ece(
    probabilities: np.ndarray,
    labels: np.ndarray,
    clusters: np.ndarray,
    *,
    num_bins: int = 15,
    scheme: str = "width",
    level: float = 0.95,
    seed: int = 0,
    simulations: int = 200,
) -> Quantity:
    """Mean over classes of the error of each class's probability; arguments as of `top_label_ece`."""
    method = f"mean over classes, {num_bins} equal-{scheme} bins"
    size, num_classes = probabilities.shape
    used = len(np.unique(clusters))
    if size == 0:
        return undefined("no known label", method=method, n=0, n_clusters=0)
    *columns, labels = in_order(*np.asarray(probabilities, dtype=float).T, np.asarray(labels))
    bins = [Bins.of(column, num_bins=num_bins, scheme=scheme) for column in columns]

    def error(drawn: np.ndarray) -> float:
        return float(np.mean([_ece(columns[k], drawn == k, bins[k]) for k in range(num_classes)]))

    generator = np.random.Generator(np.random.PCG64(seed))
    edges = np.stack(columns, axis=1).cumsum(axis=1)[:, :-1]
    perfect = np.array([error((edges < generator.random((size, 1))).sum(axis=1)) for _ in range(simulations)])
    return beside_perfect(error(labels), perfect, method=method, n=size, used=used, level=level)


def binned_quantity(
    probabilities: np.ndarray,
    outcomes: np.ndarray,
    clusters: np.ndarray,
    *,
    name: str,
    num_bins: int = 15,
    scheme: str = "width",
    level: float = 0.95,
    seed: int = 0,
    simulations: int = 200,
) -> Quantity:
    """ECE beside what perfect probabilities would show at this size, with its debiased value.

    Args:
        probabilities: Of the event, float [images].
        outcomes: Whether it happened, [images].
        clusters: Patient of each image.
        name: What the probability is of.
        num_bins: How many bins.
        scheme: `width` or `mass`.
        level: Share of perfect models that the baseline's band holds.
        seed: Of the outcomes drawn from the probabilities, each image on its own.
        simulations: How many times.

    Returns:
        A quantity with `debiased` (the ECE less that of perfect models, at least 0), `rmsce`, `mce` and
        `rmsce_debiased`; it has no interval, because the error is biased upwards.
    """
    method = f"{name}, {num_bins} equal-{scheme} bins" + (", ties shared out" if scheme == "mass" else "")
    if len(probabilities) == 0:
        return undefined("no known label", method=method, n=0, n_clusters=0)
    p, y = in_order(np.asarray(probabilities, dtype=float), np.asarray(outcomes, dtype=float))
    bins = Bins.of(p, num_bins=num_bins, scheme=scheme)
    errors = binned_errors(p, y, bins)
    perfect = _perfect_errors(p, bins, seed=seed, simulations=simulations)
    value = beside_perfect(
        errors["ece"], perfect, method=method, n=len(p), used=len(np.unique(clusters)), level=level
    )
    return {**value, **{key: errors[key] for key in ("rmsce", "mce", "rmsce_debiased")}}


def _perfect_errors(p: np.ndarray, bins: Bins, *, seed: int, simulations: int) -> np.ndarray:
    generator = np.random.Generator(np.random.PCG64(seed))
    if len(p) * simulations <= _MOST_DRAWS:
        return np.array([_ece(p, generator.random(len(p)) < p, bins) for _ in range(simulations)])
    spread = np.sqrt(np.bincount(bins.codes, p * (1 - p), sum(bins.shares.shape)))
    gaps = bins.shared_out(generator.normal(size=(simulations, len(spread))) * spread)
    return np.abs(gaps).sum(axis=1) / len(p)


def _ece(p: np.ndarray, outcomes: np.ndarray, bins: Bins) -> float:
    """Sum over bins of the absolute sum of gaps: the sizes cancel."""
    return float(np.abs(bins.sums(p - outcomes)).sum() / len(p))


def beside_perfect(
    estimate: float, perfect: np.ndarray, *, method: str, n: int, used: int, level: float
) -> Quantity:
    """An error beside those of perfect models of the same size: their mean, and the band that holds most."""
    value = quantity(
        estimate,
        method=f"ECE: {method}",
        n=n,
        n_clusters=used,
        reason="no interval: binned errors are biased upwards; compare with the baseline's band",
    )
    value = beside(value, rule="perfect calibration at this size", estimate=float(perfect.mean()))
    edges = np.quantile(perfect, [(1 - level) / 2, (1 + level) / 2])
    value["baseline"]["band"] = [float(edge) for edge in edges]
    return {**value, "debiased": max(0.0, estimate - float(perfect.mean()))}


def _means(
    probabilities: np.ndarray, outcomes: np.ndarray, bins: Bins
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Size, mean probability and frequency of the bins that hold an image."""
    counts = np.rint(bins.sums(np.ones(len(probabilities))))
    held = counts > 0
    confidence, frequency = (bins.sums(values)[held] / counts[held] for values in (probabilities, outcomes))
    return counts[held], confidence, frequency
