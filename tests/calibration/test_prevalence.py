"""Another prevalence: Bayes' rule by hand, and a prevalence that is found without labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit, softmax

from medcli.calibration.calibrator import apply, fit
from medcli.calibration.prevalence import (
    apply_shifts,
    estimate_prevalences,
    prevalences,
    shifts,
    spread_over_classes,
)
from medcli.calibration.prevalence_error import Images, prevalence_errors
from medcli.errors import UsageError


def test_odds_change_by_the_ratio_of_prior_odds():
    added = shifts(np.array([0.5, 0.2]), np.array([0.1, 0.2]), exclusive=False)
    moved = apply_shifts(np.array([[0.8, 0.3], [0.0, 1.0]]), added, exclusive=False)
    # Odds 4 times (1/9) over 1 are 4/9, a probability of 4/13.
    assert moved[0] == pytest.approx([4 / 13, 0.3])
    assert moved[1].tolist() == [0, 1]


def test_classes_change_by_the_ratio_of_priors():
    before, after = np.array([0.5, 0.3, 0.2]), np.array([0.8, 0.1, 0.1])
    given = np.array([[0.2, 0.5, 0.3]])
    moved = apply_shifts(given, shifts(before, after, exclusive=True), exclusive=True)
    by_hand = given[0] * after / before
    assert moved[0] == pytest.approx(by_hand / by_hand.sum())


def test_a_prevalence_is_found_without_labels():
    generator = np.random.default_rng(2)
    truth = generator.random(20_000) < 0.05
    # Calibrated where one in two had it: the log-odds of two normal densities.
    scores = generator.normal(size=20_000) + 2 * truth
    found = estimate_prevalences(expit(2 * scores - 2)[:, None], np.array([0.5]), exclusive=False)
    assert found[0] == pytest.approx(truth.mean(), abs=0.008)
    added = shifts(np.array([0.5]), found, exclusive=False)
    moved = apply_shifts(expit(2 * scores - 2)[:, None], added, exclusive=False)
    assert moved.mean() == pytest.approx(truth.mean(), abs=0.008)


def test_prevalences_of_classes_are_found_without_labels():
    generator = np.random.default_rng(3)
    wanted = np.array([0.7, 0.2, 0.1])
    labels = generator.choice(3, size=20_000, p=wanted)
    inputs = generator.normal(size=(20_000, 3)) + 2 * np.eye(3)[labels]
    found = estimate_prevalences(softmax(2 * inputs, axis=1), np.full(3, 1 / 3), exclusive=True)
    assert found == pytest.approx(wanted, abs=0.015)


def test_unknown_prevalences_move_nothing():
    targets = np.array([[1.0, 0, np.nan], [0, 0, np.nan]])
    before = prevalences(targets)
    assert before[:2].tolist() == [0.5, 0]
    assert np.isnan(before[2])
    assert shifts(before, np.array([0.5, 0.1, 0.1]), exclusive=False).tolist() == [0, 0, 0]
    after = estimate_prevalences(np.full((4, 3), 0.5), before, exclusive=False)
    assert np.isnan(after[1:]).all()


def test_classes_that_are_not_given_keep_their_proportions():
    before = np.array([0.5, 0.3, 0.2])
    assert spread_over_classes({0: 0.75}, before) == pytest.approx([0.75, 0.15, 0.1])
    with pytest.raises(UsageError, match=r"sum to 1\.2"):
        spread_over_classes({0: 0.7, 1: 0.5}, before)
    with pytest.raises(UsageError, match=r"sum to 0\.6"):
        spread_over_classes({0: 0.2, 1: 0.2, 2: 0.2}, before)


def estimated(generator, *, images):
    """A prevalence and its error, from a calibration on 200 patients and the scores of 300 others."""
    truth = [np.repeat(generator.random(n) < share, images) for n, share in ((200, 0.3), (300, 0.15))]
    noise = [np.repeat(generator.normal(size=n), images) for n in (200, 300)]
    owners = [np.repeat(np.arange(n), images) for n in (200, 300)]
    scores = [1.5 * (e + 1.8 * y - 1)[:, None] for e, y in zip(noise, truth, strict=True)]
    task = {"kind": "logit", "exclusive": False, "method": "platt"}
    targets = truth[0][:, None].astype(float)
    parameters = fit(scores[0], targets, classes=["a"], **task)
    old, new = (apply(own, parameters=parameters, **task) for own in scores)
    before = prevalences(targets)
    after = estimate_prevalences(new, before, exclusive=False)
    errors = prevalence_errors(
        Images(new, owners[1]),
        Images(old, owners[0], targets),
        before=before,
        after=after,
        fitted=[True],
        exclusive=False,
    )
    return after[0], errors[0]


@pytest.mark.parametrize("images", [1, 3])
def test_errors_of_prevalences_hold_the_spread_of_both_sets(images):
    generator = np.random.default_rng(6)
    found, errors = np.array([estimated(generator, images=images) for _ in range(150)]).T
    assert errors.mean() == pytest.approx(found.std(), rel=0.15)
    assert np.mean(np.abs(logit(found) - logit(0.15)) < 1.96 * errors / found / (1 - found)) > 0.9


def test_errors_of_a_label_are_those_of_two_exclusive_classes():
    generator = np.random.default_rng(7)
    yes = [generator.beta(1, 2, size=n) for n in (80, 60)]
    truth = (generator.random(80) < yes[0]).astype(float)
    both = [np.stack([1 - own, own], axis=1) for own in (*yes, truth)]
    owners = [np.arange(80) // 2, np.arange(60) // 3]
    told = []
    for exclusive, values in ((False, [own[:, 1:] for own in both]), (True, both)):
        before = prevalences(values[2])
        after = estimate_prevalences(values[1], before, exclusive=exclusive)
        sides = Images(values[1], owners[1]), Images(values[0], owners[0], values[2])
        options = {"before": before, "after": after, "fitted": [True] * len(after)}
        told.append(prevalence_errors(*sides, exclusive=exclusive, **options))
    assert told[1] == pytest.approx([told[0][0]] * 2)
