"""Measures of calibration: against R (rms, loess, glm), netcal and the papers' identities."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from medcli.errors import DataError
from medcli.metrics.bins import Bins
from medcli.metrics.calibration_measures import (
    CLIP,
    calibration_intercept,
    calibration_slope,
    observed_to_expected,
    scaled_brier,
    spiegelhalter_test,
)
from medcli.metrics.corp import corp_quantity, decompose_brier, recalibrate
from medcli.metrics.ece import (
    binned_errors,
    call_ece,
    classwise_ece,
    label_ece,
    top_label_ece,
)
from medcli.metrics.ici import integrated_calibration_index
from medcli.metrics.loess import Loess
from medcli.metrics.probability import brier_quantity
from medcli.metrics.roc import auc
from medcli.metrics.smooth_ece import smooth_calibration_error, smooth_ece
from tests.metrics.oracles import expected, numbers, table

FILES = {"data": "data.csv", "data_rounded_clip_1e_6": "data_rounded_with_0_and_1.csv"}
each_file = pytest.mark.parametrize("key", FILES)
MEASURES = [calibration_intercept, calibration_slope, observed_to_expected, scaled_brier]


def oracle(key):
    data = table("17_calibration_binary", FILES[key])
    probabilities, targets = numbers(data["p"]), numbers(data["y"])
    return expected("17_calibration_binary")[key], (probabilities, targets, np.arange(len(targets)))


@each_file
def test_intercept_and_slope_are_the_regressions_of_r(key):
    wanted, data = oracle(key)
    intercept = calibration_intercept(*data, level=0.95)
    assert intercept["estimate"] == pytest.approx(wanted["citl"]["intercept_given_slope1"], rel=1e-6)
    assert intercept["se"] == pytest.approx(wanted["citl"]["se"], rel=1e-6)
    assert intercept["ci"] == pytest.approx(wanted["citl"]["ci95_wald"], rel=1e-6)
    slope = calibration_slope(*data, level=0.95)
    assert slope["estimate"] == pytest.approx(wanted["slope"]["slope"], rel=1e-6)
    assert slope["se"] == pytest.approx(wanted["slope"]["se"], rel=1e-6)
    assert slope["ci"] == pytest.approx(wanted["slope"]["ci95_wald"], rel=1e-6)
    assert slope["intercept"] == pytest.approx(wanted["slope"]["intercept_joint"], rel=1e-6)
    assert bool(slope["flags"]) == ("rounded" in key)


@each_file
def test_observed_over_expected_and_brier_agree_with_r(key):
    wanted, data = oracle(key)
    ratio = observed_to_expected(*data, level=0.95)
    assert ratio["estimate"] == pytest.approx(wanted["expected_observed"]["O_over_E"], rel=1e-9)
    assert ratio["ci"] == pytest.approx(wanted["expected_observed"]["ci95_OE_log_poisson"], rel=1e-9)
    assert data[1].sum() == wanted["events"]
    assert data[1].mean() == pytest.approx(wanted["prevalence"], rel=1e-9)
    assert 1 / ratio["estimate"] == pytest.approx(wanted["expected_observed"]["E_over_O"], rel=1e-9)
    brier = scaled_brier(*data, level=0.95)
    assert brier["estimate"] == pytest.approx(wanted["brier_scaled"], rel=1e-9)
    assert brier["ci"][0] < brier["estimate"] < brier["ci"][1]
    test = spiegelhalter_test(*data[:2])
    assert test["statistic"] == pytest.approx(wanted["spiegelhalter_z"], rel=1e-9)
    assert test["p"] == pytest.approx(wanted["spiegelhalter_p"], rel=1e-9)


@each_file
def test_what_rms_prints_of_a_model_is_found_again(key):
    wanted, (p, targets, images) = oracle(key)
    area, printed = auc(targets, p), wanted["val_prob"]
    assert area == pytest.approx(wanted["c_statistic"], rel=1e-9)
    # rms counts pairs of predictions rounded to a grid.
    assert [area, 2 * area - 1] == pytest.approx([printed["C (ROC)"], printed["Dxy"]], abs=1e-4)
    # R clipped the rounded probabilities before it called rms, which stops its search earlier than glm.
    data = np.clip(p, CLIP, 1 - CLIP), targets, images
    slope = calibration_slope(*data, level=0.95)
    assert slope["estimate"] == pytest.approx(printed["Slope"], rel=1e-6)
    assert slope["intercept"] == pytest.approx(printed["Intercept"], rel=1e-6)
    brier = brier_quantity(*data, level=0.95)
    assert brier["estimate"] == pytest.approx(printed["Brier"], rel=1e-9)
    test = spiegelhalter_test(*data[:2])
    assert test["statistic"] == pytest.approx(printed["S:z"], rel=1e-6)
    assert test["p"] == pytest.approx(printed["S:p"], rel=1e-6)


@each_file
def test_corp_agrees_with_model_diagnostics(key):
    wanted, data = oracle(key)
    parts = decompose_brier(*data[:2])
    for mine, theirs in {"miscalibration": "MCB", "discrimination": "DSC", "uncertainty": "UNC"}.items():
        assert parts[mine] == pytest.approx(wanted["corp_brier"][theirs], rel=1e-9)
    # The identity holds: what R found left over is nothing.
    left = parts["miscalibration"] - parts["discrimination"] + parts["uncertainty"] - parts["score"]
    assert left == pytest.approx(wanted["corp_brier"]["check"], abs=1e-12)
    if key == "data":
        rounded = expected("17_calibration_binary")["python_cross_checks"]["model_diagnostics_1_5_0"]
        assert [parts[name] for name in ("miscalibration", "discrimination", "uncertainty")] == pytest.approx(
            [rounded[name] for name in ("MCB", "DSC", "UNC")], abs=5e-8
        )
    fitted = recalibrate(*data[:2])
    assert fitted.sum() == pytest.approx(wanted["isotonic"]["sum_fit"], rel=1e-9)
    assert len(np.unique(fitted)) == wanted["isotonic"]["n_levels"]
    assert np.mean((fitted - data[1]) ** 2) == pytest.approx(wanted["isotonic"]["brier_after"], rel=1e-9)
    value = corp_quantity(*data, level=0.95, seed=1, simulations=50)
    assert value["estimate"] == pytest.approx(wanted["corp_brier"]["MCB"], rel=1e-9)
    assert value["estimate"] > value["baseline"]["band"][1]
    steps = value["curve"]["steps"]
    assert len(steps) == wanted["isotonic"]["n_levels"]
    assert sum(step["n"] for step in steps) == wanted["n"]


@each_file
def test_the_index_is_that_of_loess_in_r(key):
    wanted, data = oracle(key)
    found = integrated_calibration_index(*data, simulations=20)
    assert found["estimate"] == pytest.approx(wanted["ici_loess"]["ICI"], rel=1e-9)
    for mine, theirs in {"e50": "E50", "e90": "E90", "emax": "Emax"}.items():
        assert found[mine] == pytest.approx(wanted["ici_loess"][theirs], rel=1e-9)
    assert found["estimate"] > found["baseline"]["band"][1]


@each_file
@pytest.mark.parametrize(
    "name", ["width10_right", "width15_right", "width10_left", "mass10_rank", "mass15_rank"]
)
def test_every_binning_agrees_with_r(key, name):
    wanted, data = oracle(key)
    wanted = wanted["ece"][name]
    scheme = "width" if name.startswith("width") else "mass"
    num_bins = int(name.removeprefix(scheme)[:2])
    closed = "left" if name.endswith("left") else "right"
    p, y = data[:2]
    # R parts equal probabilities as the rows come: as if each were a little higher than the one before.
    apart = p + 1e-12 * np.arange(len(p)) if scheme == "mass" else p
    found = binned_errors(p, y, Bins.of(apart, num_bins=num_bins, scheme=scheme, closed=closed))
    # R clipped the rounded probabilities before it binned; means differ by that millionth.
    tolerance = {"rel": 1e-9} if key == "data" else {"abs": 2e-6}
    for mine, theirs in {
        "ece": "ece_l1",
        "rmsce": "rmsce_l2",
        "mce": "mce",
        "debiased_square": "l2_sq_debiased_brocker_kumar",
        "rmsce_debiased": "rmsce_debiased",
    }.items():
        assert found[mine] == pytest.approx(wanted[theirs], **tolerance)
    assert len(found["bins"]) == wanted["n_nonempty"]
    for mine, theirs in {"n": "n", "mean_probability": "conf", "frequency": "acc"}.items():
        values = [item[theirs] for item in wanted["bins"]]
        assert [item[mine] for item in found["bins"]] == pytest.approx(values, **tolerance)


def test_binary_definitions_agree_with_netcal():
    wanted = expected("17_calibration_binary")["python_cross_checks"]["netcal_1_4_0"]
    _, data = oracle("data")
    assert label_ece(*data, num_bins=10)["estimate"] == pytest.approx(wanted["ECE10"], rel=1e-9)
    assert label_ece(*data)["estimate"] == pytest.approx(wanted["ECE15"], rel=1e-9)
    theirs = expected("17_calibration_binary")["python_cross_checks"]["torchmetrics_1_9_0"]
    found = label_ece(*data, num_bins=10)
    assert [found[key] for key in ("estimate", "rmsce", "mce")] == pytest.approx(
        [theirs[key] for key in ("l1_10", "l2_10", "max_10")], rel=1e-6
    )
    # Confidence in the call is another number, under another name.
    other = call_ece(*data)
    assert other["estimate"] != pytest.approx(wanted["ECE15"], rel=1e-3)
    assert "call" in other["method"]
    assert label_ece(*data)["estimate"] > label_ece(*data)["baseline"]["band"][1]


def by_definition(p, y, width):
    """Mean size of residuals smoothed by a Gaussian that is reflected at 0 and 1, on a fine grid."""
    t = np.linspace(0, 1, 4001)[:, None]
    images = np.concatenate([[2 * k + p, 2 * k - p] for k in range(-3, 4)])
    kernel = np.exp(-((t[..., None] - images) ** 2) / (2 * width**2)).sum(axis=1)
    smoothed = kernel @ ((p - y) / len(p)) / (width * np.sqrt(2 * np.pi))
    return np.trapezoid(np.abs(smoothed), t[:, 0])


def test_the_smooth_error_is_its_own_width_and_that_of_relplot():
    wanted = expected("17_calibration_binary")["python_cross_checks"]["smooth_ECE_relplot"]
    _, data = oracle("data")
    found = smooth_ece(*data, level=0.95, seed=1)
    # relplot halves the width ten times, and stops.
    assert found["estimate"] == pytest.approx(wanted, abs=2**-10)
    low, high = found["baseline"]["band"]
    assert low < high < found["estimate"]
    generator = np.random.default_rng(3)
    for size, power in ((3, 1), (40, 1), (40, 4)):
        p = generator.random(size)
        y = (generator.random(size) < p).astype(float)
        width = smooth_calibration_error(p**power, y)
        assert by_definition(p**power, y, width) == pytest.approx(width, abs=2e-3)


def test_the_band_of_the_smooth_error_is_that_of_outcomes_drawn_one_by_one():
    generator = np.random.default_rng(5)
    p = generator.beta(0.5, 2, 300)
    drawn = [smooth_calibration_error(p, generator.random(300) < p) for _ in range(300)]
    baseline = smooth_ece(p, p > 0.5, np.arange(300), level=0.95, seed=1, simulations=300)["baseline"]
    assert baseline["estimate"] == pytest.approx(np.mean(drawn), rel=0.05)
    assert baseline["band"] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), rel=0.15)


@given(st.integers(0, 10**6))
def test_the_smooth_error_is_mirrored_and_bounded(seed):
    generator = np.random.default_rng(seed)
    p, y = generator.integers(0, 6, 25) / 5, generator.integers(0, 2, 25)
    error = smooth_calibration_error(p, y)
    assert smooth_calibration_error(1 - p, 1 - y) == pytest.approx(error, abs=1e-9)
    assert 0 <= error <= np.mean(np.abs(p - y)) + 1e-3
    # All alike: nothing is smoothed away from the gap of the mean.
    assert smooth_calibration_error(np.full(25, 0.5), y) <= abs(0.5 - y.mean()) + 1e-3


def test_a_probability_of_one_is_in_the_last_bin():
    p, y = np.array([0.95, 1.0]), np.array([1, 0])
    for closed in ("left", "right"):
        bins = Bins.of(p, num_bins=10, scheme="width", closed=closed)
        assert binned_errors(p, y, bins)["ece"] == pytest.approx(0.475)


def test_multiclass_definitions_agree_with_r():
    wanted, data = expected("20_multiclass"), table("20_multiclass")
    logits = np.stack([numbers(data[f"logit_{k}"]) for k in range(4)], axis=1)
    labels, probabilities = numbers(data["y"]).astype(int), softmax(logits, axis=1)
    arguments = probabilities, labels, np.arange(240)
    for num_bins in (10, 15):
        found = top_label_ece(*arguments, num_bins=num_bins)
        assert found["estimate"] == pytest.approx(wanted[f"ece_toplabel_width{num_bins}"], rel=1e-9)
    found = classwise_ece(*arguments)
    assert found["estimate"] == pytest.approx(wanted["ece_classwise_width15"], rel=1e-9)
    low, high = found["baseline"]["band"]
    assert 0 < low < high


def test_perfect_probabilities_lie_in_every_band():
    generator = np.random.default_rng(9)
    p = generator.random(400)
    data = p, generator.random(400) < p, np.arange(400)
    for value in (
        label_ece(*data, seed=1),
        label_ece(*data, scheme="mass", seed=1),
        call_ece(*data, seed=1),
        corp_quantity(*data, level=0.95, seed=1),
        integrated_calibration_index(*data, seed=1),
        smooth_ece(*data, level=0.95, seed=1),
    ):
        low, high = value["baseline"]["band"]
        assert low <= value["estimate"] <= high
        assert value["ci"] is None
        assert value["reason"]
    small = label_ece(p[:200], data[1][:200], data[2][:200], seed=2)
    assert small["baseline"]["estimate"] == pytest.approx(0.083, abs=0.01)


def test_bands_of_many_images_are_drawn_bin_by_bin(monkeypatch):
    generator = np.random.default_rng(9)
    p = generator.random(4000)
    data = p, generator.random(4000) < p, np.arange(4000)
    exact = label_ece(*data, seed=1, simulations=400)["baseline"]
    monkeypatch.setattr("medcli.metrics.ece._MOST_DRAWS", 0)
    fast = label_ece(*data, seed=1, simulations=400)["baseline"]
    assert fast["estimate"] == pytest.approx(exact["estimate"], rel=0.05)
    assert fast["band"] == pytest.approx(exact["band"], rel=0.1)


def test_planted_recalibration_is_found():
    generator = np.random.default_rng(1)
    line = generator.normal(size=60_000)
    y = generator.random(60_000) < expit(line)
    data = expit(2 * line + 0.5), y, np.arange(60_000)
    slope = calibration_slope(*data, level=0.95)
    assert slope["ci"][0] < 0.5 < slope["ci"][1]
    honest = expit(line), y, np.arange(60_000)
    assert (
        calibration_slope(*honest, level=0.95)["ci"][0] < 1 < calibration_slope(*honest, level=0.95)["ci"][1]
    )
    assert calibration_intercept(*honest, level=0.95)["test"]["p"] > 0.01


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("targets", [[0.0, 0, 0], [1.0, 1, 1], []])
def test_one_class_is_null_or_has_no_interval(measure, targets):
    found = measure(
        np.linspace(0.2, 0.7, len(targets)), np.array(targets), np.arange(len(targets)), level=0.95
    )
    if measure is not observed_to_expected or not targets:
        assert found["estimate"] is None
    assert found["reason"] or found["ci"]


def test_separated_classes_have_no_slope():
    p = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    found = calibration_slope(p, p > 0.5, np.arange(6), level=0.95)
    assert found["estimate"] is None
    assert "separate" in found["reason"]
    flat = calibration_slope(np.full(4, 0.3), np.array([0, 1, 0, 1]), np.arange(4), level=0.95)
    assert flat["reason"] == "all probabilities are equal"
    assert (
        calibration_intercept(np.full(4, 0.3), np.array([0, 1, 0, 1]), np.arange(4), level=0.95)["estimate"]
        > 0
    )


@given(st.integers(0, 10**6))
def test_images_doubled_within_a_patient_add_nothing(seed):
    generator = np.random.default_rng(seed)
    p = generator.uniform(0.05, 0.95, 60)
    y = (generator.random(60) < p).astype(float)
    y[:2] = 0, 1
    patients = np.repeat(np.arange(30), 2)
    for measure in MEASURES:
        once = measure(p, y, patients, level=0.95)
        twice = measure(np.tile(p, 2), np.tile(y, 2), np.tile(patients, 2), level=0.95)
        assert twice["estimate"] == pytest.approx(once["estimate"], abs=1e-6)
        if measure is not observed_to_expected:
            assert twice["se"] == pytest.approx(once["se"], rel=1e-5)


@given(st.integers(0, 10**6))
def test_the_decomposition_adds_up_and_its_parts_are_not_negative(seed):
    generator = np.random.default_rng(seed)
    p, y = generator.integers(0, 6, 25) / 5, generator.integers(0, 2, 25)
    parts = decompose_brier(p, y)
    assert parts["score"] == pytest.approx(
        parts["miscalibration"] - parts["discrimination"] + parts["uncertainty"], abs=1e-12
    )
    assert min(parts.values()) >= -1e-12
    # Recalibrated frequencies are calibrated, and rise.
    fitted = recalibrate(p, y)
    assert decompose_brier(fitted, y)["miscalibration"] == pytest.approx(0, abs=1e-12)
    assert (np.diff(fitted[np.argsort(p, kind="stable")]) >= -1e-12).all()


def test_a_smoother_keeps_parabolas():
    x = np.sort(np.random.default_rng(0).random(200))
    assert Loess(x).smooth(3 * x**2 - x + 2, x) == pytest.approx(3 * x**2 - x + 2, abs=1e-9)
    columns = np.stack([x, x**2], axis=1)
    values, slopes = Loess(x).fit(columns)
    assert Loess(x).blend(values, slopes, x) == pytest.approx(columns, abs=1e-9)


def test_bad_bins_are_refused():
    with pytest.raises(DataError, match="area"):
        Bins.of(np.zeros(3), num_bins=15, scheme="area")
    with pytest.raises(DataError, match="middle"):
        Bins.of(np.zeros(3), num_bins=15, scheme="width", closed="middle")


def test_equal_probabilities_on_an_edge_are_shared_out_as_the_mean_of_their_orders():
    """Six images in two bins; 0.4 is that of four of them, of which one lies below the edge."""
    p, y = np.array([0.1, 0.2, 0.4, 0.4, 0.4, 0.4]), np.array([0, 1, 1, 0, 0, 1])
    bins = Bins.of(p, num_bins=2, scheme="mass")
    assert bins.shares.tolist() == [[0.25, 0.75]]
    found = binned_errors(p, y, bins)
    # Below: 0.1, 0.2 and one of the four, which brings half an event.
    below, above = abs(0.7 - 1.5), abs(1.2 - 1.5)
    assert found["ece"] == pytest.approx((below + above) / 6)
    assert [(item["n"], item["frequency"]) for item in found["bins"]] == [(3, 0.5), (3, 0.5)]
    orders = [
        np.bincount([0, 0, 0, 1, 1, 1], y[[0, 1, *tied]]) for tied in itertools.permutations([2, 3, 4, 5])
    ]
    assert bins.sums(y) == pytest.approx(np.mean(orders, axis=0))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 20), st.integers(1, 12))
def test_bins_of_equal_mass_hold_everything_once(seed, size, num_bins, levels):
    p = np.random.default_rng(seed).integers(0, levels, size) / levels
    bins = Bins.of(p, num_bins=num_bins, scheme="mass")
    counts = bins.sums(np.ones(size))
    assert counts == pytest.approx([len(part) for part in np.array_split(np.arange(size), num_bins)])
    # In order: the sums of the probabilities are those of the sorted ones.
    expected = [part.sum() for part in np.array_split(np.sort(p), num_bins)]
    assert bins.sums(p) == pytest.approx(expected, abs=1e-12)


def test_perfect_models_of_many_images_are_drawn_alike_from_images_and_from_bins(monkeypatch):
    """The normal distribution of the sums, where probabilities tie across edges too."""
    generator = np.random.default_rng(4)
    p = generator.integers(1, 10, 3000) / 10
    data = p, generator.random(3000) < p, np.arange(3000)
    options = {"scheme": "mass", "seed": 1, "simulations": 2000}
    drawn = label_ece(*data, **options)["baseline"]
    monkeypatch.setattr("medcli.metrics.ece._MOST_DRAWS", 0)
    summed = label_ece(*data, **options)["baseline"]
    assert summed["estimate"] == pytest.approx(drawn["estimate"], rel=0.02)
    assert summed["band"] == pytest.approx(drawn["band"], rel=0.06)
