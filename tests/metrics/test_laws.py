"""Laws that every measure of an evaluation keeps, whatever the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from medcli.metrics.curves import class_curves
from medcli.metrics.measures import CALLED, RANKED, TRUSTED
from medcli.metrics.subgroups import compare_groups
from medcli.metrics.summary import summarize
from tests.metrics.evaluated import scored, summary
from tests.metrics.evaluated import settings as measured_with

# What does not depend on which patient is drawn; resampled intervals do.
CLOSED = (
    *("auc", "sensitivity_at_specificity", "specificity_at_sensitivity", "best_youden", "sensitivity"),
    *("specificity", "ppv", "npv", "accuracy", "balanced_accuracy", "youden", "lr_positive", "lr_negative"),
)
QUICK = measured_with(resamples=20)


@st.composite
def cohorts(
    draw, *, patients: bool = False, size: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, probabilities with ties, and patients, who come as 0, 1, ... or each with one image."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = size or draw(st.integers(4, 40))
    targets = (generator.random(size) < draw(st.sampled_from([0.1, 0.4, 0.8]))).astype(float)
    scores = np.round(
        np.clip(0.3 * targets + 0.7 * generator.random(size), 0.01, 0.99), draw(st.integers(1, 4))
    )
    owners = generator.integers(0, max(2, size // 2), size) if patients else np.arange(size)
    return targets, np.clip(scores, 0.01, 0.99), np.unique(owners, return_inverse=True)[1]


def only(targets, scores, clusters, **options: Any) -> dict[str, Any]:
    return summary(targets, scores, clusters, settings=QUICK, **options)["classes"][0]


def assert_same(first: Any, second: Any, *, tolerance: float = 1e-9) -> None:
    """Equal but for the last digits, as sums in another order are."""
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key], tolerance=tolerance)
    elif isinstance(first, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other, tolerance=tolerance)
    elif isinstance(first, float) and isinstance(second, float):
        assert np.isclose(first, second, rtol=tolerance, atol=tolerance), (first, second)
    else:
        assert first == second


@settings(max_examples=25)
@given(cohorts(patients=True), st.sampled_from([lambda s: s**3, np.log, lambda s: 5 * s - 9]))
def test_monotone_transforms_leave_everything_of_ranks(cohort, transform):
    targets, scores, clusters = cohort
    options = {"ranks": True, "threshold": None}
    given_, moved = (
        only(targets, scores, clusters, **options),
        only(targets, transform(scores), clusters, **options),
    )
    for name in RANKED:
        for value in (given_[name], moved[name]):
            value.pop("threshold", None)
        assert_same(given_[name], moved[name])


@settings(max_examples=25)
@given(cohorts(patients=True))
def test_flipped_labels_and_negated_scores_are_symmetric(cohort):
    targets, scores, clusters = cohort
    options = {"ranks": True, "threshold": None}
    one, other = only(targets, scores, clusters, **options), only(1 - targets, -scores, clusters, **options)
    for key in ("estimate", "ci", "se"):
        assert_same(one["auc"][key], other["auc"][key])
    turned = only(targets, -scores, clusters, **options)["auc"]
    if one["auc"]["estimate"] is not None:
        assert np.isclose(turned["estimate"], 1 - one["auc"]["estimate"])
        assert_same(turned["ci"], [1 - edge for edge in reversed(one["auc"]["ci"])], tolerance=1e-7)


@settings(max_examples=15)
@given(cohorts(patients=True), st.randoms())
def test_the_order_of_rows_changes_nothing_where_patients_keep_their_numbers(cohort, random):
    """Of any measure: estimates, intervals, what perfect probabilities show, curves."""
    order = list(range(len(cohort[0])))
    random.shuffle(order)
    one, other = (scored(*(values[rows] for values in cohort)) for rows in (slice(None), order))
    assert_same(summarize(one, QUICK), summarize(other, QUICK))
    assert_same(*(class_curves(each, level=0.95, seed=1) for each in (one, other)))


@settings(max_examples=5)
@given(cohorts(patients=True, size=120), st.randoms())
def test_the_order_of_rows_changes_nothing_of_exclusive_classes_and_of_groups(cohort, random):
    targets, scores, clusters = cohort
    scores = np.stack([scores / 2, 1 - scores, scores / 2], axis=1)
    targets = np.eye(3)[np.where(targets == 1, np.arange(len(targets)) % 2 * 2, 1)]
    groups = np.arange(len(targets)) % 3 % 2
    order = list(range(len(targets)))
    random.shuffle(order)
    one, other = (
        scored(targets[rows], scores[rows], clusters[rows], exclusive=True) for rows in (slice(None), order)
    )
    assert_same(summarize(one, QUICK), summarize(other, QUICK))
    by_group = [
        compare_groups(each, groups[rows], ["a", "b"], listed={}, settings=QUICK)
        for each, rows in ((one, slice(None)), (other, order))
    ]
    assert_same(*by_group)


@settings(max_examples=25)
@given(cohorts())
def test_images_doubled_within_their_patient_change_nothing(cohort):
    """Of what counts patients; an image more of the same is no more evidence."""
    targets, scores, clusters = cohort
    once = only(targets, scores, clusters)
    twice = only(*(np.tile(values, 2) for values in cohort))
    for name in CLOSED:
        assert_same(
            [once[name][key] for key in ("estimate", "ci")], [twice[name][key] for key in ("estimate", "ci")]
        )
    for name in ("f1", "mcc", "kappa", "partial_auc"):
        assert_same(once[name]["estimate"], twice[name]["estimate"])
        assert_same(once[name]["ci"], twice[name]["ci"])
    for name in (*RANKED, *CALLED):
        assert_same(once[name]["estimate"], twice[name]["estimate"])
    # Bins of equal mass and the spans of a local regression hold whole images: the next law is theirs.
    for name in TRUSTED.keys() - {"ece_mass", "ici"}:
        assert_same(once[name]["before"]["estimate"], twice[name]["before"]["estimate"], tolerance=1e-6)
    for name in ("brier", "log_loss", "scaled_brier"):
        both = once[name]["before"], twice[name]["before"]
        assert_same(both[0]["estimate"], both[1]["estimate"])
        assert_same(both[0]["ci"], both[1]["ci"])


@settings(max_examples=10)
@given(cohorts(size=60))
def test_images_doubled_change_no_bins_of_equal_mass_and_no_loess_that_part_them_evenly(cohort):
    """Sixty images: four in each of 15 bins; 45 in the span of R's `loess`, nine in a cell of it.

    R halves a cell at its middle image; where that one ties with as many on either side, doubled images move
    the cut from above them to below. So the law of `ici` is that of probabilities which all differ.
    """
    targets, scores, clusters = cohort
    for name, p in (("ece_mass", scores), ("ici", scores + 1e-6 * clusters)):
        once, twice = only(targets, p, clusters), only(*(np.tile(v, 2) for v in (targets, p, clusters)))
        assert_same(once[name]["before"]["estimate"], twice[name]["before"]["estimate"])


@settings(max_examples=15)
@given(cohorts(patients=True), st.floats(0.2, 5))
def test_a_temperature_leaves_ranks_and_calls(cohort, temperature):
    targets, scores, clusters = cohort
    one = only(targets, scores, clusters)
    other = only(targets, expit(logit(scores) / temperature), clusters)
    for value in (one, other):
        for name in RANKED:
            value[name].pop("threshold", None)
    for name in (*RANKED, *CALLED, "prevalence", "counts"):
        assert_same(one[name], other[name])


@settings(max_examples=15)
@given(cohorts())
def test_patients_of_one_image_are_images(cohort):
    """Whatever numbers they have."""
    targets, scores, clusters = cohort
    spread = only(targets, scores, clusters)
    turned = only(targets, scores, clusters[::-1])
    for name in CLOSED:
        assert_same(spread[name], turned[name])
    for name in TRUSTED:
        assert_same(spread[name]["before"], turned[name]["before"])
    for name in (*RANKED, *CALLED):
        assert "clustered" not in spread[name]["method"]
    assert spread["n"] == spread["n_clusters"]


@settings(max_examples=15)
@given(cohorts(patients=True), st.integers(0, 2**32 - 1))
def test_missing_labels_are_as_if_those_images_were_not_there(cohort, seed):
    targets, scores, clusters = cohort
    known = np.random.default_rng(seed).random(len(targets)) < 0.7
    gaps = np.where(known, targets, np.nan)
    with_gaps = only(gaps, scores, clusters)
    # By hand, with the same patients in the same places, so that the same ones are drawn.
    assert with_gaps["n_missing"] == int(np.sum(~known))
    dropped = only(targets[known], scores[known], np.unique(clusters[known], return_inverse=True)[1])
    for name in CLOSED:
        assert_same(with_gaps[name], dropped[name])
    for name in TRUSTED:
        assert_same(with_gaps[name]["before"], dropped[name]["before"])
    for name in (*RANKED, *CALLED):
        for key in ("estimate", "n", "n_clusters", "baseline"):
            assert_same(with_gaps[name][key], dropped[name][key])


@settings(max_examples=15)
@given(cohorts(patients=True))
def test_a_label_without_truth_changes_nothing_of_the_others(cohort):
    targets, scores, clusters = cohort
    alone = summary(targets, scores, clusters, settings=QUICK)
    beside = summary(
        np.stack([targets, np.full(len(targets), np.nan)], axis=1),
        np.stack([scores, scores], axis=1),
        clusters,
        settings=QUICK,
    )
    assert_same(alone["classes"][0], beside["classes"][0])
    assert_same(alone["overall"], beside["overall"])
    empty = beside["classes"][1]
    assert (empty["n"], empty["auc"]["reason"]) == (0, "no known label")
