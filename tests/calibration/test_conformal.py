"""Prediction sets: an oracle worked by hand, and the promise they make, also with many images a patient."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.special import softmax

from medcli.calibration.conformal import fit_sets, largest_usual, prediction_sets
from medcli.errors import UsageError
from medcli.metrics.prediction_sets import class_sets, label_sets
from tests.metrics.oracles import expected

CASE = "26_conformal"


def oracle():
    wanted = expected(CASE)
    return wanted, np.array(wanted["cal_probs"]), np.array(wanted["cal_y"]), np.array(wanted["test_probs"])


@pytest.mark.parametrize("alpha", ["0.05", "0.1", "0.2", "0.3", "0.5"])
def test_limits_and_sets_are_those_worked_by_hand(alpha):
    wanted, probabilities, labels, test = oracle()
    strange = 1 - probabilities[np.arange(9), labels]
    limit = largest_usual(strange, np.arange(9), coverage=1 - float(alpha))
    entry = wanted["lac"][alpha]
    assert math.isinf(limit) == entry["qhat_is_infinite"] == (entry["rank"] > len(strange))
    assert entry["qhat"] == (None if math.isinf(limit) else pytest.approx(limit))
    if not math.isinf(limit):
        assert limit == np.sort(strange)[entry["rank"] - 1]
    one = {"limit": None if math.isinf(limit) else limit}
    sets = prediction_sets(test, {"score": "lac", "classes": [{"yes": one}] * 3})
    assert [np.flatnonzero(row).tolist() for row in sets.yes] == entry["sets"]
    assert sets.no is None


@pytest.mark.parametrize("alpha", ["0.1", "0.2", "0.3"])
def test_adaptive_sets_hold_the_class_that_crosses(alpha):
    wanted, probabilities, labels, test = oracle()
    fitted = fit_sets(
        probabilities,
        np.eye(3)[labels],
        np.arange(9),
        classes=list("abc"),
        exclusive=True,
        coverage=0.5,
        score="aps",
    )
    strange = np.array(wanted["aps_scores"])
    limit = largest_usual(strange, np.arange(9), coverage=1 - float(alpha))
    assert limit == pytest.approx(wanted["aps"][alpha]["qhat"])
    assert limit == np.sort(strange)[wanted["aps"][alpha]["rank"] - 1]
    for entry in fitted["classes"]:
        entry["yes"]["limit"] = limit
    sets = prediction_sets(test, fitted)
    found = [np.flatnonzero(row).tolist() for row in sets.yes]
    assert found == wanted["aps"][alpha]["sets_nonrandomised_including_crossing_class"]


def test_each_class_has_its_own_limit_and_too_few_patients_get_every_set():
    wanted, probabilities, labels, test = oracle()
    options = {"classes": list("abc"), "exclusive": True, "coverage": 0.8}
    fitted = fit_sets(probabilities, np.eye(3)[labels], np.arange(9), **options)
    for column, entry in enumerate(fitted["classes"]):
        by_hand = wanted["mondrian_alpha_0_2"][str(column)]
        assert entry["yes"]["n"] == by_hand["n"]
        assert entry["yes"]["limit"] == (by_hand["qhat"] and pytest.approx(by_hand["qhat"]))
        assert (entry["yes"]["limit"] is None) == (by_hand["rank"] > by_hand["n"])
    assert fitted["classes"][0]["yes"]["reason"] == (
        "2 patients cannot promise 80%, 4 are needed: every set holds it"
    )
    assert prediction_sets(test, fitted).yes[:, :2].all()
    json.dumps(fitted, allow_nan=False)


def test_images_of_a_patient_share_his_weight():
    strange = np.array([0.1, 0.2, 0.3, 0.9, 0.9, 0.9, 0.9, 0.9])
    owner = np.array([0, 1, 2, 3, 3, 3, 3, 3])
    # Four patients: 0.6 of 5 is 3, reached at the third patient; ranks of images would give 0.9.
    assert largest_usual(strange, owner, coverage=0.6) == 0.3
    assert largest_usual(strange, np.arange(8), coverage=0.6) == 0.9


def test_labels_keep_the_promise_for_yes_and_for_no_whatever_the_scores():
    """Patients with one to nine images and shared errors: coverage of a random image of a new patient."""
    generator = np.random.default_rng(0)
    kept = {"yes": [], "no": []}
    for _ in range(400):
        owner = np.repeat(np.arange(81), generator.integers(1, 10, size=81))
        truth = generator.random(81)[owner] < 0.5
        scores = 1 / (
            1 + np.exp(-(generator.normal(size=81)[owner] + truth + 0.3 * generator.normal(size=len(owner))))
        )
        new = owner == 80
        fitted = fit_sets(
            scores[~new, None],
            truth[~new, None].astype(float),
            owner[~new],
            classes=["a"],
            exclusive=False,
            coverage=0.8,
        )
        sets = prediction_sets(scores[new, None], fitted)
        answer = "yes" if truth[new][0] else "no"
        assert sets.no is not None
        kept[answer].append(np.mean(sets.yes if answer == "yes" else sets.no))
    for values in kept.values():
        # At least 0.8, and at most 1 / (n + 1) of some 40 patients more; three standard errors of slack.
        assert (
            0.8 - 3 * 0.4 / math.sqrt(len(values)) < np.mean(values) < 0.83 + 3 * 0.4 / math.sqrt(len(values))
        )


@pytest.mark.parametrize("score", ["lac", "aps"])
def test_classes_keep_the_promise_each(score):
    generator = np.random.default_rng(1)
    honest = generator.normal(size=(6_000, 3)) * [1, 2, 3]
    labels = (softmax(honest, axis=1).cumsum(axis=1) < generator.random((6_000, 1))).sum(axis=1)
    # Twice too sure: the promise does not need honest probabilities.
    given, truth = softmax(2 * honest, axis=1), np.eye(3)[labels]
    options = {"classes": list("abc"), "exclusive": True, "coverage": 0.9, "score": score}
    fitted = fit_sets(given[:1000], truth[:1000], np.arange(1000), **options)
    sets = prediction_sets(given[1000:], fitted)
    found = class_sets(sets.yes, labels[1000:], np.arange(5_000), classes=list("abc"), level=0.95)
    for entry in found["classes"]:
        assert 0.86 < entry["covered"]["estimate"] <= (0.94 if score == "lac" else 1)
    sizes = sets.yes.sum(axis=1)
    assert found["overall"]["size"]["estimate"] == pytest.approx(sizes.mean())
    assert found["overall"]["certain"]["estimate"] == pytest.approx(np.mean(sizes == 1))


def test_measures_of_a_label_by_hand():
    yes = np.array([True, True, False, False, True])
    no = np.array([False, True, True, False, True])
    found = label_sets(yes, no, np.array([1.0, 0, 1, 0, 1]), np.arange(5), level=0.95)
    by_hand = {
        "covered": 3 / 5,
        "covered_positive": 2 / 3,
        "covered_negative": 1 / 2,
        "certain": 2 / 5,
        "empty": 1 / 5,
    }
    assert {name: value["estimate"] for name, value in found.items()} == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"coverage": 1.0, "exclusive": True}, "coverage"), ({"score": "aps", "exclusive": False}, "aps")],
)
def test_impossible_wishes_are_refused(options, words):
    _, probabilities, labels, _ = oracle()
    asked = {"coverage": 0.9, **options}
    with pytest.raises(UsageError, match=words):
        fit_sets(probabilities, np.eye(3)[labels], np.arange(9), classes=list("abc"), **asked)
