"""Calibration error, Brier score and log loss: against R, netcal and hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from medcli.metrics.probability import (
    brier_quantity,
    expected_calibration_error,
    log_loss_quantity,
    reliability_bins,
)
from tests.metrics.oracles import expected, numbers, table

FILES = {"data": "data.csv", "data_rounded_clip_1e_6": "data_rounded_with_0_and_1.csv"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("num_bins", [10, 15])
def test_binary_error_agrees_with_r(name, num_bins):
    wanted = expected("17_calibration_binary")[name]["ece"][f"width{num_bins}_right"]
    data = table("17_calibration_binary", FILES[name])
    probabilities, targets = numbers(data["p"]), numbers(data["y"])
    found = expected_calibration_error(probabilities, targets, num_bins=num_bins)
    assert found == pytest.approx(wanted["ece_l1"], rel=1e-9)
    bins = reliability_bins(probabilities, targets, num_bins=num_bins)
    assert [item["n"] for item in bins] == [item["n"] for item in wanted["bins"]]
    assert [item["frequency"] for item in bins] == pytest.approx([item["acc"] for item in wanted["bins"]])
    # R clipped the rounded probabilities before it binned; the means differ by that millionth.
    wanted_means = [item["conf"] for item in wanted["bins"]]
    assert [item["mean_probability"] for item in bins] == pytest.approx(wanted_means, abs=1e-6)


@pytest.mark.parametrize("name", FILES)
def test_binary_brier_and_log_loss_agree_with_r(name):
    wanted = expected("17_calibration_binary")[name]
    data = table("17_calibration_binary", FILES[name])
    probabilities, targets = numbers(data["p"]), numbers(data["y"])
    images = np.arange(len(targets))
    brier = brier_quantity(probabilities, targets, images, level=0.95)
    assert brier["estimate"] == pytest.approx(wanted["brier"], rel=1e-9)
    assert 1 - brier["estimate"] / brier["baseline"]["estimate"] == pytest.approx(
        wanted["brier_scaled"], rel=1e-9
    )
    # R clipped the rounded probabilities to one millionth.
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    loss = log_loss_quantity(clipped, targets, images, level=0.95)
    assert loss["estimate"] == pytest.approx(wanted["log_loss"], rel=1e-9)
    share = wanted["prevalence"]
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert loss["baseline"]["estimate"] == pytest.approx(entropy)


def test_multiclass_agrees_with_r():
    wanted, data = expected("20_multiclass"), table("20_multiclass")
    logits = np.stack([numbers(data[f"logit_{k}"]) for k in range(4)], axis=1)
    labels, probabilities = numbers(data["y"]).astype(int), softmax(logits, axis=1)
    truth, images = np.eye(4)[labels], np.arange(240)
    top = expected_calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    assert top == pytest.approx(wanted["ece_toplabel_width15"], rel=1e-9)
    classwise = [expected_calibration_error(probabilities[:, k], truth[:, k]) for k in range(4)]
    assert np.mean(classwise) == pytest.approx(wanted["ece_classwise_width15"], rel=1e-9)
    loss = log_loss_quantity(probabilities, truth, images, level=0.95)
    assert loss["estimate"] == pytest.approx(wanted["log_loss"], rel=1e-9)
    brier = brier_quantity(probabilities, truth, images, level=0.95)
    assert brier["estimate"] == pytest.approx(wanted["brier_sum_over_classes"], rel=1e-9)


def test_a_bin_is_closed_above():
    bins = reliability_bins(np.array([0.0, 0.5, 0.5000001, 1.0]), np.array([0, 0, 1, 1]), num_bins=2)
    assert [(item["low"], item["high"], item["n"]) for item in bins] == [(0, 0.5, 2), (0.5, 1, 2)]


def test_sure_and_wrong_is_large_but_finite():
    loss = log_loss_quantity(np.array([1.0, 0.0]), np.array([0, 1]), np.arange(2), level=0.95)
    assert 30 < loss["estimate"] < 40
