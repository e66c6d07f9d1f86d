"""How many images, or patients, a study needs; and how precise one of a given size will be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, ndtr, ndtri

from medcli.checks import check_between
from medcli.errors import DataError
from medcli.metrics.intervals import newcombe_auc, normal_quantile, wilson

_MOST = 10_000_000


def proportion_sample_size(share: float, *, half_width: float, level: float = 0.95) -> int:
    """Cases for which Wilson's interval of a share is no wider than twice `half_width`.

    Args:
        share: Expected sensitivity (then cases are positives), specificity (negatives), or accuracy.
        half_width: Half of the width that is wanted, above 0 and below one half.
        level: Of the interval.
    """
    check_between(share, name="the expected share", low=0, high=1)
    _check_width(half_width)

    def width(size: int) -> float:
        low, high = wilson(share, size, level=level)
        return high - low

    return _smallest(lambda size: width(size) <= 2 * half_width)


def auc_sample_size(
    auc: float, *, prevalence: float, half_width: float, level: float = 0.95
) -> dict[str, int]:
    """Images for which Newcombe's interval of an AUC is no wider than twice `half_width`.

    Returns:
        `images`, `positives` and `negatives`.

    Reference: Newcombe, Statistics in Medicine 2006; 25:559, method 5.
    """
    _check_auc(auc, prevalence)
    _check_width(half_width)

    def is_enough(size: int) -> bool:
        positives = size * prevalence
        low, high = newcombe_auc(auc, positives, size - positives, level=level)
        return high - low <= 2 * half_width

    images = _smallest(is_enough, start=math.ceil(2 / min(prevalence, 1 - prevalence)))
    positives = round(images * prevalence)
    return {"images": images, "positives": positives, "negatives": images - positives}


def observed_expected_sample_size(prevalence: float, *, half_width: float, level: float = 0.95) -> int:
    """Images for which O/E, when it is 1, has an interval from `exp(-half_width)` to `exp(half_width)`.

    Reference: Riley et al., Statistics in Medicine 2021; 40:4230, equation 4.
    """
    _check_prevalence(prevalence)
    error = half_width / normal_quantile(level)
    return math.ceil((1 - prevalence) / (prevalence * error**2))


def calibration_slope_sample_size(
    logits: np.ndarray, *, half_width: float, slope: float = 1.0, level: float = 0.95
) -> int:
    """Images for which the calibration slope has an interval of plus and minus `half_width`.

    Args:
        logits: Of the predicted risks, as they will be distributed in the study, float [images].
        half_width: Of the interval of the slope.
        slope: That is expected.

    Reference: Riley et al., Statistics in Medicine 2021; 40:4230, equation 7.
    """
    line = np.asarray(logits, dtype=float)
    p = expit(slope * line)
    weights = p * (1 - p)
    a, b, c = (float(np.mean(weights * line**power)) for power in (0, 1, 2))
    determinant = a * c - b * b
    if determinant <= 1e-12:
        raise DataError("the logits do not vary, no slope can be planned for")
    error = half_width / normal_quantile(level)
    return math.ceil(a / (error**2 * determinant))


def paired_auc_power(
    first: float,
    second: float,
    *,
    positives: float,
    negatives: float,
    correlation: float = 0.5,
    margin: float = 0.0,
    level: float = 0.95,
) -> float:
    """Chance that a paired comparison of two AUCs shows a difference, or non-inferiority with a margin.

    Args:
        first: Expected AUC of the new model.
        second: Of the old one.
        positives: Positive cases (patients).
        negatives: Negative cases.
        correlation: Of the two estimates on the same images.
        margin: 0 for superiority of the new one (two-sided level), above 0 for non-inferiority.

    Reference: Obuchowski & McClish, Statistics in Medicine 1997; 16:1529; Hanley & McNeil 1983; 148:839.
    """
    check_between(correlation, name="the correlation", low=-1, high=1)
    variances = [hanley_mcneil_variance(value, positives, negatives) for value in (first, second)]
    variance = sum(variances) - 2 * correlation * math.sqrt(variances[0] * variances[1])
    if variance <= 0:
        raise DataError("estimates that correlate perfectly have no power to plan")
    z = normal_quantile(level)
    return float(ndtr((first - second + margin) / math.sqrt(variance) - z))


def paired_auc_sample_size(
    first: float,
    second: float,
    *,
    prevalence: float,
    power: float = 0.8,
    correlation: float = 0.5,
    margin: float = 0.0,
    level: float = 0.95,
) -> dict[str, int]:
    """Images with which `paired_auc_power` reaches `power`; arguments as there."""
    _check_prevalence(prevalence)
    if first - second + margin <= 0:
        raise DataError("the expected difference does not exceed the margin, no number of images is enough")

    def is_enough(size: int) -> bool:
        reached = paired_auc_power(
            first,
            second,
            positives=size * prevalence,
            negatives=size * (1 - prevalence),
            correlation=correlation,
            margin=margin,
            level=level,
        )
        return reached >= power

    images = _smallest(is_enough, start=math.ceil(2 / min(prevalence, 1 - prevalence)))
    positives = round(images * prevalence)
    return {"images": images, "positives": positives, "negatives": images - positives}


def mcnemar_sample_size(
    only_first: float, only_second: float, *, power: float = 0.8, level: float = 0.95
) -> int:
    """Images with which McNemar's test finds a difference of two paired shares.

    Args:
        only_first: Expected share of images on which only the first is right.
        only_second: On which only the second is.

    Reference: Connor, Biometrics 1987; 43:207.
    """
    gap, apart = abs(only_first - only_second), only_first + only_second
    if not 0 < gap <= apart <= 1:
        raise DataError(
            "the shares of images on which one alone is right must differ and add up to at most 1"
        )
    z, beta = normal_quantile(level), float(ndtri(power))
    return math.ceil(((z * math.sqrt(apart) + beta * math.sqrt(apart - gap**2)) / gap) ** 2)


def with_clusters(size: float, *, images_per_patient: float, intraclass_correlation: float) -> dict[str, Any]:
    """Images and patients needed when images of a patient resemble each other.

    Args:
        size: Independent images needed.
        images_per_patient: On average.
        intraclass_correlation: Of what is measured, between images of a patient.

    Returns:
        `design_effect`, `images` and `patients`.

    Reference: Kish, Survey Sampling, 1965, section 5.4.
    """
    check_between(intraclass_correlation, name="the intraclass correlation", low=0, high=1)
    effect = 1 + (images_per_patient - 1) * intraclass_correlation
    images = math.ceil(size * effect)
    return {"design_effect": effect, "images": images, "patients": math.ceil(images / images_per_patient)}


def expected_precision(
    *, positives: int, negatives: int, auc: float, sensitivity: float, specificity: float, level: float = 0.95
) -> dict[str, list[float]]:
    """Intervals that a study of this size would have, if it found exactly what is expected."""
    return {
        "auc": list(newcombe_auc(auc, positives, negatives, level=level)),
        "sensitivity": list(wilson(sensitivity, positives, level=level)),
        "specificity": list(wilson(specificity, negatives, level=level)),
    }


def hanley_mcneil_variance(auc: float, positives: float, negatives: float) -> float:
    """Variance of an AUC whose scores are exponential in either class: what a plan can know beforehand.

    Reference: Hanley & McNeil, Radiology 1982; 143:29, equations 1 and 2.
    """
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (first - auc**2) + (negatives - 1) * (second - auc**2)
    return spread / (positives * negatives)


def _smallest(is_enough: Callable[[int], bool], *, start: int = 2) -> int:
    """The smallest number that is enough, by doubling and halving; widths shrink with size."""
    high = max(2, start)
    while not is_enough(high):
        high *= 2
        if high > _MOST:
            raise DataError(f"more than {_MOST:,} images would be needed")
    low = max(1, start - 1) if high == max(2, start) else high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _check_width(half_width: float) -> None:
    if not 0 < half_width < 0.5:
        raise DataError(f"half of the interval is {half_width:g}, it must be above 0 and below 0.5")


def _check_prevalence(prevalence: float) -> None:
    if not 0 < prevalence < 1:
        raise DataError(f"the prevalence is {prevalence:g}, it must be above 0 and below 1")


def _check_auc(auc: float, prevalence: float) -> None:
    if not 0 < auc < 1:
        raise DataError(f"the expected AUC is {auc:g}, it must be above 0 and below 1")
    _check_prevalence(prevalence)
