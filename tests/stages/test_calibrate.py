"""Calibration is fitted on val, on nothing else, and says what it was fitted on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.special import logit

from medcli.config import CalibrateConfig, CalibrationMethod
from medcli.errors import DataError, UsageError
from medcli.stages.calibrate import run
from medcli.store.digests import sha256_file
from medcli.store.manifest import read_manifest, write_manifest
from medcli.store.predictions import write_predictions
from tests.reporting.synthetic import HOSTILE, KINDS, LABELS, MODEL, multiclass, multilabel, study


def calibrate(source, **options):
    return run(CalibrateConfig(source=str(source), **options))


def test_labels_get_platt_and_say_what_they_were_fitted_on(tmp_path):
    manifest = calibrate(study(tmp_path))
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
    section = calibrate(study(tmp_path)).calibration
    assert section["parameters"][2]["class"] == HOSTILE
    assert section["parameters"][2]["slope"] is None
    assert section["parameters"][2]["reason"] == "no positive case to fit on"
    assert section["operating_points"][2]["threshold"] is None
    assert section["operating_points"][2]["reason"] == "no positive case to choose on"


def test_classes_get_one_temperature(tmp_path):
    section = calibrate(study(tmp_path, multiclass)).calibration
    assert section["method"] == "temperature"
    assert [entry["class"] for entry in section["parameters"]] == KINDS
    assert len({entry["temperature"] for entry in section["parameters"]}) == 1
    assert 1.5 < section["parameters"][0]["temperature"] < 4
    assert section["fitted_on"]["n"] == 159


def test_operating_point_reaches_its_target_on_val(tmp_path):
    section = calibrate(study(tmp_path), operating_point="sensitivity=0.9").calibration
    for point in section["operating_points"][:2]:
        assert point["rule"] == "sensitivity=0.9"
        assert point["sensitivity"] >= 0.9
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

    section = calibrate(rescored(tmp_path, "probability", probabilities)).calibration
    whole = calibrate(study(tmp_path)).calibration
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
