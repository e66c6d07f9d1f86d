"""Whether probabilities are right on the whole, too extreme, or too timid: intercept, slope, O/E, Brier.

Reference: Van Calster et al., BMC Medicine 2019; 17:230; Cox, Biometrika 1958; 45:562.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logit, ndtr

from medcli.metrics.discrimination import one_class_reason
from medcli.metrics.intervals import cautious, normal_quantile, student_quantile
from medcli.metrics.logistic import LogisticFit, fit_logistic
from medcli.quantity import (
    Quantity,
    TestResult,
    beside,
    hypothesis_test,
    quantity,
    undefined,
    with_test,
)

# Probabilities are kept this far from 0 and 1 before their logit is taken: rounded ones hold both.
CLIP = 1e-6


def calibration_intercept(
    probabilities: np.ndarray, targets: np.ndarray, clusters: np.ndarray, *, level: float
) -> Quantity:
    """Shift of the logits that would make predictions right on average; 0 is perfect.

    Args:
        probabilities: Of the event, float [images] in [0, 1].
        targets: 1 or 0, [images], no unknowns.
        clusters: Patient of each image; errors are summed by patient where patients repeat.
    """
    method = "calibration intercept, logistic recalibration with slope 1"
    return _recalibrated(probabilities, targets, clusters, free_slope=False, method=method, level=level)


def calibration_slope(
    probabilities: np.ndarray, targets: np.ndarray, clusters: np.ndarray, *, level: float
) -> Quantity:
    """Slope of the outcomes on the logits; below 1 predictions are too extreme, above 1 too timid.

    Returns:
        A quantity with `intercept`, which is fitted jointly. Arguments as of `calibration_intercept`.
    """
    method = "calibration slope, logistic recalibration"
    return _recalibrated(probabilities, targets, clusters, free_slope=True, method=method, level=level)


def observed_to_expected(
    probabilities: np.ndarray, targets: np.ndarray, clusters: np.ndarray, *, level: float
) -> Quantity:
    """Observed over expected events; 1 is perfect, above 1 the risk is underestimated.

    The interval is on the logarithmic scale with the error of a Poisson count, or, where patients repeat,
    that of sums by patient when it is larger. Arguments as of `calibration_intercept`.

    Reference: Debray et al., BMJ 2017; 356:i6460, appendix.
    """
    method, used = "observed/expected, log scale (Poisson)", len(np.unique(clusters))
    if len(targets) == 0:
        return undefined("no known label", method=method, n=0, n_clusters=0)
    is_event = np.asarray(targets) == 1
    observed, expected = float(is_event.sum()), float(np.sum(probabilities))
    if expected <= 0:
        return undefined("no event is expected", method=method, n=len(targets), n_clusters=used)
    ratio, se, interval = observed / expected, None, None
    if observed > 0:
        se = 1 / math.sqrt(observed)
        if used < len(targets):
            _, codes = np.unique(clusters, return_inverse=True)
            excess = np.bincount(codes, is_event - ratio * np.asarray(probabilities))
            se = max(se, math.sqrt(used / max(1, used - 1) * float(np.sum(excess**2))) / observed)
            method += ", clustered"
        half = normal_quantile(level) * se
        interval = ratio * math.exp(-half), ratio * math.exp(half)
    value = quantity(
        ratio,
        ci=interval,
        level=level,
        se=None if se is None else se * ratio,
        method=method,
        n=len(targets),
        n_clusters=used,
        reason=None if interval else "no event was observed",
    )
    return beside({**value, "observed": observed, "expected": expected}, rule="perfect", estimate=1.0)


def scaled_brier(
    probabilities: np.ndarray, targets: np.ndarray, clusters: np.ndarray, *, level: float
) -> Quantity:
    """Share of the Brier score of the prevalence that the model removes; 0 is useless, below 0 harmful.

    The interval is normal with the error of the ratio, summed by patient. Arguments as of
    `calibration_intercept`.

    Reference: Steyerberg et al., Epidemiology 2010; 21:128.
    """
    method, used = "scaled Brier score, normal", len(np.unique(clusters))
    outcomes = (np.asarray(targets) == 1).astype(float)
    if len(outcomes) == 0 or outcomes.min() == outcomes.max():
        return undefined(one_class_reason(targets), method=method, n=len(outcomes), n_clusters=used)
    squares, share = (np.asarray(probabilities) - outcomes) ** 2, float(outcomes.mean())
    score, worst = float(squares.mean()), share * (1 - share)
    influences = -(squares - score) / worst + score / worst**2 * (1 - 2 * share) * (outcomes - share)
    _, codes = np.unique(clusters, return_inverse=True)
    sums = np.bincount(codes, influences)
    se, interval = None, None
    if used > 1:
        se = math.sqrt(used / (used - 1) * float(np.sum(sums**2))) / len(outcomes)
        half = student_quantile(level, used) * se
        interval = 1 - score / worst - half, min(1.0, 1 - score / worst + half)
    value = quantity(
        1 - score / worst,
        ci=interval,
        level=level,
        se=se,
        method=method + (", clustered" if used < len(outcomes) else ""),
        n=len(outcomes),
        n_clusters=used,
        reason=None if interval else "needs two patients",
    )
    return beside(value, rule="prevalence", estimate=0.0)


def spiegelhalter_test(probabilities: np.ndarray, targets: np.ndarray) -> TestResult:
    """Whether the Brier score is what these probabilities promise; images are taken as independent.

    Reference: Spiegelhalter, Statistics in Medicine 1986; 5:421.
    """
    p = np.asarray(probabilities, dtype=float)
    spread = float(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    if spread <= 0:
        reason = "all probabilities are 0, 1 or one half"
        return hypothesis_test("Spiegelhalter", statistic=None, p=None, reason=reason)
    z = float(np.sum((np.asarray(targets) - p) * (1 - 2 * p))) / math.sqrt(spread)
    return hypothesis_test("Spiegelhalter", statistic=z, p=2 * float(ndtr(-abs(z))))


def _recalibrated(
    probabilities: np.ndarray,
    targets: np.ndarray,
    clusters: np.ndarray,
    *,
    free_slope: bool,
    method: str,
    level: float,
) -> Quantity:
    outcomes = (np.asarray(targets) == 1).astype(float)
    n, used = len(outcomes), len(np.unique(clusters))
    if n == 0 or outcomes.min() == outcomes.max():
        return undefined(one_class_reason(targets), method=method, n=n, n_clusters=used)
    values = np.asarray(probabilities, dtype=float)
    clipped = int(np.sum((values < CLIP) | (values > 1 - CLIP)))
    line = logit(np.clip(values, CLIP, 1 - CLIP))
    flags = [f"{clipped} probabilities were kept {CLIP:g} away from 0 and 1"] if clipped else []
    if free_slope and np.ptp(line) <= 1e-12 * max(1.0, abs(float(line.mean()))):
        return undefined("all probabilities are equal", method=method, n=n, n_clusters=used)
    ones = np.ones((n, 1))
    design = np.hstack([line[:, None], ones]) if free_slope else ones
    fit = fit_logistic(design, outcomes, offset=None if free_slope else line, clusters=clusters)
    if fit.is_bounded:
        reason = "the probabilities separate the classes: no slope is too steep"
        return undefined(reason, method=method, n=n, n_clusters=used, flags=flags)
    estimate, se = float(fit.weights[0]), _error(fit, clusters)
    half, perfect = normal_quantile(level) * se, 1.0 if free_slope else 0.0
    value = quantity(
        estimate,
        ci=(estimate - half, estimate + half) if se > 0 else None,
        level=level,
        se=se,
        method=method + (", clustered" if used < n else ""),
        n=n,
        n_clusters=used,
        flags=flags,
        reason=None if se > 0 else "patients do not vary",
    )
    z = (estimate - perfect) / se if se > 0 else None
    p = None if z is None else 2 * float(ndtr(-abs(z)))
    test = hypothesis_test("Wald, perfect calibration", statistic=z, p=p, reason=value["reason"])
    value = beside(with_test(value, test), rule="perfect", estimate=perfect)
    return {**value, "intercept": float(fit.weights[1])} if free_slope else value


def _error(fit: LogisticFit, clusters: np.ndarray) -> float:
    """Standard error of the first coefficient; summed by patient, and cautious when patients are few."""
    variance, model = float(fit.covariance[0, 0]), float(fit.model_covariance[0, 0])
    counts = np.unique(clusters, return_counts=True)[1]
    if len(counts) < len(clusters) and model > 0:
        variance = model * cautious(variance / model, counts)
    return math.sqrt(variance)
