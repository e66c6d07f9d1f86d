"""Tables of scores from any tool go through calibrate and evaluate with no other file."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from medcli.config import CalibrateConfig, EvaluateConfig, LabelPolicy, Part, ScoreKind
from medcli.errors import DataError, UsageError
from medcli.metrics.roc import auc
from medcli.stages import calibrate, evaluate
from medcli.stages._predictions import load_source, open_predictions, under_policy
from medcli.store.manifest import write_manifest
from tests.realdata import real_data


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def draw(n, *, seed):
    generator = np.random.default_rng(seed)
    truth = generator.random(n) < 0.3
    return truth.astype(int), 1 / (1 + np.exp(-(generator.normal(size=n) + 1.5 * truth)))


def one_label(path, *, seed, n=200):
    truth, scores = draw(n, seed=seed)
    rows = [
        [f"{seed}-{i}", f"p{i % 90}", t, repr(float(s))]
        for i, (t, s) in enumerate(zip(truth, scores, strict=True))
    ]
    return write(path, [["id", "patient", "target", "score"], *rows]), truth, scores


def run_evaluate(source, tmp_path, key_file, **options):
    return evaluate.run(
        EvaluateConfig(source=source, report=tmp_path / "report", key_file=key_file, **options)
    ).evaluation


def test_a_table_by_hand(tmp_path, key):
    source, truth, scores = one_label(tmp_path / "scores.csv", seed=1)
    found = run_evaluate(source, tmp_path, key)
    assert (found["n"], found["n_clusters"], found["unit"]) == (200, 90, "patient")
    assert found["classes"][0]["auc"]["estimate"] == pytest.approx(auc(truth, scores), abs=1e-12)
    assert found["score"] == "probability"


def test_calibration_of_one_table_is_applied_to_another(tmp_path, key):
    fit, *_ = one_label(tmp_path / "val.csv", seed=1)
    test, *_ = one_label(tmp_path / "test.csv", seed=2)
    made = calibrate.run(CalibrateConfig(source=fit, part=Part.val, key_file=key))
    write_manifest(made, tmp_path / "calibration.json")
    found = run_evaluate(test, tmp_path, key, calibration=tmp_path / "calibration.json")
    assert found["thresholds"]["source"] == "calibration"
    assert found["classes"][0]["ece"]["after"]["estimate"] is not None


def test_patients_that_a_calibration_was_fitted_on_are_told(tmp_path, key):
    """Also where the calibration comes from a manifest of its own, whose predictions are at hand."""
    fit, *_ = one_label(tmp_path / "val.csv", seed=1)
    write_manifest(
        calibrate.run(CalibrateConfig(source=fit, part=Part.val, key_file=key)), tmp_path / "calibration.json"
    )
    head, *rows = (tmp_path / "val.csv").read_text().splitlines()
    test = tmp_path / "test.csv"
    test.write_text("\n".join([head, *rows[: len(rows) // 2]]))
    found = run_evaluate(str(test), tmp_path, key, calibration=tmp_path / "calibration.json")
    assert any(flag.startswith("test was used for tuning: ") for flag in found["flags"]), found["flags"]
    (tmp_path / "val.csv").unlink()
    found = run_evaluate(str(test), tmp_path, key, calibration=tmp_path / "calibration.json")
    assert not any("tuning" in flag for flag in found["flags"])


def test_a_column_says_which_part_rows_are_of(tmp_path, key):
    truth, scores = draw(300, seed=3)
    parts = ["val"] * 150 + ["test"] * 150
    rows = zip([f"i{i}" for i in range(300)], parts, truth, scores, strict=True)
    source = write(tmp_path / "both.csv", [["id", "part", "target", "score"], *rows])
    made = calibrate.run(CalibrateConfig(source=source, key_file=key))
    assert made.calibration["fitted_on"]["n"] == 150
    write_manifest(made, tmp_path / "calibrated.json")
    found = run_evaluate(str(tmp_path / "calibrated.json"), tmp_path, key)
    assert found["n"] == 150
    assert found["classes"][0]["auc"]["estimate"] == pytest.approx(auc(truth[150:], scores[150:]))


def test_rows_of_no_declared_part_are_not_calibrated_on(tmp_path, key):
    source, *_ = one_label(tmp_path / "scores.csv", seed=1)
    with pytest.raises(DataError, match="does not say which part"):
        calibrate.run(CalibrateConfig(source=source, key_file=key))
    with pytest.raises(DataError, match="predictions of test"):
        calibrate.run(CalibrateConfig(source=source, part=Part.test, key_file=key))


def test_probabilities_of_exclusive_classes(tmp_path, key):
    generator = np.random.default_rng(0)
    table = generator.dirichlet([1, 1, 1], size=120)
    truth = [["a", "b", "c"][generator.choice(3, p=row)] for row in table]
    rows = [[i, t, *row] for i, (t, row) in enumerate(zip(truth, table.tolist(), strict=True))]
    source = write(tmp_path / "proba.csv", [["id", "target", "a", "b", "c"], *rows])
    found = run_evaluate(source, tmp_path, key)
    assert found["exclusive"]
    assert found["overall"]["accuracy"]["n"] == 120


def test_logits_are_declared(tmp_path, key):
    truth, scores = draw(150, seed=5)
    logits = np.log(scores / (1 - scores))
    rows = [[i, t, s] for i, (t, s) in enumerate(zip(truth, logits.tolist(), strict=True))]
    source = write(tmp_path / "logits.csv", [["id", "target", "score"], *rows])
    as_rank = run_evaluate(source, tmp_path, key)["classes"][0]
    as_logit = run_evaluate(source, tmp_path, key, scores=ScoreKind.logit)["classes"][0]
    assert as_rank["auc"]["estimate"] == as_logit["auc"]["estimate"]
    assert as_rank["brier"]["before"]["estimate"] is None
    assert as_logit["brier"]["before"]["estimate"] is not None


@pytest.mark.parametrize(
    ("targets", "reason"), [(["1"] * 30, "no negative case"), ([""] * 30, "no known label")]
)
def test_one_class_and_no_truth_are_null_with_a_reason(tmp_path, key, targets, reason):
    rows = [[i, t, i / 30] for i, t in enumerate(targets)]
    source = write(tmp_path / "one.csv", [["id", "target", "score"], *rows])
    found = run_evaluate(source, tmp_path, key)["classes"][0]
    assert found["auc"]["estimate"] is None
    assert found["auc"]["reason"] == reason


def test_policies_read_the_same_labels_differently(tmp_path, key):
    rows = [["a", 1, 0.9], ["b", 0, 0.2], ["c", -1, 0.5], ["d", "", 0.4]]
    source = write(tmp_path / "u.csv", [["id", "target", "score"], *rows])
    manifest = load_source(source, EvaluateConfig(key_file=key), part="test")
    stored = open_predictions(manifest.predictions["test"])
    states = {
        LabelPolicy.ones: [1, 0, 1, 0],
        LabelPolicy.zeros: [1, 0, 0, 0],
        LabelPolicy.ignore: [1, 0, np.nan, 0],
        LabelPolicy.mentioned: [1, 0, np.nan, np.nan],
    }
    for policy, expected in states.items():
        np.testing.assert_array_equal(under_policy(stored, policy).targets[:, 0], expected)
    np.testing.assert_array_equal(stored.targets[:, 0], states[LabelPolicy.mentioned])


def test_truth_goes_with_a_table_only(tmp_path):
    with pytest.raises(UsageError, match="--truth goes with a table"):
        load_source("study.json", EvaluateConfig(truth=tmp_path / "t.csv"), part="test")


@pytest.mark.realdata
def test_published_aucs_of_chexpert(tmp_path, key):
    folder = real_data("chexpert/test")
    found = run_evaluate(
        str(folder / "predictions/hieupham_predictions.csv"),
        tmp_path,
        key,
        truth=folder / "groundtruth.csv",
        key="Study",
    )
    published = {
        "Atelectasis": 0.8913,
        "Cardiomegaly": 0.9406,
        "Consolidation": 0.8996,
        "Edema": 0.9219,
        "Pleural Effusion": 0.9680,
    }
    assert {entry["class"]: round(entry["auc"]["estimate"], 4) for entry in found["classes"]} == published


def test_a_sweep_judges_under_every_policy_and_says_where_it_matters(tmp_path, key):
    generator = np.random.default_rng(0)
    scores = generator.random(200)
    states = np.where(scores > 0.7, "1", np.where(scores > 0.5, "-1", np.where(scores > 0.1, "", "0")))
    flipped = np.where(generator.random(200) < 0.3, "-1", states)
    rows = [[i, state, score] for i, (state, score) in enumerate(zip(flipped, scores.tolist(), strict=True))]
    source = write(tmp_path / "u.csv", [["id", "target", "score"], *rows])
    found = run_evaluate(source, tmp_path, key, label_policy=LabelPolicy.sweep)
    by_name = {item["policy"]: item["classes"][0]["auc"]["estimate"] for item in found["policies"]}
    is_one, is_uncertain, is_blank = flipped == "1", flipped == "-1", flipped == ""
    assert by_name["ones"] == pytest.approx(auc((is_one | is_uncertain).astype(int), scores))
    assert by_name["zeros"] == pytest.approx(auc(is_one.astype(int), scores))
    assert by_name["ignore"] == pytest.approx(auc(is_one[~is_uncertain].astype(int), scores[~is_uncertain]))
    kept = ~is_uncertain & ~is_blank
    assert by_name["mentioned"] == pytest.approx(auc(is_one[kept].astype(int), scores[kept]))
    assert any("depends on what -1 and blank count as" in flag for flag in found["flags"])
