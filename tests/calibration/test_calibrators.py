"""Temperature and Platt scaling: against R's likelihoods, planted truths, and what must not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax

from medcli.calibration.calibrator import apply, check_method, fit, methods_for
from medcli.calibration.platt import fit_platt
from medcli.calibration.scores import is_exclusive, to_logits, to_probabilities
from medcli.calibration.temperature import COLDEST, HOTTEST, fit_sigmoid_temperature, fit_softmax_temperature
from medcli.errors import DataError, UsageError
from medcli.metrics.probability import expected_calibration_error, log_losses
from medcli.metrics.roc import auc
from tests.metrics.oracles import expected, numbers, table


def binary_oracle(key, name):
    data = table("17_calibration_binary", name)
    return expected("17_calibration_binary")[key], numbers(data["p"]), numbers(data["y"])


def multiclass_oracle():
    data = table("20_multiclass")
    logits = np.stack([numbers(data[f"logit_{k}"]) for k in range(4)], axis=1)
    return expected("20_multiclass")["temperature"], logits, numbers(data["y"]).astype(int)


def test_softmax_temperature_is_the_root_that_r_finds():
    wanted, logits, labels = multiclass_oracle()
    found = fit_softmax_temperature(logits, labels)
    assert found["temperature"] == pytest.approx(wanted["T"], rel=1e-6)
    before, after = softmax(logits, axis=1), softmax(logits / found["temperature"], axis=1)
    truth = np.eye(4)[labels]
    assert np.mean(log_losses(before, truth)) == pytest.approx(wanted["nll_before"], rel=1e-9)
    assert np.mean(log_losses(after, truth)) == pytest.approx(wanted["nll_after"], rel=1e-9)
    is_right = after.argmax(axis=1) == labels
    assert expected_calibration_error(after.max(axis=1), is_right) == pytest.approx(
        wanted["ece_toplabel_width15_after"], rel=1e-5
    )
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all() == wanted["accuracy_unchanged"]


def test_a_planted_temperature_is_found():
    generator = np.random.default_rng(23)
    honest = 2 * generator.normal(size=(60_000, 5))
    labels = (softmax(honest, axis=1).cumsum(axis=1) < generator.random((60_000, 1))).sum(axis=1)
    found = fit_softmax_temperature(2.3 * honest, labels)
    assert found["temperature"] == pytest.approx(2.3, abs=0.05)
    assert found["flags"] == []


@pytest.mark.parametrize(
    ("key", "name"),
    [("data", "data.csv"), ("data_rounded_clip_1e_6", "data_rounded_with_0_and_1.csv")],
)
def test_sigmoid_temperature_is_a_regression_without_intercept(key, name):
    wanted, probabilities, targets = binary_oracle(key, name)
    logits = to_logits(probabilities[:, None], kind="probability", exclusive=False)
    found = fit_sigmoid_temperature(logits, targets[:, None])["temperature"]
    assert found == pytest.approx(wanted["temperature"]["T"], rel=1e-6)
    assert 1 / found == pytest.approx(wanted["temperature"]["inverse_T"], rel=1e-6)
    if key == "data":
        other = expected("17_calibration_binary")["python_cross_checks"]["scipy_T"]
        assert found == pytest.approx(other, rel=1e-6)


def test_temperature_stops_at_its_bounds_and_says_so():
    logits, labels = np.array([[2.0, 0], [0, 3]]), np.array([0, 1])
    separated = fit_softmax_temperature(logits, labels)
    assert separated["temperature"] == COLDEST
    assert "bound" in separated["flags"][0]
    useless = fit_softmax_temperature(logits, 1 - labels)
    assert useless["temperature"] == HOTTEST
    assert "bound" in useless["flags"][0]


@pytest.mark.parametrize(
    ("key", "name"),
    [("data", "data.csv"), ("data_rounded_clip_1e_6", "data_rounded_with_0_and_1.csv")],
)
def test_platt_is_the_regression_of_r(key, name):
    wanted, probabilities, targets = binary_oracle(key, name)
    logits = to_logits(probabilities[:, None], kind="probability", exclusive=False)[:, 0]
    found = fit_platt(logits, targets)
    assert found["slope"] == pytest.approx(wanted["platt"]["a"], rel=1e-6)
    assert found["intercept"] == pytest.approx(wanted["platt"]["b"], rel=1e-6)
    # The score equation of the intercept: predicted and observed shares agree.
    calibrated = expit(found["slope"] * logits + found["intercept"])
    assert calibrated.mean() == pytest.approx(targets.mean(), abs=1e-9)


def test_separated_scores_stay_finite_and_say_so():
    logits = np.array([-3.0, -2, -1, 1, 2, 3])
    found = fit_platt(logits, np.array([0, 0, 0, 1, 1, 1.0]))
    assert any("separate" in flag for flag in found["flags"])
    calibrated = expit(found["slope"] * logits + found["intercept"])
    assert 0.5 < calibrated[3] < calibrated[5] < 0.99
    assert calibrated[:3] == pytest.approx(1 - calibrated[:2:-1])


@given(
    st.lists(st.tuples(st.floats(-30, 30), st.integers(0, 1)), min_size=3, max_size=40).filter(
        lambda rows: 0 < sum(y for _, y in rows) < len(rows)
    )
)
def test_platt_never_reverses_an_order_and_never_fails(rows):
    logits, targets = np.array([x for x, _ in rows]), np.array([float(y) for _, y in rows])
    found = fit_platt(logits, targets)
    assert found["slope"] > 0
    assert np.isfinite([found["slope"], found["intercept"]]).all()
    calibrated = expit(found["slope"] * logits + found["intercept"])
    assert (np.diff(calibrated[np.argsort(logits, kind="stable")]) >= 0).all()


def test_equal_scores_get_an_intercept_only_also_when_their_mean_is_rounded():
    assert np.std([1.9, 1.9, 1.9]) > 0
    found = fit_platt(np.full(3, 1.9), np.array([0.0, 0.0, 1.0]))
    assert found["flags"] == ["all scores are equal: only the intercept is fitted"]
    assert expit(found["slope"] * 1.9 + found["intercept"]) == pytest.approx(1 / 3)


def test_scores_against_the_labels_are_not_turned_around():
    generator = np.random.default_rng(3)
    targets = generator.integers(0, 2, 300).astype(float)
    logits = generator.normal(size=300) - 2 * targets
    found = fit_platt(logits, targets)
    assert any("do not rise with" in flag for flag in found["flags"])
    calibrated = expit(found["slope"] * logits + found["intercept"])
    assert auc(targets, calibrated) == pytest.approx(auc(targets, logits), abs=1e-12)
    assert calibrated.mean() == pytest.approx(targets.mean(), abs=1e-6)


@pytest.mark.parametrize(("targets", "reason"), [([0.0, 0.0], "no positive"), ([1.0, 1.0], "no negative")])
def test_one_class_cannot_be_fitted(targets, reason):
    found = fit_platt(np.array([0.3, -0.2]), np.array(targets))
    assert found["slope"] is None
    assert reason in found["reason"]


def test_equal_scores_become_the_prevalence():
    found = fit_platt(np.full(8, 2.0), np.array([1, 0, 0, 0, 1, 0, 0, 0.0]))
    assert expit(found["slope"] * 2.0 + found["intercept"]) == pytest.approx(0.25)


def test_labels_that_cannot_be_fitted_stay_as_they_are():
    generator = np.random.default_rng(6)
    scores = generator.normal(size=(80, 2)).astype(np.float32)
    targets = np.stack([generator.integers(0, 2, 80), np.zeros(80)], axis=1).astype(float)
    targets[3, 0] = np.nan
    parameters = fit(scores, targets, classes=["a", "b"], kind="logit", exclusive=False, method="platt")
    assert [entry["class"] for entry in parameters] == ["a", "b"]
    found = apply(scores, kind="logit", exclusive=False, method="platt", parameters=parameters)
    assert found[:, 1] == pytest.approx(expit(scores[:, 1].astype(float)))
    known = ~np.isnan(targets[:, 0])
    by_hand = fit_platt(scores[known, 0].astype(float), targets[known, 0])
    assert parameters[0]["slope"] == by_hand["slope"]


def test_methods_that_do_not_fit_the_task_are_refused_with_those_that_do():
    with pytest.raises(UsageError, match="one label at a time") as refused:
        check_method("platt", exclusive=True)
    assert refused.value.hint == "one of auto, none, temperature, bias-temperature, vector"
    with pytest.raises(UsageError, match="exclude each other"):
        check_method("vector", exclusive=False)
    for exclusive in (True, False):
        for name in methods_for(exclusive=exclusive):
            check_method(name, exclusive=exclusive)
    assert is_exclusive("binary", 2)
    assert not is_exclusive("binary", 1)
    assert not is_exclusive("multilabel", 3)


def test_probabilities_are_taken_as_they_are_and_ranks_refused_by_name():
    rows = np.array([[0.25, 0.75], [1.0, 0.0]])
    assert to_probabilities(rows, kind="probability", exclusive=True).tolist() == rows.tolist()
    back = softmax(to_logits(rows, kind="probability", exclusive=True), axis=1)
    assert back == pytest.approx(rows, abs=2e-6)
    with pytest.raises(DataError, match="rank"):
        to_probabilities(rows, kind="rank", exclusive=False)
    with pytest.raises(DataError, match=r"2\.81"):
        to_probabilities(np.array([[0.2], [2.81]]), kind="probability", exclusive=False)
    with pytest.raises(DataError, match=r"sum to 1\.2"):
        to_probabilities(np.array([[0.6, 0.6]]), kind="probability", exclusive=True)
