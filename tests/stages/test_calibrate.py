"""Calibration is fitted on val, on nothing else, and says what it was fitted on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.special import expit, logit

from medcli.calibration.calibrator import calibrated
from medcli.config import CalibrateConfig, CalibrationMethod, EvaluateConfig
from medcli.errors import DataError, UsageError
from medcli.stages import evaluate
from medcli.stages.calibrate import run
from medcli.store.digests import sha256_file
from medcli.store.manifest import read_manifest, write_manifest
from medcli.store.predictions import write_predictions
from tests.reporting.synthetic import HOSTILE, KINDS, LABELS, MODEL, multiclass, multilabel, study


def calibrate(source, **options):
    return run(CalibrateConfig(source=str(source), **options))


def test_labels_say_what_they_were_fitted_on(tmp_path):
    manifest = calibrate(study(tmp_path), method=CalibrationMethod.platt)
    section = manifest.calibration
    assert section["method"] == "platt"
    assert [entry["class"] for entry in section["parameters"]] == LABELS
    fitted = section["fitted_on"]
    assert fitted["sha256"] == sha256_file(tmp_path / "val.h5")
    assert (fitted["part"], fitted["n"], fitted["unit"], fitted["model"]) == ("val", 160, "patient", MODEL)
    assert fitted["n_patients"] == len({r["patient"] for r in multilabel("val", seed=1).records})
    assert section["summary"]["after"]["log_loss"] < section["summary"]["before"]["log_loss"]
    assert section["summary"]["after"]["ece"] < section["summary"]["before"]["ece"]
    # The scores are 4 times the logits with a shift: half of that slope is honest.
    assert section["parameters"][0]["slope"] == pytest.approx(0.5, rel=0.35)
    assert manifest.history[-1]["inputs"] == [{"role": "predictions", "sha256": fitted["sha256"]}]


def test_a_label_that_never_occurs_is_null_with_the_reason(tmp_path):
    section = calibrate(study(tmp_path), method=CalibrationMethod.platt).calibration
    assert section["parameters"][2]["class"] == HOSTILE
    assert section["parameters"][2]["slope"] is None
    assert section["parameters"][2]["reason"] == "no positive case to fit on"
    assert section["operating_points"][2]["threshold"] is None
    assert section["operating_points"][2]["reason"] == "no positive case to choose on"


def test_classes_get_one_temperature(tmp_path):
    section = calibrate(study(tmp_path, multiclass), method=CalibrationMethod.temperature).calibration
    assert [entry["class"] for entry in section["parameters"]] == KINDS
    assert len({entry["temperature"] for entry in section["parameters"]}) == 1
    assert 1.5 < section["parameters"][0]["temperature"] < 4
    assert section["fitted_on"]["n"] == 159


def test_operating_point_reaches_its_target_on_val(tmp_path):
    section = calibrate(study(tmp_path), operating_point="sensitivity=0.9").calibration
    for point in section["operating_points"][:2]:
        assert point["rule"] == "sensitivity=0.9"
        assert point["sensitivity"]["estimate"] >= 0.9
        assert point["expected"]["sensitivity"]["n_clusters"] == point["sensitivity"]["n_clusters"]
        assert 0 < point["threshold"] < 1


def test_a_predictions_file_is_enough_and_gives_the_same(tmp_path):
    whole = calibrate(study(tmp_path)).calibration
    assert calibrate(tmp_path / "val.h5").calibration == whole


def test_the_section_survives_the_pipe(tmp_path):
    manifest = calibrate(study(tmp_path))
    write_manifest(manifest, tmp_path / "out.json")
    assert read_manifest(str(tmp_path / "out.json")).calibration == manifest.calibration


def test_test_is_refused(tmp_path):
    study(tmp_path)
    with pytest.raises(DataError, match="predictions of test"):
        calibrate(tmp_path / "test.h5")
    only_test = tmp_path / "only"
    only_test.mkdir()
    with pytest.raises(DataError, match="predictions of test"):
        calibrate(study(only_test, parts=("test",)))


def test_test_under_the_name_of_val_is_refused(tmp_path):
    manifest = read_manifest(str(study(tmp_path)))
    manifest.predictions = {"val": manifest.predictions["test"]}
    write_manifest(manifest, tmp_path / "swapped.json")
    with pytest.raises(DataError, match="predictions of test"):
        calibrate(tmp_path / "swapped.json")


def rescored(folder, kind, change):
    predictions = multilabel("val", seed=1)
    header = {**predictions.header, "score": kind}
    write_predictions(
        folder / "other.h5",
        dataclasses.replace(predictions, scores=change(predictions.scores), header=header),
    )
    return folder / "other.h5"


def test_bare_ranks_are_refused_by_name(tmp_path):
    with pytest.raises(DataError, match="rank"):
        calibrate(rescored(tmp_path, "rank", lambda scores: scores))


def test_probabilities_that_are_none_are_refused_with_the_value(tmp_path):
    with pytest.raises(DataError, match=r"2\.81"):
        calibrate(rescored(tmp_path, "probability", lambda scores: np.full_like(scores, 2.81)))


def test_probabilities_are_calibrated_on_their_logits(tmp_path):
    def probabilities(scores):
        return 1 / (1 + np.exp(-scores / 4))

    platt = CalibrationMethod.platt
    section = calibrate(rescored(tmp_path, "probability", probabilities), method=platt).calibration
    whole = calibrate(study(tmp_path), method=platt).calibration
    found, wanted = section["parameters"][0], whole["parameters"][0]
    assert found["slope"] == pytest.approx(4 * wanted["slope"], rel=1e-3)
    assert logit(section["operating_points"][0]["threshold"]) == pytest.approx(
        logit(whole["operating_points"][0]["threshold"]), abs=1e-3
    )


def test_impossible_wishes_are_refused(tmp_path):
    source = study(tmp_path, multiclass)
    with pytest.raises(UsageError, match="one label at a time"):
        calibrate(source, method=CalibrationMethod.platt)
    with pytest.raises(UsageError, match="operating point"):
        calibrate(source, operating_point="best")


def test_none_chooses_only_operating_points(tmp_path):
    section = calibrate(study(tmp_path), method=CalibrationMethod.none).calibration
    assert section["parameters"] == []
    assert section["summary"]["before"] == section["summary"]["after"]
    assert section["operating_points"][0]["threshold"] is not None


def test_auto_compares_every_label_and_says_why(tmp_path):
    write_predictions(tmp_path / "val.h5", multilabel("val", seed=1, n=800, patients=400))
    section = calibrate(tmp_path / "val.h5").calibration
    assert section["folds"] == 5
    assert [entry["class"] for entry in section["comparison"]] == LABELS
    first, never = section["comparison"][0], section["comparison"][2]
    assert list(first["candidates"]) == [
        "none", "bias-temperature", "temperature", "platt", "beta", "isotonic",
    ]  # fmt: skip
    assert first["winner"] == section["parameters"][0]["method"] != "temperature"
    assert "it cannot shift, and the scores need an intercept of" in first["why"]
    assert (never["winner"], never["reason"]) == ("none", "no positive case to fit on")


def test_the_order_of_rows_changes_nothing_but_the_digests(tmp_path):
    predictions = multilabel("val", seed=1)
    order = np.random.default_rng(0).permutation(len(predictions.records))
    shuffled = dataclasses.replace(
        predictions,
        scores=predictions.scores[order],
        targets=predictions.targets[order],
        records=[predictions.records[row] for row in order],
    )
    write_predictions(tmp_path / "a.h5", predictions)
    write_predictions(tmp_path / "b.h5", shuffled)
    first, second = (calibrate(tmp_path / name).calibration for name in ("a.h5", "b.h5"))
    assert [e["winner"] for e in first["comparison"]] == [e["winner"] for e in second["comparison"]]
    for one, other in zip(first["parameters"], second["parameters"], strict=True):
        values = {name: value for name, value in one.items() if isinstance(value, float)}
        assert {name: other[name] for name in values} == pytest.approx(values, rel=1e-6)
    for one, other in zip(first["operating_points"], second["operating_points"], strict=True):
        assert one["expected"] == other["expected"]
        if one["threshold"] is not None:
            assert one["threshold"] == pytest.approx(other["threshold"], rel=1e-6)


def test_thresholds_of_methods_that_move_ranks_are_chosen_out_of_fold(tmp_path):
    source = study(tmp_path)
    kept = calibrate(source, method=CalibrationMethod.platt).calibration["operating_points"]
    moved = calibrate(source, method=CalibrationMethod.isotonic).calibration["operating_points"]
    assert {point["chosen_on"] for point in kept} == {"fitted"}
    assert {point["chosen_on"] for point in moved} == {"out-of-fold"}
    assert all(point["sensitivity"]["estimate"] < 1 for point in moved[:2])


def test_prediction_sets_promise_and_evaluate_counts(tmp_path):
    manifest = calibrate(study(tmp_path), coverage=0.8, method=CalibrationMethod.none)
    sets = manifest.calibration["prediction_sets"]
    assert "an image drawn at random from those of a new patient" in sets["promise"]
    assert "at least 80%" in sets["promise"]
    assert sets["classes"][2]["yes"]["limit"] is None
    assert "0 patients cannot promise 80%" in sets["classes"][2]["yes"]["reason"]
    write_manifest(manifest, tmp_path / "calibrated.json")
    options = EvaluateConfig(source=str(tmp_path / "calibrated.json"), report=tmp_path / "report")
    found = evaluate.run(options).evaluation["prediction_sets"]
    assert (found["coverage"], found["overall"]) == (0.8, None)
    probabilities = expit(multilabel("test", seed=2).scores[:, 0].astype(float))
    targets = multilabel("test", seed=2).targets[:, 0]
    holds = 1 - probabilities[targets == 1] <= sets["classes"][0]["yes"]["limit"]
    assert found["classes"][0]["covered_positive"]["estimate"] == pytest.approx(holds.mean())
    assert found["classes"][2]["covered_positive"]["reason"] == "no positive case"


def test_a_given_prevalence_moves_probabilities_and_thresholds_but_no_call(tmp_path):
    source = study(tmp_path)
    plain = calibrate(source, method=CalibrationMethod.platt).calibration
    moved = calibrate(
        source, method=CalibrationMethod.platt, prevalence_shift=(f"{LABELS[0]}=0.02",)
    ).calibration
    assert plain["prevalence_shift"] is None
    assert moved["parameters"] == plain["parameters"]
    first, second = moved["prevalence_shift"]["classes"][:2]
    targets = multilabel("val", seed=1).targets[:, 0]
    assert first["before"]["estimate"] == pytest.approx(np.nanmean(targets))
    assert first["before"]["ci"][0] < first["before"]["estimate"] < first["before"]["ci"][1]
    assert first["after"]["estimate"] == 0.02
    assert first["after"]["reason"] == "no interval: it was given"
    assert first["shift"] == pytest.approx(logit(0.02) - logit(first["before"]["estimate"]))
    assert second["shift"] == 0
    one, other = plain["operating_points"][0], moved["operating_points"][0]
    assert logit(other["threshold"]) == pytest.approx(logit(one["threshold"]) + first["shift"])
    assert other["sensitivity"] == one["sensitivity"]
    scores = multilabel("test", seed=2).scores
    found = calibrated(scores, moved, kind="logit", exclusive=False)
    kept = calibrated(scores, plain, kind="logit", exclusive=False)
    assert logit(found[:, 0]) == pytest.approx(logit(kept[:, 0]) + first["shift"])
    assert (found[:, 1] == kept[:, 1]).all()


def test_the_prevalence_of_a_site_is_estimated_from_its_scores_alone(tmp_path):
    big = {"n": 4_000, "patients": 4_000}
    write_predictions(tmp_path / "val.h5", multilabel("val", seed=1, **big))
    site = multilabel("test", seed=2, **big)
    rare = np.nan_to_num(site.targets[:, 0]) == 0
    rows = np.flatnonzero(rare | (np.arange(4_000) % 10 == 0))
    blind = dataclasses.replace(
        site,
        scores=site.scores[rows],
        targets=np.full((len(rows), 3), np.nan, dtype=np.float32),
        records=[site.records[row] for row in rows],
    )
    write_predictions(tmp_path / "site.h5", blind)
    manifest = calibrate(
        tmp_path / "val.h5", method=CalibrationMethod.platt, prevalence_from=tmp_path / "site.h5"
    )
    shift = manifest.calibration["prevalence_shift"]
    assert shift["sha256"] == sha256_file(tmp_path / "site.h5") == manifest.history[-1]["inputs"][1]["sha256"]
    assert shift["n"] == len(rows)
    known = site.targets[rows, 0]
    after = shift["classes"][0]["after"]
    assert after["estimate"] == pytest.approx(np.nanmean(known), abs=0.03)
    low, high = after["ci"]
    assert low < after["estimate"] < high < shift["classes"][0]["before"]["ci"][0]
    assert (after["n"], after["n_clusters"]) == (len(rows), len({r["patient"] for r in blind.records}))


@pytest.mark.parametrize("text", ["0.02", "Nothing=0.2", "Atelectasis=2", "Atelectasis=x"])
def test_a_prevalence_that_is_none_is_refused(tmp_path, text):
    with pytest.raises(UsageError, match="prevalence-shift"):
        calibrate(study(tmp_path), prevalence_shift=(text,))


def test_a_softmax_without_any_calibration_can_be_shifted(tmp_path):
    wanted = (f"{KINDS[0]}=0.1",)
    section = calibrate(
        study(tmp_path, multiclass), method=CalibrationMethod.none, prevalence_shift=wanted
    ).calibration
    after = np.array([entry["after"]["estimate"] for entry in section["prevalence_shift"]["classes"]])
    assert after[0] == 0.1
    assert after.sum() == pytest.approx(1)
    found = calibrated(multiclass("test", seed=2).scores, section, kind="logit", exclusive=True)
    assert found.sum(axis=1) == pytest.approx(1)
