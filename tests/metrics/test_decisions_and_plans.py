"""Net benefit, several classes, sample sizes: by hand, against R, and against the intervals they plan."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax

from medcli.errors import DataError
from medcli.metrics.confusion_statistics import (
    f1_of_tables,
    kappa_of_tables,
    matthews_correlation,
    table_quantity,
    top_k_accuracy,
)
from medcli.metrics.decision_curve import decision_curve, net_benefit, net_benefit_difference
from medcli.metrics.hand_till import hand_till_auc, one_versus_rest
from medcli.metrics.intervals import newcombe_auc, wilson
from medcli.metrics.sample_size import (
    auc_sample_size,
    calibration_slope_sample_size,
    expected_precision,
    mcnemar_sample_size,
    observed_expected_sample_size,
    paired_auc_power,
    paired_auc_sample_size,
    proportion_sample_size,
    with_clusters,
)
from tests.metrics.oracles import expected, numbers, table


def multiclass():
    data = table("20_multiclass")
    logits = np.stack([numbers(data[f"logit_{k}"]) for k in range(4)], axis=1)
    return numbers(data["y"]).astype(int), softmax(logits, axis=1), np.arange(240), expected("20_multiclass")


def test_areas_of_several_classes_agree_with_proc():
    labels, scores, patients, wanted = multiclass()
    found = hand_till_auc(labels, scores, patients, level=0.95)
    assert found["estimate"] == pytest.approx(wanted["auc_hand_till_pROC"], rel=1e-9)
    assert found["ci"][0] < found["estimate"] < found["ci"][1]
    each = one_versus_rest(labels, scores, patients, level=0.95)
    assert [value["estimate"] for value in each["classes"]] == pytest.approx(wanted["auc_ovr"], rel=1e-9)
    assert [value["se"] for value in each["classes"]] == pytest.approx(wanted["auc_ovr_se_delong"], rel=1e-9)
    assert each["macro"]["estimate"] == pytest.approx(wanted["auc_ovr_macro"], rel=1e-9)
    assert each["weighted"] == pytest.approx(wanted["auc_ovr_weighted"], rel=1e-9)


def test_two_classes_of_hand_and_till_are_the_plain_area():
    generator = np.random.default_rng(3)
    labels, score = generator.integers(0, 2, 90), generator.normal(size=90)
    scores = np.stack([-score, score + labels], axis=1)
    scores[:, 0] = -scores[:, 1]
    found = hand_till_auc(labels, scores, np.arange(90), level=0.95)
    each = one_versus_rest(labels, scores, np.arange(90), level=0.95)
    assert found["estimate"] == pytest.approx(each["classes"][1]["estimate"])
    # Only the factors n / (n - 1) differ: both classes are positives of one pair, negatives of the other.
    assert found["se"] == pytest.approx(each["classes"][1]["se"], rel=0.01)


def test_classes_that_do_not_occur_are_left_out_and_said():
    labels, scores, patients, _ = multiclass()
    kept = labels < 2
    found = hand_till_auc(labels[kept], scores[kept], patients[kept], level=0.95)
    assert found["flags"] == ["2 of 4 classes do not occur"]
    none = hand_till_auc(labels[labels == 1], scores[labels == 1], patients[labels == 1], level=0.95)
    assert none["estimate"] is None
    assert none["reason"] == "fewer than two classes have a case"


@pytest.mark.parametrize(
    ("statistic", "key"),
    [
        (matthews_correlation, "mcc_gorodkin"),
        (kappa_of_tables, "cohen_kappa"),
        (functools.partial(kappa_of_tables, weights="quadratic"), "quadratic_kappa"),
        (f1_of_tables, "macro_f1"),
        (functools.partial(f1_of_tables, average="weighted"), "weighted_f1"),
        (functools.partial(f1_of_tables, average="micro"), "micro_f1"),
    ],
)
def test_tables_agree_with_r(statistic, key):
    labels, scores, patients, wanted = multiclass()
    found = table_quantity(
        labels,
        scores.argmax(axis=1),
        patients,
        num_classes=4,
        statistic=statistic,
        name=key,
        level=0.95,
        seed=1,
        resamples=200,
    )
    assert found["estimate"] == pytest.approx(wanted[key], rel=1e-9)
    assert found["ci"][0] < found["estimate"] < found["ci"][1]


def test_tables_without_variation_are_null():
    options = {"num_classes": 2, "name": "MCC", "level": 0.95, "seed": 1, "statistic": matthews_correlation}
    none = table_quantity(np.ones(4, dtype=int), np.array([0, 1, 0, 1]), np.arange(4), **options)
    assert none["estimate"] is None
    assert none["reason"] == "truth or calls are all alike"
    empty = np.zeros(0, dtype=int)
    assert table_quantity(empty, empty, empty, **options)["reason"] == "no known label"


def test_top_k_agrees_with_r_and_takes_the_first_of_equals():
    labels, scores, patients, wanted = multiclass()
    found = top_k_accuracy(labels, scores, patients, k=2, level=0.95)
    assert found["estimate"] == pytest.approx(wanted["top2_accuracy"], rel=1e-9)
    assert top_k_accuracy(labels, scores, patients, k=4, level=0.95)["estimate"] == 1
    flat = top_k_accuracy(np.array([0, 1, 2]), np.ones((3, 3)), np.arange(3), k=1, level=0.95)
    assert flat["estimate"] == pytest.approx(1 / 3)
    with pytest.raises(DataError, match="top-5"):
        top_k_accuracy(labels, scores, patients, k=5, level=0.95)


def cohort():
    generator = np.random.default_rng(6)
    line = generator.normal(-1, 1, size=500)
    targets = (generator.random(500) < expit(line)).astype(float)
    return targets, expit(line), np.arange(500)


def test_net_benefit_worked_by_hand():
    targets, probabilities = np.array([1, 1, 0, 0, 0]), np.array([0.9, 0.1, 0.6, 0.3, 0.2])
    found = net_benefit(targets, probabilities, np.arange(5), threshold=0.25, level=0.95)
    # One true call, two false ones at odds of 1/3.
    assert found["estimate"] == pytest.approx(1 / 5 - 2 / 5 / 3)
    assert found["baseline"] == {"rule": "calling everyone", "estimate": pytest.approx(2 / 5 - 3 / 5 / 3)}
    assert found["standardised"] == pytest.approx(found["estimate"] / 0.4)
    assert found["avoided"] == pytest.approx((found["estimate"] - 0.2) * 300)


@given(st.floats(0.05, 0.9))
def test_calling_everyone_and_a_stated_prevalence(threshold):
    targets, probabilities, patients = cohort()
    everyone = net_benefit(targets, np.ones(500), patients, threshold=threshold, level=0.95)
    share = targets.mean()
    assert everyone["estimate"] == pytest.approx(share - (1 - share) * threshold / (1 - threshold))
    plain = net_benefit(targets, probabilities, patients, threshold=threshold, level=0.95)
    stated = net_benefit(
        targets, probabilities, patients, threshold=threshold, level=0.95, prevalence=float(share)
    )
    assert stated["estimate"] == pytest.approx(plain["estimate"])
    called = probabilities >= threshold
    rare = net_benefit(targets, probabilities, patients, threshold=threshold, level=0.95, prevalence=0.02)
    hits, alarms = called[targets == 1].mean(), called[targets == 0].mean()
    assert rare["estimate"] == pytest.approx(0.02 * hits - 0.98 * alarms * threshold / (1 - threshold))


def test_curve_has_its_declared_range_and_differences_are_paired():
    targets, probabilities, patients = cohort()
    curve = decision_curve(targets, probabilities, patients, low=0.05, high=0.5, points=10, level=0.95)
    assert [curve[0]["threshold"], curve[-1]["threshold"]] == pytest.approx([0.05, 0.5])
    assert all(
        item["model"]["ci"][0] <= item["model"]["estimate"] <= item["model"]["ci"][1] for item in curve
    )
    same = net_benefit_difference(targets, probabilities, probabilities, patients, threshold=0.2, level=0.95)
    assert same["estimate"] == 0
    worse = net_benefit_difference(
        targets, probabilities, 1 - probabilities, patients, threshold=0.2, level=0.95
    )
    assert worse["ci"][0] > 0
    none = net_benefit(targets[:0], probabilities[:0], patients[:0], threshold=0.2, level=0.95)
    assert none["estimate"] is None
    with pytest.raises(DataError, match="range"):
        decision_curve(targets, probabilities, patients, low=0.5, high=0.1, level=0.95)


@given(st.floats(0.5, 0.99), st.floats(0.02, 0.2))
def test_planned_sizes_are_just_enough(share, half_width):
    size = proportion_sample_size(share, half_width=half_width)

    def width(count):
        low, high = wilson(share, count, level=0.95)
        return high - low

    assert width(size) <= 2 * half_width
    assert size <= 2 or width(size - 1) > 2 * half_width


def test_planned_areas_and_their_precision():
    plan = auc_sample_size(0.85, prevalence=0.2, half_width=0.05)
    assert plan["positives"] + plan["negatives"] == plan["images"]
    low, high = newcombe_auc(0.85, plan["images"] * 0.2, plan["images"] * 0.8, level=0.95)
    assert high - low <= 0.1
    told = expected_precision(
        positives=plan["positives"], negatives=plan["negatives"], auc=0.85, sensitivity=0.9, specificity=0.8
    )
    assert told["auc"][1] - told["auc"][0] == pytest.approx(0.1, abs=0.002)
    with pytest.raises(DataError, match="prevalence"):
        auc_sample_size(0.85, prevalence=0, half_width=0.05)
    with pytest.raises(DataError, match="more than"):
        proportion_sample_size(0.5, half_width=1e-5)


def test_sizes_for_calibration_worked_by_hand():
    # (1 - p) / (p SE^2) with SE = 0.2 / 1.96.
    assert observed_expected_sample_size(0.1, half_width=0.2) == np.ceil(9 / (0.2 / 1.959963984540054) ** 2)
    line = np.random.default_rng(0).normal(size=4000)
    size = calibration_slope_sample_size(line, half_width=0.2)
    p = expit(line)
    information = (
        np.stack([np.ones(4000), line]) * (p * (1 - p)) @ np.stack([np.ones(4000), line], axis=1) / 4000
    )
    error = np.sqrt(np.linalg.inv(information)[1, 1] / size)
    assert 1.959963984540054 * error == pytest.approx(0.2, rel=0.01)
    with pytest.raises(DataError, match="vary"):
        calibration_slope_sample_size(np.zeros(10), half_width=0.2)


def test_power_of_paired_areas_and_proportions():
    plan = paired_auc_sample_size(0.85, 0.80, prevalence=0.3)
    reached = paired_auc_power(0.85, 0.80, positives=plan["images"] * 0.3, negatives=plan["images"] * 0.7)
    assert reached == pytest.approx(0.8, abs=0.002)
    smaller = paired_auc_sample_size(0.85, 0.85, prevalence=0.3, margin=0.05)
    assert smaller["images"] < plan["images"]
    with pytest.raises(DataError, match="exceed"):
        paired_auc_sample_size(0.8, 0.85, prevalence=0.3)
    # Connor 1987: 0.2 against 0.1 apart on the two sides.
    wanted = ((1.959963984540054 * np.sqrt(0.3) + 0.8416212335729143 * np.sqrt(0.29)) / 0.1) ** 2
    assert mcnemar_sample_size(0.2, 0.1) == np.ceil(wanted)
    with pytest.raises(DataError):
        mcnemar_sample_size(0.1, 0.1)


def test_images_of_a_patient_are_worth_less():
    found = with_clusters(100, images_per_patient=4, intraclass_correlation=0.5)
    assert found == {"design_effect": 2.5, "images": 250, "patients": 63}
    assert with_clusters(100, images_per_patient=4, intraclass_correlation=0)["images"] == 100
