"""What a call means for a patient: predictive values at a stated prevalence, and likelihood ratios."""

from __future__ import annotations

import math

import numpy as np

from medcli.checks import check_between
from medcli.metrics.intervals import FEW, Interval, effective_size, normal_quantile, wilson
from medcli.quantity import Quantity, beside, quantity, undefined


def predictive_values_at(
    targets: np.ndarray,
    is_called: np.ndarray,
    clusters: np.ndarray,
    *,
    prevalence: float,
    level: float,
) -> dict[str, Quantity]:
    """`ppv` and `npv` where the disease is as frequent as stated, from sensitivity and specificity here.

    Intervals are on the logit scale; where a count is 0, counts get half of z squared added (their adjusted
    interval). With fewer than 30 positives or negatives they are those of the likelihood ratios at the stated
    odds. The prevalence is taken as known.

    Args:
        targets: 1 or 0, [images], no unknowns.
        is_called: Whether the image is called positive.
        clusters: Patient of each image; repeated patients count by their effective number.
        prevalence: Of the population the values are for.

    Reference: Mercaldo, Lau & Zhou, Statistics in Medicine 2007; 26:2170, equations 7 to 10.
    """
    check_between(prevalence, name="the stated prevalence", low=0, high=1)
    rates = _Rates(targets, is_called, clusters)
    method = f"Mercaldo 2007, prevalence {prevalence:g}"
    if rates.reason or not 0 < prevalence < 1:
        reason = rates.reason or f"a prevalence of {prevalence:g} leaves nothing to predict"
        none = undefined(reason, method=method, n=rates.n, n_clusters=rates.n_clusters)
        return {"ppv": none, "npv": none}
    sensitivity, specificity = rates.sensitivity, rates.specificity
    estimates = {
        "ppv": _bayes(prevalence * sensitivity, (1 - prevalence) * (1 - specificity)),
        "npv": _bayes((1 - prevalence) * specificity, prevalence * (1 - sensitivity)),
    }
    intervals, kind = _predictive_intervals(rates, prevalence=prevalence, level=level)
    result = {}
    for name, estimate in estimates.items():
        if estimate is None:
            nobody = "no image is called " + ("positive" if name == "ppv" else "negative")
            result[name] = undefined(nobody, method=method, n=rates.n, n_clusters=rates.n_clusters)
        else:
            low, high = intervals[name]
            result[name] = quantity(
                estimate,
                ci=(min(low, estimate), max(high, estimate)),
                level=level,
                method=method + kind,
                n=rates.n,
                n_clusters=rates.n_clusters,
                flags=["few cases, or a rate is 0 or 1"] if kind else [],
            )
        prior = prevalence if name == "ppv" else 1 - prevalence
        result[name] = beside(result[name], rule="stated prevalence", estimate=prior)
    return result


def _predictive_intervals(
    rates: _Rates, *, prevalence: float, level: float
) -> tuple[dict[str, Interval], str]:
    """Intervals of both values, and how they were made where that is not Mercaldo's first way."""
    odds, z = math.log(prevalence / (1 - prevalence)), normal_quantile(level)
    if rates.are_few:
        hits, passes = rates.sensitivity, rates.specificity
        n_pos, n_neg = rates.positives, rates.negatives
        positive = _ratio_bounds((hits, n_pos), (1 - passes, n_neg), level=level)
        negative = _ratio_bounds((1 - hits, n_pos), (passes, n_neg), level=level)
        return {
            "ppv": (_of_odds(odds, positive[0]), _of_odds(odds, positive[1])),
            "npv": (1 - _of_odds(odds, negative[1]), 1 - _of_odds(odds, negative[0])),
        }, ", from Wilson's intervals (Donner & Zou 2012)"
    is_edge = {rates.sensitivity, rates.specificity} & {0.0, 1.0} != set()
    se, sp, n_pos, n_neg = rates.adjusted(z) if is_edge else rates.plain()
    centers = {
        "ppv": (odds + math.log(se / (1 - sp)), (1 - se) / se / n_pos + sp / (1 - sp) / n_neg),
        "npv": (math.log(sp / (1 - se)) - odds, se / (1 - se) / n_pos + (1 - sp) / sp / n_neg),
    }
    return {
        name: (_expit(center - z * math.sqrt(variance)), _expit(center + z * math.sqrt(variance)))
        for name, (center, variance) in centers.items()
    }, ", adjusted" if is_edge else ""


