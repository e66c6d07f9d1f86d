"""The measures of one label: a name, and how it is computed from what is known of the label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from medcli.metrics import confusion_statistics as tables
from medcli.metrics.average_precision import average_precision_quantity
from medcli.metrics.calibration_measures import (
    calibration_intercept,
    calibration_slope,
    observed_to_expected,
    scaled_brier,
    spiegelhalter_test,
)
from medcli.metrics.classification import mean_recall, rates_at_threshold
from medcli.metrics.corp import corp_quantity
from medcli.metrics.decision_curve import benefit_of_calls
from medcli.metrics.discrimination import auc_quantity, best_youden
from medcli.metrics.ece import call_ece, label_ece
from medcli.metrics.fixed_rates import sensitivity_at_specificity, specificity_at_sensitivity
from medcli.metrics.ici import integrated_calibration_index
from medcli.metrics.label import Label
from medcli.metrics.partial_auc import partial_auc
from medcli.metrics.predictive_values import likelihood_ratios, predictive_values_at
from medcli.metrics.probability import brier_quantity, log_loss_quantity
from medcli.metrics.proportions import youden_index
from medcli.metrics.smooth_ece import smooth_ece
from medcli.quantity import Quantity, beside, undefined, with_test
from medcli.store.digests import derive_seed

NO_PROBABILITIES = "the scores are ranks, not probabilities"
AT_A_THRESHOLD = "at a threshold"


def ranked(label: Label) -> dict[str, Quantity]:
    """What the order of the scores says, at no threshold."""
    return {name: measure(label) for name, measure in RANKED.items()}


def called(label: Label) -> dict[str, Quantity]:
    """What the calls at the threshold say; null with the reason when there are none."""
    if label.called is None:
        none = undefined(label.not_called, method=AT_A_THRESHOLD, n=label.n, n_clusters=label.n_clusters)
        return dict.fromkeys((*CALLED, *(AT_PREVALENCE if _stated(label) else ())), none)
    found = {name: measure(label) for name, measure in CALLED.items()}
    if (prevalence := _stated(label)) is not None:
        values = predictive_values_at(
            label.targets, label.called, label.clusters, prevalence=prevalence, level=label.settings.level
        )
        found |= dict(zip(AT_PREVALENCE, (values["ppv"], values["npv"]), strict=True))
    return found


def trusted(
    label: Label, probabilities: np.ndarray | None, *, reason: str = NO_PROBABILITIES
) -> dict[str, Quantity]:
    """What is to be said of the probabilities of a label; null with the reason when there are none."""
    if probabilities is None:
        return {
            name: undefined(reason, method=name, n=label.n, n_clusters=label.n_clusters) for name in TRUSTED
        }
    return {name: measure(label, probabilities) for name, measure in TRUSTED.items()}


def _stated(label: Label) -> float | None:
    return label.settings.prevalences.get(label.name)


def _curve(measure: Callable[..., Quantity], **options: Any) -> Callable[[Label], Quantity]:
    """A measure of targets, scores and patients, with its interval from the label's resamples."""
    return lambda label: measure(
        label.targets,
        label.ranks,
        label.clusters,
        level=label.settings.level,
        resamples=label.resamples,
        **{name: getattr(label.settings, setting) for name, setting in options.items()},
    )


def _ranks(label: Label) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return label.targets, label.ranks, label.clusters


def _auc(label: Label) -> Quantity:
    return auc_quantity(label.targets, label.ranks, label.clusters, level=label.settings.level)


def _rate(name: str) -> Callable[[Label], Quantity]:
    return lambda label: rates_at_threshold(
        label.targets,
        label.calls,
        label.clusters,
        level=label.settings.level,
        exact=label.settings.exact,
    )[name]


def _ratio(name: str) -> Callable[[Label], Quantity]:
    return lambda label: likelihood_ratios(
        label.targets, label.calls, label.clusters, level=label.settings.level
    )[name]


def _youden(label: Label) -> Quantity:
    return youden_index(label.targets, label.calls, label.clusters, level=label.settings.level)


def _of_table(
    statistic: Callable[[tables.Margins], np.ndarray],
    *,
    name: str,
    none_reason: str,
    rule: str,
    chance: float,
) -> Callable[[Label], Quantity]:
    """A function of the table of truth and call, with its interval from the label's resamples."""

    def measure(label: Label) -> Quantity:
        value = label.sums.quantity(
            lambda sums: statistic(tables.margins_of_sums(sums)),
            name=name,
            settings=label.settings,
            none_reason=none_reason if label.n else "no known label",
        )
        return beside(value, rule=rule, estimate=chance)

    return measure


def _f1(label: Label) -> Quantity:
    """F1 beside that of always yes."""
    share = label.num_positive / label.n if label.n else 0
    value = label.sums.quantity(
        lambda sums: tables.positive_f1(tables.margins_of_sums(sums)),
        name="F1",
        settings=label.settings,
        none_reason="no positive case and none called" if label.n else "no known label",
        flags=["no positive case"] if label.n and not share else [],
    )
    return beside(value, rule="always yes", estimate=2 * share / (1 + share) if share else None)


