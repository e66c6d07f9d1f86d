"""Simulated studies whose truth is known, and what is measured of each: the designs of `coverage`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri, softmax

from medcli.metrics.agreement import agreement
from medcli.metrics.arms import compare_arms
from medcli.metrics.black_box_shift import Called, black_box_shift
from medcli.metrics.bootstrap import Resamples
from medcli.metrics.call_differences import Calls, compare_calls
from medcli.metrics.cochran import cochran_q
from medcli.metrics.decision_curve import net_benefit, net_benefit_difference
from medcli.metrics.label import label_of
from medcli.metrics.measures import RANKED, TRUSTED, called
from medcli.metrics.model_differences import Setting, compare_label, compare_macro
from medcli.metrics.optimism import independent_gap
from medcli.metrics.overall import of_calls, over_labels, trusted_classes
from medcli.metrics.reader_figures import Sitting
from medcli.metrics.reader_summary import compare_with_readers
from medcli.metrics.scored import Scored
from medcli.metrics.subgroups import CALIBRATION, compare_groups
from medcli.metrics.summary import one_class
from medcli.metrics.tallies import LabelScores
from tests.metrics.evaluated import scored, settings

SHARE, AREA, SHIFT = 0.25, 0.85, 1.2
DISTANCE = np.sqrt(2) * ndtri(AREA)
CUT = float(expit(logit(SHARE)))


@dataclass(frozen=True)
class Design:
    """How a study is drawn and measured.

    Attributes:
        draw: From a generator, how many images and whether patients have several, to the data.
        measure: From the data, the number of resamples and a seed, to quantities, nested in any way.
        truth: By the place of a quantity; None takes it from a very large study.
        share: Of positives, expected.
    """

    draw: Callable[..., Any]
    measure: Callable[[Any, int, int], Any]
    truth: Mapping[str, float] | None = None
    share: float = SHARE


def patients_of(generator: np.random.Generator, size: int, *, clustered: bool) -> np.ndarray:
    """Patient of each image: of one image each, or of one to five."""
    if not clustered:
        return np.arange(size)
    owners = np.repeat(np.arange(size), generator.integers(1, 6, size=size))[:size]
    return np.unique(owners, return_inverse=True)[1]


def noise(generator: np.random.Generator, clusters: np.ndarray, columns: int) -> np.ndarray:
    """Standard normal [images, columns]; images of a patient share half of the variance."""
    own = generator.normal(size=(len(clusters), columns))
    if len(np.unique(clusters)) == len(clusters):
        return own
    shared = generator.normal(size=(int(clusters.max()) + 1, columns))[clusters]
    return np.sqrt(0.5) * (own + shared)


def risk(score: np.ndarray, targets: np.ndarray, distance: float) -> np.ndarray:
    """True probability of a binormal score, whose positives lie so far above."""
    return expit(logit(SHARE) + distance * (score + distance * targets) - distance**2 / 2)


def one_label(generator: np.random.Generator, size: int, *, clustered: bool) -> Scored:
    """Binormal scores as true probabilities; the threshold is in the middle."""
    clusters = patients_of(generator, size, clustered=clustered)
    latent, score = noise(generator, clusters, 2).T
    targets = latent < ndtri(SHARE)
    return scored(targets, risk(score, targets, DISTANCE), clusters, threshold=CUT)


def three_labels(generator: np.random.Generator, size: int, *, clustered: bool) -> Scored:
    """Labels of which the second and third are 3 and 10 times as rare as the first."""
    clusters = patients_of(generator, size, clustered=clustered)
    targets = noise(generator, clusters, 3) < ndtri(SHARE / np.array([1, 3, 10]))
    line = noise(generator, clusters, 3) + DISTANCE * targets
    return scored(targets, expit(line), clusters, threshold=0.8)


def three_classes(generator: np.random.Generator, size: int, *, clustered: bool) -> Scored:
    """Exclusive classes, the rarest of which is expected in a quarter of the images."""
    return _classes(generator, patients_of(generator, size, clustered=clustered), models=1)[0]


def _classes(generator: np.random.Generator, clusters: np.ndarray, *, models: int) -> list[Scored]:
    labels = np.searchsorted(ndtri([0.25, 0.55]), noise(generator, clusters, 1)[:, 0])
    found = []
    for shift in (SHIFT, 0.8 * SHIFT)[:models]:
        line = noise(generator, clusters, 3) + shift * np.eye(3)[labels]
        posterior = softmax(shift * line + np.log([0.25, 0.3, 0.45]), axis=1)
        found.append(scored(np.eye(3)[labels], posterior, clusters, exclusive=True, ordered=True))
    return found


def two_groups(
    generator: np.random.Generator, size: int, *, clustered: bool, is_mixed: bool = False
) -> tuple[Scored, np.ndarray]:
    """Groups that differ in prevalence and in how well they are ranked; the first is the larger."""
    clusters = patients_of(generator, 5 * size // 2, clustered=clustered)
    codes = (np.arange(len(clusters)) if is_mixed else clusters) % 5 // 3
    latent, score = noise(generator, clusters, 2).T
    targets = latent < ndtri(np.array([SHARE, 0.35]))[codes]
    distance = DISTANCE * np.array([1, 0.8])[codes]
    line = logit(SHARE) + DISTANCE * (score + distance * targets) - DISTANCE**2 / 2
    return scored(targets, expit(line), clusters, threshold=CUT), codes


def mixed_groups(generator: np.random.Generator, size: int, *, clustered: bool) -> tuple[Scored, np.ndarray]:
    """The same where a patient's images are of either group."""
    return two_groups(generator, size, clustered=clustered, is_mixed=True)


