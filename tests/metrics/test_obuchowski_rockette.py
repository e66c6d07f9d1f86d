"""Readers and modalities: against MRMCaov and iMRMC, in a published study and a synthetic one."""

from __future__ import annotations

import numpy as np
import pytest

from medcli.errors import DataError
from medcli.metrics.obuchowski_rockette import (
    Design,
    compare_modalities,
    mean_of_readers,
    model_against_readers,
)
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


def check_components(found, wanted):
    names = {"error": "Error", "cov1": "Cov1", "cov2": "Cov2", "cov3": "Cov3", "reader": "reader"}
    names["modality_reader"] = "arm:reader"
    for mine, theirs in names.items():
        assert found[mine] == pytest.approx(wanted[theirs]["Estimate"], rel=1e-9, abs=1e-14)


def check_difference(found, wanted):
    (difference,), (theirs,) = found["differences"], wanted["test_diffs"]
    assert difference["estimate"] == pytest.approx(theirs["Estimate"], rel=1e-9)
    assert difference["se"] == pytest.approx(theirs["StdErr"], rel=1e-9)
    assert difference["ci"] == pytest.approx(theirs["CI"], rel=1e-8)
    assert difference["test"]["p"] == pytest.approx(theirs["p-value"], rel=1e-8)
    assert found["test"]["p"] == pytest.approx(wanted["test_equality"][0]["p-value"], rel=1e-8)
    assert difference["df"] == (pytest.approx(theirs["df"], rel=1e-8) if "df" in theirs else None)
    for mean, arm in zip(found["means"], sorted(wanted["test_means"]), strict=True):
        theirs = wanted["test_means"][arm]
        assert mean["estimate"] == pytest.approx(theirs["Estimate"], rel=1e-9)
        assert mean["se"] == pytest.approx(theirs["StdErr"], rel=1e-9)
        assert mean["ci"] == pytest.approx(theirs["CI"], rel=1e-8)


@each_case
@pytest.mark.parametrize("method", METHODS)
def test_random_readers_and_cases_agree_with_mrmcaov(case, method):
    every, design = expected(case), area_design(case, method)
    wanted = every["MRMCaov"][f"RRRC_{method}"]
    found = compare_modalities(design, level=0.95)
    check_components(found["components"], wanted["vcov_comps"])
    check_difference(found, wanted)
    (test,) = wanted["test_equality"]
    assert found["test"]["statistic"] == pytest.approx(test["F"], rel=1e-8)
    assert found["test"]["df2"] == pytest.approx(test["df2"], rel=1e-8)
    assert found["test"]["denominator"] == pytest.approx(test["Denominator"], rel=1e-8)
    areas = {(item["arm"], item["reader"]): item["auc"] for item in every["per_reader_auc"]}
    wanted_areas = [areas[key] for key in sorted(areas)]
    assert design.figures.ravel() == pytest.approx(wanted_areas, rel=1e-9)


@each_case
def test_fixed_readers_and_fixed_cases_agree_with_mrmcaov(case):
    design, wanted = area_design(case, "jackknife"), expected(case)["MRMCaov"]
    check_difference(compare_modalities(design, to="cases", level=0.95), wanted["fixed_readers_jackknife"])
    check_difference(compare_modalities(design, to="readers", level=0.95), wanted["fixed_cases"])


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