def likelihood_ratios(
    targets: np.ndarray, is_called: np.ndarray, clusters: np.ndarray, *, level: float
) -> dict[str, Quantity]:
    """`lr_positive`, `lr_negative` and `odds_ratio`, with intervals on the logarithmic scale.

    With fewer than 30 positives or negatives the interval of a likelihood ratio comes from Wilson's intervals
    of its two rates. Where a count is 0 a ratio is 0 or infinite: an infinite one is null, and its lower end
    is given as `bound`; an odds ratio then has half an image added to every count.

    Args: as of `predictive_values_at`.

    Reference: Simel, Samsa & Matchar, Journal of Clinical Epidemiology 1991; 44:763. Donner & Zou,
    Statistical Methods in Medical Research 2012; 21:347 (ratios from intervals of both parts).
    """
    rates = _Rates(targets, is_called, clusters)
    names = {"lr_positive": "positive likelihood ratio", "lr_negative": "negative likelihood ratio"}
    names["odds_ratio"] = "diagnostic odds ratio"
    if rates.reason:
        return {
            key: undefined(rates.reason, method=name, n=rates.n, n_clusters=rates.n_clusters)
            for key, name in names.items()
        }
    se, sp, n_pos, n_neg = rates.plain()
    tp, fn, fp, tn = se * n_pos, (1 - se) * n_pos, (1 - sp) * n_neg, sp * n_neg
    parts = {
        "lr_positive": ((tp, n_pos), (fp, n_neg)),
        "lr_negative": ((fn, n_pos), (tn, n_neg)),
        "odds_ratio": ((tp, fn), (fp, tn)),
    }
    found = {}
    for key, (above, below) in parts.items():
        is_few = key != "odds_ratio" and (rates.are_few or 0 in {above[0], below[0]})
        ratio = _ratio_of_rates if is_few else _ratio
        value = ratio(above, below, rates=rates, name=names[key], level=level)
        found[key] = beside(value, rule="chance", estimate=1)
    return found


class _Rates:
    """Sensitivity and specificity with the effective numbers of cases behind them."""

    def __init__(self, targets: np.ndarray, is_called: np.ndarray, clusters: np.ndarray) -> None:
        is_positive = np.asarray(targets) == 1
        self.n, self.n_clusters = len(is_positive), len(np.unique(clusters))
        self.reason = None
        if not is_positive.any() or is_positive.all():
            kind = "negative" if is_positive.any() else "positive"
            self.reason = f"no {kind} case" if self.n else "no known label"
            return
        hits, passes = np.asarray(is_called)[is_positive], ~np.asarray(is_called)[~is_positive]
        self.sensitivity, self.specificity = float(hits.mean()), float(passes.mean())
        self.positives = effective_size(hits.astype(float), clusters[is_positive])
        self.negatives = effective_size(passes.astype(float), clusters[~is_positive])

    @property
    def are_few(self) -> bool:
        """Whether the logarithm or logit of a rate is far from normal."""
        return min(self.positives, self.negatives) < FEW

    def plain(self) -> tuple[float, float, float, float]:
        return self.sensitivity, self.specificity, self.positives, self.negatives

    def adjusted(self, z: float) -> tuple[float, float, float, float]:
        """With half of z squared successes and failures more in each group (Agresti & Coull)."""
        n_pos, n_neg = self.positives + z * z, self.negatives + z * z
        return (
            (self.sensitivity * self.positives + z * z / 2) / n_pos,
            (self.specificity * self.negatives + z * z / 2) / n_neg,
            n_pos,
            n_neg,
        )


