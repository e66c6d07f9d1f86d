"""Partial areas, average precision and fixed rates: against pROC, scikit-learn and Davis and Goadrich."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.errors import DataError
from medcli.metrics.average_precision import (
    average_precision,
    average_precision_quantity,
    davis_goadrich_area,
    precision_recall_curve,
    trapezoid_precision_area,
)
from medcli.metrics.bootstrap import Resamples, ranking
from medcli.metrics.discrimination import best_youden
from medcli.metrics.fixed_rates import sensitivity_at_specificity, specificity_at_sensitivity
from medcli.metrics.partial_auc import partial_area, partial_auc
from medcli.metrics.roc import auc
from tests.metrics.oracles import codes, expected, numbers, table

FEW = Resamples(3, 1, 20)


def asah(marker="s100b"):
    data = table("01_asah_roc")
    return numbers(data["outcome"]), numbers(data[marker]), np.arange(len(data["outcome"]))


@pytest.mark.parametrize(
    ("key", "low", "high", "focus"),
    [
        ("spec_1_to_0.9", 0.9, 1, "specificity"),
        ("sens_1_to_0.9", 0.9, 1, "sensitivity"),
        ("spec_0.95_to_0.8", 0.8, 0.95, "specificity"),
    ],
)
def test_partial_area_agrees_with_proc(key, low, high, focus):
    wanted = expected("01_asah_roc")["partial_auc_s100b"]
    found = partial_auc(
        *asah(), low=low, high=high, focus=focus, level=0.95, resamples=Resamples(113, 1, 200)
    )
    assert found["raw"] == pytest.approx(wanted[f"{key}_raw"], rel=1e-9)
    if f"{key}_mcclish" in wanted:
        assert found["estimate"] == pytest.approx(wanted[f"{key}_mcclish"], rel=1e-9)
    assert found["ci"][0] < found["estimate"] < found["ci"][1]
    assert found["baseline"]["estimate"] == 0.5


@given(st.integers(0, 10**6), st.floats(0.05, 0.95))
def test_parts_add_up_to_the_whole(seed, edge):
    generator = np.random.default_rng(seed)
    targets, scores = generator.integers(0, 2, 30), generator.integers(0, 9, 30)
    targets[:2] = 0, 1
    order = ranking(targets, scores, np.arange(30))
    for focus in ("specificity", "sensitivity"):
        parts = (
            partial_area(order, low=0, high=edge, focus=focus),
            partial_area(order, low=edge, high=1, focus=focus),
        )
        assert sum(parts) == pytest.approx(auc(targets, scores), abs=1e-12)


def test_bad_ranges_are_refused_and_one_class_is_null():
    targets, scores, patients = asah()
    for low, high, focus in ((0.9, 0.9, "specificity"), (0.9, 1.1, "sensitivity"), (0.8, 1, "recall")):
        with pytest.raises(DataError):
            partial_auc(targets, scores, patients, low=low, high=high, focus=focus, level=0.95, resamples=FEW)
    none = partial_auc(np.ones(3), np.arange(3), np.arange(3), low=0.9, level=0.95, resamples=FEW)
    assert none["estimate"] is None
    assert none["raw"] is None
    assert none["reason"] == "no negative case"


def precision_case(name):
    if name.startswith("aSAH"):
        return asah(name.removeprefix("aSAH_"))[:2]
    if name == "syn_a":
        data = table("03_syn_clustered_two_models")
        _, first = np.unique(codes(data["patient_id"]), return_index=True)
        return numbers(data["y"])[first], numbers(data["prob_a"])[first]
    tied = name == "all_tied"
    return np.array([1, 1 - tied, 0, 0]), np.zeros(4) if tied else np.array([4.0, 3, 2, 1])


@pytest.mark.parametrize("name", ["aSAH_s100b", "aSAH_wfns", "syn_a", "all_tied", "perfect"])
def test_precision_areas_agree_with_other_software(name):
    wanted = expected("27_pr_auc")["cases"][name]
    targets, scores = precision_case(name)
    found = average_precision_quantity(targets, scores, np.arange(len(targets)), level=0.95, resamples=FEW)
    assert found["estimate"] == pytest.approx(wanted["average_precision"], rel=1e-9)
    assert found["baseline"]["estimate"] == pytest.approx(wanted["baseline_prevalence"], rel=1e-9)
    assert trapezoid_precision_area(targets, scores) == pytest.approx(wanted["trapezoid_pr_auc"], rel=1e-9)
    assert davis_goadrich_area(targets, scores) == pytest.approx(wanted["davis_goadrich_auprc"], rel=1e-9)
    if wanted["boyd_logit_ci95"] is None:
        assert found["ci"] is None
        assert found["reason"]
    else:
        assert found["ci"] == pytest.approx(wanted["boyd_logit_ci95"], rel=1e-9)


def test_average_precision_of_labels_agrees_with_r():
    data, wanted = table("21_multilabel_nan"), expected("21_multilabel_nan")["per_label"]
    for name, label in wanted.items():
        targets, scores = numbers(data[name]), numbers(data[f"prob_{name}"])
        known = ~np.isnan(targets)
        found = average_precision(targets[known], scores[known])
        if label["average_precision"] is None:
            assert found is None
        else:
            assert found == pytest.approx(label["average_precision"], rel=1e-9)


def test_average_precision_of_repeated_patients_is_resampled():
    data = table("03_syn_clustered_two_models")
    targets, scores = numbers(data["y"]), numbers(data["prob_a"])
    alone = average_precision_quantity(targets, scores, np.arange(367), level=0.95, resamples=FEW)
    patients = codes(data["patient_id"])
    together = average_precision_quantity(targets, scores, patients, level=0.95, resamples=Resamples(160, 4))
    assert together["estimate"] == alone["estimate"]
    assert "bootstrap over patients" in together["method"]
    assert together["ci"][0] < together["estimate"] < together["ci"][1]


def test_curve_under_at_least_threshold():
    recall, precision, thresholds = precision_recall_curve(
        np.array([1, 0, 1, 0]), np.array([0.9, 0.9, 0.4, 0.1])
    )
    assert recall.tolist() == [0.5, 1, 1]
    assert precision.tolist() == [0.5, 2 / 3, 0.5]
    assert thresholds.tolist() == [0.9, 0.4, 0.1]


@pytest.mark.parametrize("marker", ["s100b", "wfns"])
def test_fixed_rates_are_step_rules(marker):
    targets, scores, patients = asah(marker)
    every, options = expected("01_asah_roc"), {"level": 0.95}
    for function, name, key in (
        (sensitivity_at_specificity, "specificity", f"sens_at_spec_{marker}"),
        (specificity_at_sensitivity, "sensitivity", f"spec_at_sens_{marker}"),
    ):
        block = every.get(key, {"targets": [], "empirical_step": []})
        for target, point in zip(block["targets"], block["empirical_step"], strict=True):
            found = function(targets, scores, patients, **{name: target}, **options)
            own = "sensitivity" if name == "specificity" else "specificity"
            assert found["estimate"] == pytest.approx(point[own], rel=1e-9)
            assert found["reached"] == pytest.approx(point[name], rel=1e-9)
            assert found["threshold"] == point["threshold"]
            assert (point["threshold"] is None) == any("nobody" in flag for flag in found["flags"])
            assert found["ci"][0] <= found["estimate"] <= found["ci"][1]


@given(st.integers(0, 10**6), st.sampled_from([0, 0.3, 0.5, 0.8, 1]))
def test_fixed_rates_are_the_best_of_every_threshold(seed, target):
    generator = np.random.default_rng(seed)
    targets, scores = generator.integers(0, 2, 20), generator.integers(0, 6, 20).astype(float)
    targets[:2] = 0, 1
    tried = np.append(np.unique(scores), np.inf)
    pairs = [((scores >= t)[targets == 1].mean(), (scores < t)[targets == 0].mean()) for t in tried]
    options = {"level": 0.9}
    one = sensitivity_at_specificity(targets, scores, np.arange(20), specificity=target, **options)
    assert one["estimate"] == pytest.approx(max(a for a, b in pairs if b >= target - 1e-12))
    other = specificity_at_sensitivity(targets, scores, np.arange(20), sensitivity=target, **options)
    best = [b for (a, b), t in zip(pairs, tried, strict=True) if a >= target - 1e-12 and np.isfinite(t)]
    assert other["estimate"] == pytest.approx(max(best)) or target == 0


@pytest.mark.parametrize("function", [sensitivity_at_specificity, specificity_at_sensitivity])
@pytest.mark.parametrize("targets", [[], [1, 1], [0, 0]])
def test_fixed_rates_of_one_class_are_null(function, targets):
    name = function.__name__.split("_")[-1]
    size = np.arange(len(targets))
    found = function(np.array(targets), size, size, **{name: 0.9}, level=0.95)
    assert found["estimate"] is None
    assert found["reason"]


def test_the_best_threshold_is_that_of_proc():
    targets, scores, patients = asah("s100b")
    wanted = expected("01_asah_roc")["best_youden_s100b"]
    found = best_youden(targets, scores, patients)
    assert found["estimate"] == pytest.approx(wanted["youden"] - 1, rel=1e-9)
    assert found["sensitivity"] == pytest.approx(wanted["sensitivity"], rel=1e-9)
    assert found["specificity"] == pytest.approx(wanted["specificity"], rel=1e-9)
    # pROC cuts between two scores; the rule here is `score >= threshold`, at a score.
    below = np.max(scores[scores < found["threshold"]])
    assert below < wanted["threshold"] <= found["threshold"]


def test_the_resamples_that_were_defined_are_counted():
    clusters = np.repeat(np.arange(8), 2)
    targets = (clusters < 2).astype(float)  # many resamples draw neither of both patients
    scores = np.linspace(0.9, 0.1, 16) + 0.3 * (np.arange(16) % 3)
    draws = Resamples(8, 1, 400)
    for value in (
        partial_auc(targets, scores, clusters, low=0.5, high=1, level=0.95, resamples=draws),
        average_precision_quantity(targets, scores, clusters, level=0.95, resamples=draws),
    ):
        assert value["resamples"] == 400
        # (6/8) ** 8 of all resamples have no positive patient
        assert 320 < value["defined"] < 385
        assert f"400 resamples, {value['defined']} defined" in value["method"]
