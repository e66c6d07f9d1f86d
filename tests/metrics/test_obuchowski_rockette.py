"""Readers and modalities: against MRMCaov and iMRMC, in a published study and a synthetic one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, stdtr, stdtrit

from medcli.errors import DataError
from medcli.metrics.obuchowski_rockette import (
    Design,
    compare_modalities,
    mean_of_readers,
    model_against_readers,
)
from medcli.metrics.one_shot import one_shot, one_shot_variances
from medcli.metrics.reader_covariances import METHODS, auc_covariances, share_covariances
from medcli.metrics.reader_figures import Sitting, area_differences
from tests.metrics.oracles import codes, expected, numbers, table

CASES = ("13_mrmc_vandyke", "15_mrmc_synthetic")
each_case = pytest.mark.parametrize("case", CASES)


def study(case, column="rating"):
    """Truth [cases] and readings [modalities, readers, cases]."""
    data = table(case)
    arms, readers, cases = (codes(data[name]) for name in ("arm", "reader", "case"))
    readings = np.empty((arms.max() + 1, readers.max() + 1, cases.max() + 1))
    readings[arms, readers, cases] = numbers(data[column])
    truth = np.empty(cases.max() + 1)
    truth[cases] = numbers(data["truth"])
    return truth, readings


def design_of(figures, covariances, shape, cases):
    return Design(figures.reshape(shape), covariances.reshape(shape * 2), n=cases, n_clusters=cases)


def area_design(case, method):
    truth, readings = study(case)
    rows = readings.reshape(-1, len(truth))
    found = auc_covariances(truth, rows, np.arange(len(truth)), method=method)
    return design_of(*found, readings.shape[:2], len(truth))


COVARIANCES = {"error": "Error", "cov1": "Cov1", "cov2": "Cov2", "cov3": "Cov3"}
MEAN_SQUARES = {"ms_modality": "MS(T)", "ms_interaction": "MS(T:R)"}


def check_components(found, wanted):
    names = {**COVARIANCES, "reader": "reader", "modality_reader": "arm:reader"}
    for mine, theirs in names.items():
        assert found[mine] == pytest.approx(wanted[theirs]["Estimate"], rel=1e-9, abs=1e-14)
        if (correlation := wanted[theirs]["Correlation"]) is not None:
            assert found[mine] / found["error"] == pytest.approx(correlation, rel=1e-9, abs=1e-12)


def check_test(found, wanted):
    """The test that all modalities are equal, and what it is made of."""
    test, parts = found["test"], found["components"]
    assert test["p"] == pytest.approx(wanted["p-value"], rel=1e-8)
    assert test["statistic"] == pytest.approx(wanted["X2" if "X2" in wanted else "F"], rel=1e-8)
    assert test["df"] == wanted["df" if "df" in wanted else "df1"]
    for mine, theirs in {**COVARIANCES, **MEAN_SQUARES}.items():
        if theirs in wanted:
            assert parts[mine] == pytest.approx(wanted[theirs], rel=1e-9)
    if "Denominator" in wanted:
        assert test["denominator"] == pytest.approx(wanted["Denominator"], rel=1e-8)
    if "df2" in wanted:
        assert test["df2"] == pytest.approx(wanted["df2"], rel=1e-8)


def check_value(found, wanted):
    assert found["estimate"] == pytest.approx(wanted["Estimate"], rel=1e-9)
    assert found["se"] == pytest.approx(wanted["StdErr"], rel=1e-9)
    assert found["ci"] == pytest.approx(wanted["CI"], rel=1e-8)
    assert found["df"] == (pytest.approx(wanted["df"], rel=1e-8) if "df" in wanted else None)


def check_difference(found, wanted):
    (difference,), (theirs,) = found["differences"], wanted["test_diffs"]
    check_value(difference, theirs)
    statistic = theirs["t" if "t" in theirs else "z"]
    assert difference["test"]["statistic"] == pytest.approx(statistic, rel=1e-8)
    assert difference["test"]["p"] == pytest.approx(theirs["p-value"], rel=1e-8)
    check_test(found, wanted["test_equality"][0])
    arms = sorted(wanted["test_means"])
    assert theirs["Comparison"] == " - ".join(arms[number] for number in difference["pair"])
    for mean, arm in zip(found["means"], arms, strict=True):
        theirs = wanted["test_means"][arm]
        check_value(mean, theirs)
        for mine, name in {"ms_reader": "MS(R)", "error": "Var(Error)", "cov2": "Cov2"}.items():
            if name in theirs:
                assert mean["components"][mine] == pytest.approx(theirs[name], rel=1e-9)


@each_case
@pytest.mark.parametrize("method", METHODS)
def test_random_readers_and_cases_agree_with_mrmcaov(case, method):
    every, design = expected(case), area_design(case, method)
    wanted = every["MRMCaov"][f"RRRC_{method}"]
    found = compare_modalities(design, level=0.95)
    check_components(found["components"], wanted["vcov_comps"])
    check_difference(found, wanted)
    areas = {(item["arm"], item["reader"]): item["auc"] for item in every["per_reader_auc"]}
    wanted_areas = [areas[key] for key in sorted(areas)]
    assert design.figures.ravel() == pytest.approx(wanted_areas, rel=1e-9)


@each_case
def test_fixed_readers_and_fixed_cases_agree_with_mrmcaov(case):
    design, wanted = area_design(case, "jackknife"), expected(case)["MRMCaov"]
    fixed = compare_modalities(design, to="cases", level=0.95)
    check_components(fixed["components"], wanted["fixed_readers_jackknife"]["vcov_comps"])
    check_difference(fixed, wanted["fixed_readers_jackknife"])
    check_difference(compare_modalities(design, to="readers", level=0.95), wanted["fixed_cases"])


@each_case
def test_each_reader_alone_agrees_with_mrmcaov(case):
    design, wanted = area_design(case, "jackknife"), expected(case)["MRMCaov"]["fixed_readers_jackknife"]
    data = table(case)
    arms, readers = sorted(set(data["arm"])), sorted(set(data["reader"]))
    means = {(item["arm"], item["reader"]): item for item in wanted["reader_means"]}
    assert len(means) == len(arms) * len(readers)
    for column, reader in enumerate(readers):
        own = Design(
            design.figures[:, column : column + 1],
            design.covariances[:, column : column + 1, :, column : column + 1],
            n=design.n,
            n_clusters=design.n_clusters,
        )
        found, theirs = compare_modalities(own, to="cases", level=0.95), wanted["reader_test_diffs"][reader]
        (difference,) = found["differences"]
        assert (theirs["Reader"], theirs["Comparison"]) == (reader, " - ".join(arms))
        check_value(difference, theirs)
        assert difference["test"]["statistic"] == pytest.approx(theirs["z"], rel=1e-8)
        assert difference["test"]["p"] == pytest.approx(theirs["p-value"], rel=1e-8)
        for mean, arm in zip(found["means"], arms, strict=True):
            item = means[arm, reader]
            check_value(mean, {**item, "Estimate": item["empirical_auc"]})


@each_case
@pytest.mark.parametrize(("kind", "label"), [("sensitivity", 1), ("specificity", 0)])
def test_calls_agree_with_mrmcaov(case, kind, label):
    truth, calls = study(case, "recall")
    right = (calls == truth)[..., truth == label]
    found = share_covariances(right.reshape(-1, right.shape[-1]), np.arange(right.shape[-1]))
    wanted = expected(case)["MRMCaov"][f"{kind}_binary_jackknife"]
    result = compare_modalities(design_of(*found, calls.shape[:2], len(truth)), level=0.95)
    check_components(result["components"], wanted["vcov_comps"])
    check_difference(result, wanted)


@each_case
def test_unbiased_covariances_agree_with_imrmc(case):
    design, rows = area_design(case, "unbiased"), expected(case)["iMRMC"]["per_reader"]
    data = table(case)
    arms, readers = sorted(set(data["arm"])), sorted(set(data["reader"]))
    for row in rows:
        first, second = (
            (arms.index(row[f"modalityID.{k}"]), readers.index(row[f"readerID.{k}"])) for k in (1, 2)
        )
        assert design.covariances[(*first, *second)] == pytest.approx(row["covAUC"], rel=1e-8, abs=1e-14)
        assert design.figures[first] == pytest.approx(row["AUC.1"], rel=1e-9)
        assert design.figures[second] == pytest.approx(row["AUC.2"], rel=1e-9)


@each_case
def test_variances_of_unbiased_covariances_are_the_u_statistics_of_imrmc(case):
    truth, readings = study(case)
    found = compare_modalities(area_design(case, "unbiased"), level=0.95)
    arms = sorted(set(table(case)["arm"]))
    for row in expected(case)["iMRMC"]["ustat"]:
        assert (row["NR"], row["N1"], row["N0"]) == (readings.shape[1], truth.sum(), np.sum(truth == 0))
        first, second = (found["means"][arms.index(row[f"modalityID.{k}"])] for k in (1, 2))
        assert first["estimate"] == pytest.approx(row["AUC.1"], rel=1e-9)
        assert second["estimate"] == pytest.approx(row["AUC.2"], rel=1e-9)
        if first is second:
            gain, variance = first["estimate"] - 0.5, row["covAUC"]
            assert first["se"] ** 2 == pytest.approx(variance, rel=1e-8)
        else:
            (difference,) = found["differences"]
            gain, variance = difference["estimate"], row["varAUC1minusAUC2"]
            assert gain == pytest.approx(row["AUC1minusAUC2"], rel=1e-9)
            assert difference["se"] ** 2 == pytest.approx(variance, rel=1e-8)
            shared = (first["se"] ** 2 + second["se"] ** 2 - difference["se"] ** 2) / 2
            assert shared == pytest.approx(row["covAUC"], rel=1e-8)
        p = 2 * ndtr(-abs(gain) / np.sqrt(variance))
        assert p == pytest.approx(row["pValueNormal"], rel=1e-8, abs=1e-14)


@each_case
def test_one_shot_analyses_are_those_of_imrmc(case):
    truth, readings = study(case)
    arms, variances = sorted(set(table(case)["arm"])), {}
    for row in expected(case)["iMRMC"]["ustat"]:
        first, second = (arms.index(row[f"modalityID.{k}"]) for k in (1, 2))
        end = "" if first == second else ".diff"
        found = one_shot(truth, readings[first], None if first == second else readings[second], level=0.95)
        assert found["df"] == pytest.approx(row[f"dfBDG{end}"], rel=1e-8)
        # iMRMC takes the whole part of the degrees of freedom to its table of t.
        whole, gain = math.floor(found["df"]), found["estimate"] - (0.5 if first == second else 0)
        half = stdtrit(whole, 0.975) * found["se"]
        edges = [found["estimate"] - half, found["estimate"] + half]
        assert edges == pytest.approx([row["botCIBDG"], row["topCIBDG"]], rel=1e-8)
        p = 2 * stdtr(whole, -abs(gain) / found["se"])
        assert p == pytest.approx(row["pValueBDG"], rel=1e-6, abs=1e-14)
        assert found["ci"] == pytest.approx(edges, abs=1e-3)
        assert found["test"]["statistic"] == pytest.approx(gain / found["se"], rel=1e-9)
        variances[first, second] = found["biased_variance"]
        if first == second:
            assert found["se"] ** 2 == pytest.approx(row["covAUC"], rel=1e-8)
            assert found["biased_variance"] == pytest.approx(row["covAUC.biased"], rel=1e-8)
        else:
            assert found["se"] ** 2 == pytest.approx(row["varAUC1minusAUC2"], rel=1e-8)
            assert found["biased_variance"] == pytest.approx(row["varAUC1minusAUC2.biased"], rel=1e-8)
            shared = (variances[0, 0] + variances[1, 1] - variances[0, 1]) / 2
            assert shared == pytest.approx(row["covAUC.biased"], rel=1e-8)


def test_one_shot_of_readers_who_agree_in_both_arms_has_no_interval():
    truth, readings = study("15_mrmc_synthetic")
    none = one_shot(truth, readings[0], readings[0], level=0.95)
    assert (none["estimate"], none["se"], none["ci"], none["test"]["p"]) == (0, None, None, None)
    assert none["reason"]


@given(st.integers(0, 10**6))
def test_one_shot_variances_are_sums_over_what_two_observations_share(seed):
    wins = np.random.default_rng(seed).integers(0, 3, (2, 3, 3)) / 2
    places = list(np.ndindex(wins.shape))
    kinds = {}
    for one, other in itertools.product(places, repeat=2):
        kinds.setdefault(tuple(a == b for a, b in zip(one, other, strict=True)), []).append(
            wins[one] * wins[other]
        )
    apart = np.mean(kinds[False, False, False])
    # The mean of all products is the square of the mean; what shares nothing estimates its expectation.
    unbiased, biased = one_shot_variances(wins)
    assert unbiased == pytest.approx(wins.mean() ** 2 - apart, abs=1e-12)
    assert biased >= -1e-12


def compared(found, cases):
    differences = found.model - found.readers
    return model_against_readers(differences, found.covariance, n=cases, n_clusters=cases, level=0.95)


def test_a_model_as_good_as_its_readers():
    truth, readings = study("15_mrmc_synthetic")
    case = table("15_mrmc_synthetic", "ai.csv")
    assert numbers(case["truth"]).tolist() == truth.tolist()
    rows = np.vstack([numbers(case["ai_prob"]), readings[1]])
    found = auc_covariances(truth, rows, np.arange(len(truth)))
    sitting = Sitting(np.tile(truth, (5, 1)), readings[1], rows[0], np.arange(len(truth)))
    against = area_differences(sitting, sitting.scores)
    assert against.readers == pytest.approx(found[0][1:], rel=1e-12)
    value = compared(against, len(truth))
    assert value["estimate"] == pytest.approx(found[0][0] - found[0][1:].mean(), rel=1e-9)
    assert value["ci"][0] < value["estimate"] < value["ci"][1]
    # Worked by hand from Hillis 2007: spread of the readers, and covariances of their differences.
    spread = found[0][1:].var(ddof=1)
    errors = found[1][1:, 1:] + found[1][0, 0] - found[1][0, 1:] - found[1][0, 1:][:, None]
    shared = errors[~np.eye(5, dtype=bool)].mean()
    assert value["se"] == pytest.approx(np.sqrt((spread + 5 * shared) / 5), rel=1e-9)
    assert value["df"] == pytest.approx((spread + 5 * shared) ** 2 / (spread**2 / 4), rel=1e-9)
    assert "model less mean reader" in value["method"]
    # Readers who are the model itself: no difference and no variance.
    same = Sitting(np.tile(truth, (3, 1)), np.repeat(rows[:1], 3, axis=0), rows[0], np.arange(len(truth)))
    nothing = compared(area_differences(same, rows[0]), len(truth))
    assert nothing["estimate"] == pytest.approx(0, abs=1e-12)
    assert nothing["flags"] == ["3 readers: fewer than 5 say little about others"]


def test_jackknife_of_patients_takes_all_their_cases():
    generator = np.random.default_rng(3)
    truth, patients = np.tile([1, 0, 0], 12), np.repeat(np.arange(12), 3)
    scores = generator.normal(size=(2, 36)) + truth
    _, covariance = auc_covariances(truth, scores, patients, method="jackknife")
    left_out = []
    for patient in range(12):
        keep = patients != patient
        left_out.append(auc_covariances(truth[keep], scores[:, keep], np.arange(33))[0])
    left_out = np.array(left_out)
    centred = left_out - left_out.mean(axis=0)
    assert covariance == pytest.approx(11 / 12 * centred.T @ centred, rel=1e-9)


def test_what_cannot_be_analysed_is_refused():
    design = area_design("15_mrmc_synthetic", "delong")
    with pytest.raises(DataError, match="nobody"):
        compare_modalities(design, to="nobody", level=0.95)
    with pytest.raises(DataError, match="one modality"):
        mean_of_readers(design, level=0.95)
    with pytest.raises(DataError, match="two patients"):
        auc_covariances(np.array([1, 0, 0]), np.ones((2, 3)), np.arange(3))
    with pytest.raises(DataError, match="guess"):
        auc_covariances(np.array([1, 0, 0]), np.ones((2, 3)), np.arange(3), method="guess")
