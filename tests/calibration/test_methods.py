"""Each calibrator: against R, planted truths, and what it promises to leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import expit, logit

from medcli.calibration.beta import apply_beta, fit_beta
from medcli.calibration.bias_temperature import fit_sigmoid_bias_temperature
from medcli.calibration.calibrator import METHODS, apply, fit, keeps_ranks, methods_for
from medcli.calibration.isotonic import apply_isotonic, fit_isotonic, steps
from medcli.calibration.platt import fit_platt
from medcli.calibration.scores import to_logits
from medcli.calibration.temperature import fit_label_temperatures, fit_sigmoid_temperature
from medcli.calibration.vector import fit_vector
from medcli.metrics.probability import expected_calibration_error, log_losses
from medcli.metrics.roc import auc
from tests.calibration.test_calibrators import binary_oracle, multiclass_oracle
from tests.metrics import chexpert
from tests.metrics.oracles import expected

ROUNDED = "data_rounded_with_0_and_1.csv"
BOTH = pytest.mark.parametrize(("key", "name"), [("data", "data.csv"), ("data_rounded_clip_1e_6", ROUNDED)])


@BOTH
def test_beta_is_the_regression_of_r(key, name):
    wanted, probabilities, targets = binary_oracle(key, name)
    logits = to_logits(probabilities[:, None], kind="probability", exclusive=False)[:, 0]
    found = fit_beta(logits, targets, keep_order=False)
    for parameter, value in wanted["beta_calibration_unconstrained"].items():
        assert found[parameter] == pytest.approx(value, rel=1e-5)
    # Both are positive here, so that holding the order changes nothing.
    assert fit_beta(logits, targets) == found


def test_beta_drops_what_would_turn_ranks():
    generator = np.random.default_rng(1)
    targets = generator.integers(0, 2, 300).astype(float)
    logits = generator.normal(size=300) - 2 * targets
    found = fit_beta(logits, targets)
    assert (found["a"], found["b"]) == (0, 0)
    assert sum("turn ranks" in flag for flag in found["flags"]) == 2
    assert apply_beta(logits, a=0, b=0, c=found["c"]) == pytest.approx(np.full(300, targets.mean()))


@BOTH
def test_isotonic_is_the_fit_of_r(key, name):
    wanted, probabilities, targets = binary_oracle(key, name)
    levels = steps(probabilities, targets)[1]
    assert len(np.unique(levels)) == wanted["isotonic"]["n_levels"]
    fitted = np.interp(probabilities, *steps(probabilities, targets))
    assert fitted.sum() == pytest.approx(wanted["isotonic"]["sum_fit"])
    assert np.mean((fitted - targets) ** 2) == pytest.approx(wanted["isotonic"]["brier_after"], rel=1e-9)


def test_isotonic_never_claims_certainty():
    found = fit_isotonic(np.array([-3.0, -2, -1, 1, 2, 3]), np.array([0, 0, 0, 1, 1, 1.0]))
    assert apply_isotonic(
        np.array([-9.0, 9]), scores=found["scores"], probabilities=found["probabilities"]
    ) == (pytest.approx([1 / 8, 7 / 8]))
    assert any("kept" in flag for flag in found["flags"])


def test_vector_scaling_is_the_maximum_that_r_finds():
    wanted = expected("20_multiclass")["vector_scaling"]
    _, logits, labels = multiclass_oracle()
    found = fit_vector(logits, labels)
    assert [entry["weight"] for entry in found] == pytest.approx(wanted["w"], rel=1e-3)
    assert [entry["bias"] for entry in found] == pytest.approx(wanted["b_relative_to_class0"], abs=1e-3)
    options = {"kind": "logit", "exclusive": True, "method": "vector"}
    calibrated = apply(logits, parameters=found, **options)
    assert np.mean(log_losses(calibrated, np.eye(4)[labels])) == pytest.approx(wanted["nll_after"], rel=1e-6)


def test_a_bias_is_found_beside_a_shared_temperature():
    generator = np.random.default_rng(8)
    honest = generator.normal(size=(40_000, 3)) * 1.5 - [1, 2, 0.5]
    targets = (generator.random(honest.shape) < expit(honest)).astype(float)
    found = fit_sigmoid_bias_temperature(2 * (honest - [0.5, -1, 0]), targets)
    assert [entry["temperature"] for entry in found] == pytest.approx([2] * 3, abs=0.05)
    assert [entry["bias"] for entry in found] == pytest.approx([0.5, -1, 0], abs=0.06)


def test_each_label_has_its_own_temperature_and_rare_ones_share():
    generator = np.random.default_rng(9)
    honest = generator.normal(size=(30_000, 3)) * 2 - [0, 0, 12]
    targets = (generator.random(honest.shape) < expit(honest)).astype(float)
    targets[:, 2] = 0
    targets[:5, 2] = 1
    found = fit_label_temperatures(honest * [1.5, 3, 1], targets)
    assert found[0]["temperature"] == pytest.approx(1.5, abs=0.06)
    assert found[1]["temperature"] == pytest.approx(3, abs=0.12)
    assert found[2]["temperature"] == fit_sigmoid_temperature(honest * [1.5, 3, 1], targets)["temperature"]
    assert "all labels together" in found[2]["flags"][0]


@pytest.mark.parametrize("method", methods_for(exclusive=False))
def test_separated_scores_stop_at_a_bound_and_say_so(method):
    logits = np.concatenate([np.linspace(-4, -1, 30), np.linspace(1, 4, 30)])[:, None]
    targets = (logits > 0).astype(float)
    options = {"kind": "logit", "exclusive": False, "method": method}
    parameters = fit(logits, targets, classes=["a"], **options)
    calibrated = apply(logits, parameters=parameters, **options)
    assert np.isfinite(calibrated).all()
    if method != "none":
        words = " ".join(parameters[0]["flags"])
        assert "bound" in words or "smoothed" in words or "kept" in words


@pytest.mark.parametrize("method", ["bias-temperature", "vector"])
def test_separated_classes_stop_at_a_bound_and_say_so(method):
    labels = np.repeat(np.arange(3), 20)
    logits = 3 * np.eye(3)[labels] + np.random.default_rng(2).normal(size=(60, 3)) * 0.1
    options = {"kind": "logit", "exclusive": True, "method": method}
    parameters = fit(logits, np.eye(3)[labels], classes=["a", "b", "c"], **options)
    assert "bound" in parameters[0]["flags"][0]
    assert np.isfinite(apply(logits, parameters=parameters, **options)).all()


CASES = st.lists(
    st.tuples(st.integers(-12, 12), st.sampled_from([0.0, 1.0, np.nan])), min_size=8, max_size=60
).filter(lambda rows: {0.0, 1.0} <= {y for _, y in rows})


def columns(rows):
    return np.array([[x / 3] for x, _ in rows]), np.array([[y] for _, y in rows])


def calibrate(logits, targets, method):
    options = {"kind": "logit", "exclusive": False, "method": method}
    parameters = fit(logits, targets, classes=["a"], **options)
    return parameters, apply(logits, parameters=parameters, **options)


@pytest.mark.parametrize("method", methods_for(exclusive=False))
@given(rows=CASES)
def test_labels_keep_what_is_promised(method, rows):
    logits, targets = columns(rows)
    _, calibrated = calibrate(logits, targets, method)
    order = np.argsort(logits[:, 0], kind="stable")
    assert (np.diff(calibrated[order, 0]) >= -1e-12).all()
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    if method == "temperature":
        assert ((calibrated >= 0.5) == (logits >= 0)).all()
    if method == "none":
        assert calibrated == pytest.approx(expit(logits))
    known = ~np.isnan(targets[:, 0])
    if method in {"temperature", "platt", "bias-temperature"} and np.ptp(calibrated) > 1e-6:
        before = auc(targets[known, 0], logits[known, 0])
        # Rounding may tie what was not: a sigmoid is flat at its ends.
        assert auc(targets[known, 0], np.round(logit(calibrated[known, 0]), 9)) == pytest.approx(
            before, abs=1e-9
        )


# Scores of no use to the last bit: whether their slope is above or below zero is rounding.
@pytest.mark.parametrize("method", [name for name in methods_for(exclusive=False) if name != "none"])
@given(rows=CASES, seed=st.integers(0, 99))
@example(rows=[(0, 0), (0, 1), (0, 1), (1, 0), (3, 1), (3, 1), (-5, 0), (10, 0)], seed=0)
def test_row_order_and_missing_labels_change_nothing(method, rows, seed):
    logits, targets = columns(rows)
    _, calibrated = calibrate(logits, targets, method)
    order = np.random.default_rng(seed).permutation(len(rows))
    _, shuffled = calibrate(logits[order], targets[order], method)
    assert shuffled == pytest.approx(calibrated[order], abs=1e-6)
    known = ~np.isnan(targets[:, 0])
    _, dropped = calibrate(logits[known], targets[known], method)
    assert dropped == pytest.approx(calibrated[known], abs=1e-9)


@pytest.mark.parametrize("method", methods_for(exclusive=True))
def test_calls_are_kept_where_that_is_promised_and_rows_sum_to_one(method):
    _, logits, labels = multiclass_oracle()
    options = {"kind": "logit", "exclusive": True, "method": method}
    parameters = fit(logits, np.eye(4)[labels], classes=list("abcd"), **options)
    calibrated = apply(logits, parameters=parameters, **options)
    assert calibrated.sum(axis=1) == pytest.approx(1)
    is_kept = (calibrated.argmax(axis=1) == logits.argmax(axis=1)).all()
    assert is_kept == (METHODS[method].keeps_of_classes != "nothing") == keeps_ranks(method, exclusive=True)


def test_a_class_that_never_occurs_is_said_and_does_no_harm():
    generator = np.random.default_rng(3)
    logits, labels = generator.normal(size=(200, 4)), generator.choice([0, 1, 3], size=200)
    for method in ("bias-temperature", "vector"):
        options = {"kind": "logit", "exclusive": True, "method": method}
        parameters = fit(logits, np.eye(4)[labels], classes=list("abcd"), **options)
        assert "do not occur" in " ".join(parameters[2]["flags"])
        assert np.isfinite(apply(logits, parameters=parameters, **options)).all()


def test_even_rows_of_chexpert_calibrate_odd_ones():
    scores, targets = chexpert.scores("hieupham"), chexpert.truth()
    even, odd = slice(0, None, 2), slice(1, None, 2)
    options = {"kind": "probability", "exclusive": False}
    errors = {}
    for method in ("none", "temperature", "platt"):
        parameters = fit(scores[even], targets[even], classes=chexpert.COMPETITION, method=method, **options)
        calibrated = apply(scores[odd], method=method, parameters=parameters, **options)
        errors[method] = expected_calibration_error(calibrated[:, 0], targets[odd, 0] == 1)
    assert errors == pytest.approx({"none": 0.3541, "temperature": 0.3140, "platt": 0.0548}, abs=5e-5)


def test_platt_and_beta_agree_where_both_ends_are_alike():
    """With a = b beta calibration is Platt scaling, which antisymmetric data ask for."""
    half = np.linspace(0.05, 3, 200)
    generator = np.random.default_rng(5)
    up = (generator.random(200) < expit(0.6 * half)).astype(float)
    logits, targets = np.concatenate([half, -half]), np.concatenate([up, 1 - up])
    platt, beta = fit_platt(logits, targets), fit_beta(logits, targets)
    assert platt["intercept"] == pytest.approx(0, abs=1e-9)
    assert beta["a"] == pytest.approx(beta["b"], rel=1e-6)