def _balanced_accuracy(label: Label) -> Quantity:
    if not 0 < label.num_positive < label.n:
        kind = "negative" if label.num_positive else "positive"
        reason = f"no {kind} case" if label.n else "no known label"
        value = undefined(reason, method="mean recall", n=label.n, n_clusters=label.n_clusters)
        return beside(value, rule="the same answer for every image", estimate=0.5)
    value = mean_recall(
        (label.targets == 1).astype(int), label.calls.astype(int), label.clusters, level=label.settings.level
    )
    return beside(value, rule="the same answer for every image", estimate=0.5)


def _binned(measure: Callable[..., Quantity], **options: Any) -> Callable[[Label, np.ndarray], Quantity]:
    return lambda label, probabilities: measure(
        probabilities,
        label.targets,
        label.clusters,
        num_bins=label.settings.num_bins,
        level=label.settings.level,
        seed=derive_seed(label.settings.seed, "perfect"),
        **options,
    )


def _simulated(measure: Callable[..., Quantity]) -> Callable[[Label, np.ndarray], Quantity]:
    return lambda label, probabilities: measure(
        probabilities,
        label.targets,
        label.clusters,
        level=label.settings.level,
        seed=derive_seed(label.settings.seed, "perfect"),
    )


def _fitted(measure: Callable[..., Quantity]) -> Callable[[Label, np.ndarray], Quantity]:
    return lambda label, probabilities: measure(
        probabilities, label.targets, label.clusters, level=label.settings.level
    )


def _brier(label: Label, probabilities: np.ndarray) -> Quantity:
    value = brier_quantity(probabilities, label.targets, label.clusters, level=label.settings.level)
    return with_test(value, spiegelhalter_test(probabilities, label.targets))


def _benefit(place: int, name: str) -> Callable[[Label], Quantity]:
    """Net benefit at the threshold, plain or standardised."""

    def measure(label: Label) -> Quantity:
        if label.risk is None:
            return undefined(label.no_risk, method=name, n=label.n, n_clusters=label.n_clusters)
        return benefit_of_calls(
            label.targets, label.calls, label.clusters, threshold=label.risk, level=label.settings.level
        )[place]

    return measure


_CONSTANT = "truth or calls are all alike"
_AT_RANDOM = "calls that know nothing"

RANKED: dict[str, Callable[[Label], Quantity]] = {
    "auc": _auc,
    "partial_auc": _curve(partial_auc, low="fixed_rate"),
    "average_precision": _curve(average_precision_quantity),
    "sensitivity_at_specificity": lambda label: sensitivity_at_specificity(
        *_ranks(label), specificity=label.settings.fixed_rate, level=label.settings.level
    ),
    "specificity_at_sensitivity": lambda label: specificity_at_sensitivity(
        *_ranks(label), sensitivity=label.settings.fixed_rate, level=label.settings.level
    ),
    "best_youden": lambda label: best_youden(label.targets, label.ranks, label.clusters),
}
CALLED: dict[str, Callable[[Label], Quantity]] = {
    **{name: _rate(name) for name in ("sensitivity", "specificity", "ppv", "npv", "accuracy")},
    "balanced_accuracy": _balanced_accuracy,
    "youden": _youden,
    "f1": _f1,
    "mcc": _of_table(
        tables.matthews_correlation,
        name="Matthews correlation",
        none_reason=_CONSTANT,
        rule=_AT_RANDOM,
        chance=0,
    ),
    "kappa": _of_table(
        tables.kappa, name="kappa of truth and call", none_reason=_CONSTANT, rule=_AT_RANDOM, chance=0
    ),
    **{name: _ratio(name) for name in ("lr_positive", "lr_negative", "odds_ratio")},
    "net_benefit": _benefit(0, "net benefit"),
    "standardised_net_benefit": _benefit(1, "standardised net benefit"),
}
AT_PREVALENCE = ("ppv_at_prevalence", "npv_at_prevalence")
TRUSTED: dict[str, Callable[[Label, np.ndarray], Quantity]] = {
    "ece": _binned(label_ece),
    "ece_mass": _binned(label_ece, scheme="mass"),
    "ece_call": _binned(call_ece),
    "ece_smooth": _simulated(smooth_ece),
    "ici": _simulated(integrated_calibration_index),
    "corp": _simulated(corp_quantity),
    "calibration_intercept": _fitted(calibration_intercept),
    "calibration_slope": _fitted(calibration_slope),
    "observed_to_expected": _fitted(observed_to_expected),
    "brier": _brier,
    "scaled_brier": _fitted(scaled_brier),
    "log_loss": _fitted(log_loss_quantity),
}