def groups_of_classes(
    generator: np.random.Generator, size: int, *, clustered: bool
) -> tuple[Scored, np.ndarray]:
    """Exclusive classes of two groups of patients."""
    data = three_classes(generator, 5 * size // 2, clustered=clustered)
    return data, data.clusters % 5 // 3


def two_models(generator: np.random.Generator, size: int, *, clustered: bool) -> list[list[LabelScores]]:
    """Two labels by two models whose scores share half of their variance, [models][labels]."""
    clusters = patients_of(generator, size, clustered=clustered)
    labels = []
    for share in (SHARE, 0.4):
        latent, common, *own = noise(generator, clusters, 4).T
        targets = latent < ndtri(share)
        labels.append([_model(targets, np.sqrt(0.5) * (common + extra), clusters) for extra in own])
    return [[label[0] for label in labels], [label[1] for label in labels]]


def _model(
    targets: np.ndarray, score: np.ndarray, clusters: np.ndarray, *, distance: float = DISTANCE
) -> LabelScores:
    chance = risk(score, targets, distance)
    return LabelScores(targets.astype(float), chance, chance >= CUT, chance, clusters)


def two_sites(generator: np.random.Generator, size: int, *, clustered: bool) -> list[list[LabelScores]]:
    """One model on the patients of two sites, worse on the second."""
    sides, first = [], 0
    for distance in (DISTANCE, 0.7 * DISTANCE):
        clusters = first + patients_of(generator, size, clustered=clustered)
        first = int(clusters.max()) + 1
        latent, score = noise(generator, np.unique(clusters, return_inverse=True)[1], 2).T
        sides.append([_model(latent < ndtri(SHARE), score, clusters, distance=distance)])
    return sides


def shared_sites(generator: np.random.Generator, size: int, *, clustered: bool) -> list[list[LabelScores]]:
    """Images of two devices, of which a patient with several images may have both."""
    clusters = patients_of(generator, 2 * size, clustered=clustered)
    latent, score = noise(generator, clusters, 2).T
    device = generator.integers(0, 2, size=len(clusters))
    return [
        [_model(latent[rows] < ndtri(SHARE), score[rows], clusters[rows], distance=distance)]
        for rows, distance in ((device == 0, DISTANCE), (device == 1, 0.7 * DISTANCE))
    ]


def two_callers(generator: np.random.Generator, size: int, *, clustered: bool) -> list[Calls]:
    """Two models that call exclusive classes of the same images."""
    pair = _classes(generator, patients_of(generator, size, clustered=clustered), models=2)
    return [Calls(one.labels, one.calls, one.clusters) for one in pair]


def callers_apart(generator: np.random.Generator, size: int, *, clustered: bool) -> list[Calls]:
    """The same of different images."""
    first, second = (two_callers(generator, size, clustered=clustered)[place] for place in (0, 1))
    return [first, Calls(second.labels, second.called, second.clusters + first.clusters.max() + 1)]


def measured_label(data: Scored, resamples: int, seed: int) -> dict[str, Any]:
    """All measures of one label."""
    chosen = settings(resamples=resamples, prevalences={"label 0": 0.1})
    label = label_of(data, 0, settings=chosen, resamples=Resamples(data.num_clusters, seed, resamples))
    found = {name: measure(label) for name, measure in RANKED.items()}
    trust = {name: TRUSTED[name](label, data.before[:, 0]) for name in CALIBRATION}
    benefit = net_benefit(label.targets, data.before[:, 0], label.clusters, threshold=0.2, level=0.95)
    return {**found, **called(label), **trust, "net_benefit": benefit}


def measured_labels(data: Scored, resamples: int, seed: int) -> dict[str, Any]:
    """Means over labels."""
    return over_labels(data, settings(resamples=resamples), Resamples(data.num_clusters, seed, resamples))


def measured_classes(data: Scored, resamples: int, seed: int) -> dict[str, Any]:
    """Exclusive classes together, and one of them where it is the most likely."""
    chosen, draws = settings(resamples=resamples), Resamples(data.num_clusters, seed, resamples)
    trust = trusted_classes(data, data.before, chosen, reason="")
    return {
        **of_calls(data, chosen, draws),
        **over_labels(data, chosen, draws),
        **{name: trust[name] for name in ("brier", "log_loss")},
        "called": one_class(data, 0, chosen, draws)["called"],
    }


def measured_groups(data: tuple[Scored, np.ndarray], resamples: int, seed: int) -> dict[str, Any]:
    """All measures of groups, and their gaps."""
    chosen = settings(resamples=resamples, seed=seed)
    return compare_groups(*data, ["first", "second"], listed={}, settings=chosen)


def _setting(models: list[list[LabelScores]], resamples: int, seed: int, *, is_paired: bool) -> Setting:
    count = 1 + max(int(label.clusters.max()) for labels in models for label in labels)
    return Setting(is_paired=is_paired, resamples=Resamples(count, seed, resamples), level=0.95)


def measured_models(models: list[list[LabelScores]], resamples: int, seed: int) -> dict[str, Any]:
    """Differences of paired models, and what the better calls are worth."""
    setting = _setting(models, resamples, seed, is_paired=True)
    first, second = models[0][0], models[1][0]
    worth = net_benefit_difference(
        first.targets, first.probabilities, second.probabilities, first.clusters, threshold=0.2, level=0.95
    )
    pairs = compare_label([first, second], setting)["pairs"]
    return {"pairs": pairs, "macro": compare_macro(models, setting), "net_benefit": worth}


def measured_sites(models: list[list[LabelScores]], resamples: int, seed: int) -> dict[str, Any]:
    """Differences between images of different patients."""
    setting = _setting(models, resamples, seed, is_paired=False)
    found: dict[str, Any] = compare_label([labels[0] for labels in models], setting)
    rates = [label_rates(labels[0]) for labels in models]
    return {
        "pairs": found["pairs"],
        "macro": compare_macro(models, setting),
        "optimism": independent_gap(rates[1], rates[0]),
        "black_box": black_box_shift(
            *(Called(s.called.astype(int), s.clusters, s.targets.astype(int)) for (s,) in models),
            names=["no", "yes"],
            resamples=setting.resamples,
            level=0.95,
        ),
    }


def label_rates(label: LabelScores) -> dict[str, Any]:
    """Sensitivity of one site."""
    from medcli.metrics.classification import rates_at_threshold

    return rates_at_threshold(label.targets, label.called, label.clusters, level=0.95)["sensitivity"]


def measured_callers(models: list[Calls], resamples: int, seed: int, *, is_paired: bool = True) -> Any:
    """Differences of calls of exclusive classes."""
    count = 1 + max(int(model.clusters.max()) for model in models)
    setting = Setting(is_paired=is_paired, resamples=Resamples(count, seed, resamples), level=0.95)
    return compare_calls(models, setting, num_classes=3)


MEAN, SPREAD, YES, MODEL, HELP = 1.2, 0.2, 0.6, 1.5, 0.3
READERS = 5


@dataclass(frozen=True)
class Read:
    """Ratings [arms, readers, images] with the scores of a model."""

    targets: np.ndarray
    ratings: np.ndarray
    scores: np.ndarray
    clusters: np.ndarray


def some_readers(
    generator: np.random.Generator, size: int, *, clustered: bool, spread: float = SPREAD
) -> Read:
    """Readers in two arms, with a model; they share half of the variance of a case.

    Each is better by his own measure, drawn anew, or the same in all studies without `spread`.
    """
    clusters = patients_of(generator, size, clustered=clustered)
    latent, case, extra = noise(generator, clusters, 3).T
    targets = latent < ndtri(SHARE)
    skill = MEAN + spread * generator.normal(size=READERS)
    if spread == 0:
        skill = np.linspace(MEAN - 0.3, MEAN + 0.3, READERS)
    arms = [
        [
            np.sqrt(0.5) * (case + noise(generator, clusters, 1)[:, 0])
            + (own + more + spread / 2 * generator.normal()) * targets
            for own in skill
        ]
        for more in (0.0, HELP)
    ]
    scores = np.sqrt(0.5) * (case + extra) + MODEL * targets
    return Read(targets.astype(float), np.array(arms), scores, clusters)


def same_readers(generator: np.random.Generator, size: int, *, clustered: bool) -> Read:
    """The same five in every study: what holds for them alone."""
    return some_readers(generator, size, clustered=clustered, spread=0.0)


def measured_readers(data: Read, resamples: int, seed: int) -> dict[str, Any]:
    """Readers against the model, their arms against each other, and how they agree."""
    sitting = Sitting(np.tile(data.targets, (READERS, 1)), data.ratings[0].copy(), data.scores, data.clusters)
    names = [f"reader {place}" for place in range(READERS)]
    is_paired = len(np.unique(data.clusters)) == len(data.clusters)
    found: dict[str, Any] = compare_with_readers(
        sitting,
        names,
        is_called=data.scores >= YES,
        are_calls=False,
        positive_from=YES,
        resamples=Resamples(int(data.clusters.max()) + 1, seed, resamples),
        margin=None,
        level=0.95,
    )
    options: dict[str, Any] = {"arms": ["alone", "helped"], "readers": names, "level": 0.95}
    found["arms"] = compare_arms(data.targets, data.ratings, data.clusters, are_calls=False, **options)
    calls = (data.ratings >= YES).astype(float)
    found["calls"] = compare_arms(data.targets, calls, data.clusters, are_calls=True, **options)
    if is_paired and len(data.targets) < 5000:
        found["unbiased"] = compare_arms(
            data.targets, data.ratings, data.clusters, are_calls=False, covariance="unbiased", **options
        )
    return found


def measured_agreement(data: Read, resamples: int, seed: int) -> dict[str, Any]:
    """Agreement of calls, of grades and of ratings."""
    ratings = data.ratings[0].T
    grades = np.clip(np.floor(ratings + 1.5), 0, 3)
    kinds = {"binary": (ratings >= YES).astype(float), "ordinal": grades, "continuous": ratings}
    names = [f"reader {place}" for place in range(READERS)]
    return {
        kind: agreement(values, data.clusters, readers=names, kind=kind, level=0.95, seed=seed)
        for kind, values in kinds.items()
    }


def _truth_of_readers() -> dict[str, float]:
    """For readers drawn like these: the skill of one in one arm is normal."""
    spread = np.hypot(SPREAD, SPREAD / 2)

    def area(mean: float) -> float:
        return float(ndtr(mean / np.sqrt(2 + spread**2)))

    def found(mean: float) -> float:
        return float(ndtr((mean - YES) / np.sqrt(1 + spread**2)))

    passed, own = float(ndtr(YES)), float(ndtr(MODEL - YES))
    at_reader = float(ndtr((MODEL - MEAN + YES) / np.sqrt(1 + spread**2)))
    arms = MEAN, MEAN + HELP
    balanced = [(found(mean) + passed) / 2 for mean in arms]
    truth = {
        "mean_reader/auc": area(MEAN),
        "mean_reader/sensitivity": found(MEAN),
        "mean_reader/specificity": passed,
        "mean_reader/balanced_accuracy": balanced[0],
        "against_mean/auc": float(ndtr(MODEL / np.sqrt(2))) - area(MEAN),
        "against_mean/sensitivity": own - found(MEAN),
        "against_mean/specificity": 0.0,
        "against_mean/balanced_accuracy": (own + passed) / 2 - balanced[0],
        "against_mean/sensitivity_at_reader": own - found(MEAN),
        "against_mean/specificity_at_reader": at_reader - passed,
    }
    figures = {
        "arms/figures/auc": [area(mean) for mean in arms],
        "unbiased/figures/auc": [area(mean) for mean in arms],
        "calls/figures/sensitivity": [found(mean) for mean in arms],
        "calls/figures/specificity": [passed, passed],
        "calls/figures/balanced_accuracy": balanced,
    }
    for place, (first, second) in figures.items():
        kinds = ("mean", "one_shot") if place.startswith("unbiased") else ("mean",)
        for kind in kinds:
            truth |= {f"{place}/means/{arm}/{kind}": value for arm, value in enumerate((first, second))}
        truth[f"{place}/differences/0/difference"] = first - second
        if len(kinds) > 1:
            truth[f"{place}/differences/0/one_shot"] = first - second
    return truth


def sites_of_a_kind(
    generator: np.random.Generator, size: int, *, clustered: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Estimates of twelve sites that differ as much as their errors make them, with these errors."""
    errors = np.full(SITES, np.sqrt(TAU_SQUARED))
    spread = np.sqrt(TAU_SQUARED) * generator.normal(size=SITES)
    return spread + errors * generator.normal(size=SITES), errors


def measured_spread(data: tuple[np.ndarray, np.ndarray], resamples: int, seed: int) -> dict[str, Any]:
    """How much sites differ beyond their errors."""
    return cochran_q(*(values.tolist() for values in data), level=0.95, n=SITES, n_clusters=SITES)


SITES, TAU_SQUARED = 12, 0.04
_SPREAD = {"i_squared": 0.5, "tau_squared": TAU_SQUARED}

DESIGNS = {
    "spread": Design(sites_of_a_kind, measured_spread, truth=_SPREAD),
    "label": Design(one_label, measured_label),
    "labels": Design(three_labels, measured_labels),
    "classes": Design(three_classes, measured_classes),
    "groups": Design(two_groups, measured_groups),
    "mixed groups": Design(mixed_groups, measured_groups),
    "groups of classes": Design(groups_of_classes, measured_groups),
    "models": Design(two_models, measured_models),
    "sites": Design(two_sites, measured_sites),
    "shared sites": Design(shared_sites, measured_sites),
    "callers": Design(two_callers, measured_callers),
    "callers apart": Design(callers_apart, lambda *data: measured_callers(*data, is_paired=False)),
    "readers": Design(some_readers, measured_readers, truth=_truth_of_readers()),
    "same readers": Design(same_readers, measured_readers),
    "agreement": Design(same_readers, measured_agreement),
}
