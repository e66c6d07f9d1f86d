"""Net benefit and sample sizes: by hand, against R, and against the intervals they plan."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from medcli.errors import DataError
from medcli.metrics.decision_curve import decision_curve, net_benefit, net_benefit_difference
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
    assert found["standardised"]["estimate"] == pytest.approx(found["estimate"] / 0.4)
    assert found["standardised"]["baseline"]["estimate"] == pytest.approx(0.2 / 0.4)
    assert found["avoided"]["estimate"] == pytest.approx((found["estimate"] - 0.2) * 300)


def test_standardised_net_benefit_has_the_interval_of_a_ratio_of_means():
    """Against the jackknife over patients, and the bounds of calls that are all right or all wrong."""
    generator = np.random.default_rng(3)
    patients = generator.integers(0, 150, 400)
    targets, probabilities, _ = cohort()
    data = targets[:400], probabilities[:400], patients

    def found(rows, name):
        return net_benefit(*(values[rows] for values in data), threshold=0.2, level=0.95)[name]

    used = np.unique(patients)
    for name in ("standardised", "avoided"):
        value = found(np.arange(400), name)
        left_out = np.array([found(patients != patient, name)["estimate"] for patient in used])
        jackknife = np.sqrt((len(used) - 1) ** 2 / len(used) * left_out.var(ddof=1))
        assert value["se"] == pytest.approx(jackknife, rel=0.02), name
        low, high = value["ci"]
        assert low < value["estimate"] < high <= (1 if name == "standardised" else 100)
    perfect = net_benefit(targets, targets, np.arange(500), threshold=0.2, level=0.95)["standardised"]
    assert (perfect["estimate"], perfect["ci"]) == (1, None)
    assert "no call is wrong" in perfect["reason"]
    healthy = net_benefit(np.zeros(5), probabilities[:5], np.arange(5), threshold=0.2, level=0.95)
    assert healthy["standardised"]["reason"] == "no positive case"
    assert healthy["estimate"] is not None


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
    curve = decision_curve(targets, probabilities, patients, low=0.05, high=0.5, level=0.95)
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
