"""Tests of AUCs: against pROC, Obuchowski's clustered variance, and what must not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.metrics.delong_tests import (
    auc_difference,
    delong_test,
    global_delong_test,
    macro_difference,
    unpaired_delong_test,
)
from medcli.metrics.multiplicity import false_discovery, holm
from medcli.metrics.roc import auc_covariance, roc_components
from tests.metrics.oracles import codes, expected, numbers, table


def asah():
    data = table("01_asah_roc")
    markers = {name: numbers(data[name]) for name in ("s100b", "ndka", "wfns")}
    return numbers(data["outcome"]), markers, np.array(data["gender"]), expected("01_asah_roc")


@pytest.mark.parametrize("pair", ["s100b_vs_ndka", "wfns_vs_s100b", "wfns_vs_ndka"])
def test_paired_agrees_with_proc(pair):
    targets, markers, _, every = asah()
    first, second = pair.split("_vs_")
    wanted = every["paired"][pair]
    found = delong_test(targets, markers[first], markers[second], np.arange(len(targets)), level=0.95)
    assert found["estimate"] == pytest.approx(wanted["diff"], rel=1e-9)
    assert found["covariance"] == pytest.approx(wanted["cov_delong"], rel=1e-9)
    assert found["test"]["statistic"] == pytest.approx(wanted["z"], rel=1e-9)
    assert found["test"]["p"] == pytest.approx(wanted["p_two_sided"], rel=1e-9)
    assert found["test"]["p_greater"] == pytest.approx(wanted["p_greater"], rel=1e-9)
    assert found["test"]["p_less"] == pytest.approx(wanted["p_less"], rel=1e-9)
    assert (found["ci"][0] > 0) == (found["test"]["p"] < 0.05)


def test_unpaired_agrees_with_proc():
    targets, markers, gender, every = asah()
    wanted, scores = every["subgroup_unpaired_s100b"], markers["s100b"]
    patients = np.arange(len(targets))
    groups = [gender == name for name in ("Female", "Male")]
    parts = [
        roc_components(targets[rows], scores[rows], patients[rows], num_clusters=len(targets))
        for rows in groups
    ]
    sizes = tuple(int(rows.sum()) for rows in groups)
    found = unpaired_delong_test(*parts, n=sizes, n_clusters=len(targets), level=0.95)
    assert found["aucs"] == pytest.approx([wanted["auc_female"], wanted["auc_male"]], rel=1e-9)
    assert found["estimate"] == pytest.approx(wanted["diff"], rel=1e-9)
    errors = [np.sqrt(auc_covariance(part, part)) for part in parts]
    assert errors == pytest.approx([wanted["se_female"], wanted["se_male"]], rel=1e-9)
    assert found["covariance"] == 0
    assert found["test"]["statistic"] == pytest.approx(wanted["pROC_D_stat"], rel=1e-9)
    assert found["test"]["statistic"] == pytest.approx(wanted["z"], rel=1e-9)
    assert found["test"]["p"] == pytest.approx(wanted["p_normal"], rel=1e-9)
    assert found["welch"]["df"] == pytest.approx(wanted["pROC_df_welch"], rel=1e-9)
    assert found["welch"]["p"] == pytest.approx(wanted["pROC_p"], rel=1e-9)


def test_clustered_agrees_with_obuchowski_and_clusters_of_one_with_proc():
    data, every = table("03_syn_clustered_two_models"), expected("03_syn_clustered_two_models")
    targets, patients = numbers(data["y"]), codes(data["patient_id"])
    scores = [numbers(data[name]) for name in ("prob_a", "prob_b")]
    clustered = delong_test(targets, *scores, patients, level=0.95)
    wanted = every["clustered_obuchowski"]
    assert clustered["se"] == pytest.approx(wanted["se_diff"], rel=1e-9)
    assert clustered["test"]["statistic"] == pytest.approx(wanted["z"], rel=1e-9)
    assert clustered["test"]["p"] == pytest.approx(wanted["p"], rel=1e-9)
    assert (clustered["n"], clustered["n_clusters"]) == (367, 160)
    assert "clustered" in clustered["method"]
    alone = delong_test(targets, *scores, np.arange(367), level=0.95)
    assert alone["test"]["statistic"] == pytest.approx(every["naive_delong"]["z"], rel=1e-9)
    assert alone["test"]["p"] == pytest.approx(every["naive_delong"]["p"], rel=1e-9)
    _, first = np.unique(patients, return_index=True)
    once = delong_test(
        targets[first], scores[0][first], scores[1][first], np.arange(160), level=0.95
    )  # one image a patient
    wanted = every["first_image_per_patient_delong"]
    assert once["test"]["statistic"] == pytest.approx(wanted["z"], rel=1e-9)
    assert once["test"]["p"] == pytest.approx(wanted["p"], rel=1e-9)


def test_identical_and_monotone_models_are_equal():
    case = expected("04_roc_edge_cases")["paired_identical_models"]
    targets, scores = numbers(case["y"]), numbers(case["s1"])
    for other in (numbers(case["s2"]), scores**3):
        found = delong_test(targets, scores, other, np.arange(6), level=0.95)
        assert (found["estimate"], found["se"] ** 2) == (case["diff"], case["var_diff"])
        assert (found["test"]["statistic"], found["test"]["p"]) == (case["z"], case["p"])
        assert found["ci"] is None
        assert found["reason"]


def test_a_difference_without_variance_has_no_p():
    targets = np.array([0, 0, 0, 1, 1, 1])
    found = delong_test(targets, np.arange(6), -np.arange(6), np.arange(6), level=0.95)
    assert found["estimate"] == 1
    assert found["test"]["p"] is None
    assert found["test"]["reason"]


@pytest.mark.parametrize("targets", [[0, 0, 0], [1, 1, 1], []])
def test_one_class_is_null(targets):
    scores = np.arange(len(targets))
    found = delong_test(np.array(targets), scores, scores, scores, level=0.95)
    assert found["estimate"] is None
    assert found["reason"]


def test_two_models_in_the_global_test_are_the_paired_test():
    targets, markers, _, _ = asah()
    size = len(targets)
    parts = {
        name: roc_components(targets, s, np.arange(size), num_clusters=size) for name, s in markers.items()
    }
    pair = auc_difference(parts["wfns"], parts["ndka"], n=size, n_clusters=size, level=0.95)
    both = global_delong_test([parts["wfns"], parts["ndka"]])
    assert both["statistic"] == pytest.approx(pair["test"]["statistic"] ** 2, rel=1e-9)
    assert both["p"] == pytest.approx(pair["test"]["p"], rel=1e-9)
    assert both["df"] == 1
    three = global_delong_test(list(parts.values()))
    assert three["df"] == 2
    # A model that is there twice adds no contrast.
    assert global_delong_test([*parts.values(), parts["ndka"]])["df"] == 2
    assert global_delong_test([*parts.values(), parts["ndka"]])["statistic"] == pytest.approx(
        three["statistic"], rel=1e-6
    )
    assert global_delong_test([parts["ndka"]] * 3)["p"] == 1


def test_macro_difference_of_one_label_is_the_paired_test():
    targets, markers, _, _ = asah()
    size = len(targets)
    a, b = (
        roc_components(targets, markers[name], np.arange(size), num_clusters=size)
        for name in ("wfns", "ndka")
    )
    pair = auc_difference(a, b, n=size, n_clusters=size, level=0.95)
    macro = macro_difference([a, a, None], [b, b, None], n=size, n_clusters=size, level=0.95)
    assert macro["estimate"] == pytest.approx(pair["estimate"])
    assert macro["ci"] == pytest.approx(pair["ci"])


def test_macro_difference_of_few_patients_squares_and_adds():
    generator = np.random.default_rng(0)
    targets = np.arange(40) < 12
    scores = generator.normal(size=(2, 40)) + targets
    a, b = (roc_components(targets, row, np.arange(40), num_clusters=40) for row in scores)
    pair = auc_difference(a, b, n=40, n_clusters=40, level=0.95)
    macro = macro_difference([a], [b], n=40, n_clusters=40, level=0.95)
    assert macro["se"] == pytest.approx(pair["se"])
    assert macro["ci"] == pytest.approx(pair["ci"])
    # Of several labels the correlations are estimated too: Student's t with 39 degrees of freedom.
    several = macro_difference([a, a], [b, b], n=40, n_clusters=40, level=0.95)
    assert np.ptp(several["ci"]) / np.ptp(pair["ci"]) == pytest.approx(2.0227 / 1.95996, rel=1e-4)


def test_macro_difference_with_one_positive_patient_of_either_model_is_told_without_interval():
    generator = np.random.default_rng(0)
    scores = generator.normal(size=30)
    many, one = (
        roc_components(np.arange(30) < count, scores, np.arange(30), num_clusters=30) for count in (9, 1)
    )
    for pair in ((many, one), (one, many)):
        found = macro_difference([pair[0]], [pair[1]], n=60, n_clusters=60, level=0.95)
        assert found["estimate"] == pytest.approx(pair[0].auc - pair[1].auc)
        assert found["ci"] is None
        assert found["reason"] == "a variance needs two patients of each kind"


@given(st.integers(0, 10**6))
def test_few_patients_keep_the_difference_inside_its_interval(seed):
    generator = np.random.default_rng(seed)
    targets = np.arange(24) < 8
    scores = generator.integers(0, 6, size=(2, 24)) + 2 * targets
    found = delong_test(targets, *scores, np.arange(24), level=0.95)
    if found["ci"]:
        low, high = found["ci"]
        assert -1 <= low <= found["estimate"] <= high <= 1
    swapped = delong_test(targets, scores[1], scores[0], np.arange(24), level=0.95)
    assert swapped["estimate"] == -found["estimate"]
    if found["ci"]:
        assert swapped["ci"] == pytest.approx([-found["ci"][1], -found["ci"][0]], abs=1e-9)


def test_a_test_and_an_interval_that_disagree_are_flagged():
    flagged = []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        targets, scores = np.arange(24) < 8, generator.integers(0, 6, size=(2, 24))
        found = delong_test(targets, *(scores + [[3], [1]] * targets), np.arange(24), level=0.95)
        if found["ci"]:
            is_beyond = not found["ci"][0] <= 0 <= found["ci"][1]
            told = any("interval" in flag for flag in found["flags"])
            assert told == (is_beyond != (found["test"]["p"] < 0.05))
            flagged.append(told)
    assert 0 < sum(flagged) < len(flagged) / 2


def test_holm_and_the_false_discovery_rate_worked_by_hand():
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([None, None]) == [None, None]
    assert false_discovery([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.04, 0.04])
    assert holm([]) == []