def _ratio_of_rates(
    above: tuple[float, float], below: tuple[float, float], *, rates: _Rates, name: str, level: float
) -> Quantity:
    """A ratio of two shares, a of b to c of d, from Wilson's intervals of both."""
    method = f"{name}, from Wilson's intervals (Donner & Zou 2012)"
    first, second = above[0] / above[1], below[0] / below[1]
    low, high = _ratio_bounds((first, above[1]), (second, below[1]), level=level)
    n, used = rates.n, rates.n_clusters
    if second == 0 and first == 0:
        return undefined("0 of 0", method=method, n=n, n_clusters=used)
    if second == 0:
        reason = "no image of the other class is called so: the ratio is infinite"
        return {**undefined(reason, method=method, n=n, n_clusters=used), "bound": low}
    return quantity(first / second, ci=(low, high), level=level, method=method, n=n, n_clusters=used)


def _ratio_bounds(first: tuple[float, float], second: tuple[float, float], *, level: float) -> Interval:
    """Ends of the ratio of two shares, each with its size, from their Wilson intervals; may be infinite.

    Reference: Donner & Zou, Statistical Methods in Medical Research 2012; 21:347, equation 9.
    """
    (above, _), (below, _) = first, second
    (low_1, high_1), (low_2, high_2) = wilson(*first, level=level), wilson(*second, level=level)
    if below == 0:
        return (math.sqrt(max(0.0, low_1 * (2 * above - low_1))) / high_2 if above else 0.0), math.inf
    # Every share as a multiple of its estimate's scale, so that rare ones do not vanish beside rounding.
    low_2, high_2 = low_2 / below, high_2 / below
    inner = above**2 - low_1 * high_2 * (2 * above - low_1) * (2 - high_2)
    outer = above**2 - high_1 * low_2 * (2 * above - high_1) * (2 - low_2)
    low = low_1 * (2 * above - low_1) / (above + math.sqrt(max(0.0, inner))) if low_1 > 0 else 0.0
    high = (above + math.sqrt(max(0.0, outer))) / (low_2 * (2 - low_2))
    ratio = above / below
    return max(0.0, min(low / below, ratio)), max(high / below, ratio)


def _of_odds(log_odds: float, ratio: float) -> float:
    """Probability at these odds times a ratio, which may be 0 or infinite."""
    if ratio == 0 or math.isinf(ratio):
        return float(ratio > 0)
    return _expit(log_odds + math.log(ratio))


def _ratio(
    above: tuple[float, float], below: tuple[float, float], *, rates: _Rates, name: str, level: float
) -> Quantity:
    """(a / b) / (c / d) of shares a of b and c of d, or of the four counts of an odds ratio."""
    (a, b), (c, d) = above, below
    is_odds = name == "diagnostic odds ratio"
    has_zero = 0 in {a, c} or (is_odds and 0 in {b, d})
    method = f"{name}, log scale" + (", half an image added to each count" if has_zero else "")
    spare = 0.5 if has_zero else 0.0
    of_whole = spare if is_odds else 2 * spare
    a_grown, b_grown, c_grown, d_grown = a + spare, b + of_whole, c + spare, d + of_whole
    center = math.log(a_grown / b_grown) - math.log(c_grown / d_grown)
    sign = 1 if is_odds else -1
    variance = 1 / a_grown + 1 / c_grown + sign * (1 / b_grown + 1 / d_grown)
    half = normal_quantile(level) * math.sqrt(max(variance, 0.0))
    ends: Interval = (math.exp(center - half), math.exp(center + half))
    if b * c == 0:
        reason = "0 of 0" if a * d == 0 else "no image of the other class is called so: the ratio is infinite"
        none = undefined(reason, method=method, n=rates.n, n_clusters=rates.n_clusters)
        return none if a * d == 0 else {**none, "bound": ends[0]}
    estimate = a * d / (b * c)
    return quantity(
        estimate,
        ci=(min(ends[0], estimate), ends[1]),
        level=level,
        method=method,
        n=rates.n,
        n_clusters=rates.n_clusters,
    )


def _bayes(true: float, false: float) -> float | None:
    return true / (true + false) if true + false > 0 else None


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-min(700.0, max(-700.0, value))))
