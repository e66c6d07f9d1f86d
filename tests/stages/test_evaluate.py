"""Evaluation end to end: numbers, files, what is refused, and that nothing depends on the machine."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from medcli.config import CalibrateConfig, CalibrationMethod, EvaluateConfig, Part
from medcli.errors import DataError
from medcli.metrics.roc import auc
from medcli.stages import calibrate
from medcli.stages.evaluate import run
from medcli.store.calibration_schema import calibration_digest
from medcli.store.manifest import read_manifest, write_manifest
from medcli.store.predictions import Predictions, write_predictions
from medcli.store.references import verify
from medcli.store.results_schema import read_results
from tests.realdata import real_data
from tests.reporting.synthetic import HOSTILE, LABELS, identifier, multiclass, multilabel, study

FIGURES = ("roc", "precision_recall", "densities", "reliability", "confusion", "threshold_sweep")
FILES = {
    *("report.html", "evaluation.json", "methods.md"),
    *("tables/cohort.csv", "tables/numbers.csv", "tables/worst_errors.csv"),
    *(f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png")),
}


def calibrated(folder, make=multilabel):
    method = CalibrationMethod.platt if make is multilabel else CalibrationMethod.temperature
    manifest = calibrate.run(CalibrateConfig(source=str(study(folder, make)), method=method))
    write_manifest(manifest, folder / "calibrated.json")
    return folder / "calibrated.json"


def evaluate(source, folder, **options):
    """Run the stage; whatever is evaluated, the results keep to their schema."""
    manifest = run(EvaluateConfig(source=str(source), report=folder / "report", **options))
    read_results(folder / "report" / "evaluation.json")
    return manifest


@pytest.fixture(scope="module")
def labels_done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    return folder, evaluate(calibrated(folder), folder)


@pytest.fixture(scope="module")
def classes_done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    return folder, evaluate(calibrated(folder, multiclass), folder)


def test_labels_are_scored_one_by_one_at_the_frozen_thresholds(labels_done):
    _, manifest = labels_done
    evaluation, predictions = manifest.evaluation, multilabel("test", seed=2)
    assert evaluation["medcli"] == "evaluation/2"
    assert evaluation["n"] == 160
    assert evaluation["n_clusters"] == len({record["patient"] for record in predictions.records})
    assert evaluation["thresholds"] == {"source": "calibration", "rule": "youden"}
    for column, entry in enumerate(evaluation["classes"][:2]):
        known = ~np.isnan(predictions.targets[:, column])
        targets, scores = predictions.targets[known, column], predictions.scores[known, column]
        assert entry["n"] + entry["n_missing"] == 160
        assert entry["n"] == known.sum()
        assert entry["auc"]["estimate"] == pytest.approx(auc(targets, scores), abs=1e-12)
        assert "clustered" in entry["auc"]["method"]
        # By hand: calibrated probability against the threshold of val.
        fitted = manifest.calibration["parameters"][column]
        line = fitted["slope"] * scores.astype(float) + fitted["intercept"]
        is_called = 1 / (1 + np.exp(-line)) >= manifest.calibration["operating_points"][column]["threshold"]
        assert entry["sensitivity"]["estimate"] == pytest.approx(is_called[targets == 1].mean())
        assert entry["specificity"]["estimate"] == pytest.approx(1 - is_called[targets == 0].mean())
        assert entry["ece"]["after"]["estimate"] < entry["ece"]["before"]["estimate"]


def test_what_is_undefined_is_null_with_a_reason(labels_done):
    entry = labels_done[1].evaluation["classes"][2]
    assert entry["class"] == HOSTILE
    for name in ("auc", "sensitivity", "specificity", "f1"):
        assert entry[name]["estimate"] is None
        assert entry[name]["reason"]
    macro = labels_done[1].evaluation["overall"]["macro_auc"]
    assert macro["classes"] == LABELS[:2]


def quantities(value):
    if isinstance(value, dict):
        if "estimate" in value and "method" in value:
            yield value
        for item in value.values():
            yield from quantities(item)
    elif isinstance(value, list):
        for item in value:
            yield from quantities(item)


@pytest.mark.parametrize("done", ["labels_done", "classes_done"])
def test_every_quantity_has_all_its_parts(done, request):
    evaluation = request.getfixturevalue(done)[1].evaluation
    found = list(quantities(evaluation))
    assert len(found) > 40
    for value in found:
        keys = {"estimate", "ci", "level", "se", "method", "n", "n_clusters", "flags", "reason", "baseline"}
        assert keys <= set(value)
        assert value["estimate"] is not None or value["reason"]
        assert value["ci"] is not None or value["reason"]
        if value["ci"]:
            assert value["ci"][0] <= value["estimate"] <= value["ci"][1]
            assert value["level"] == 0.95
    json.dumps(evaluation, allow_nan=False)


def test_classes_are_called_by_the_most_likely(classes_done):
    evaluation, predictions = classes_done[1].evaluation, multiclass("test", seed=2)
    assert evaluation["n"] == 159
    assert evaluation["n_missing"] == 1
    assert "1 images without a known class were left out" in evaluation["flags"]
    labels, calls = predictions.targets[1:].argmax(axis=1), predictions.scores[1:].argmax(axis=1)
    overall = evaluation["overall"]
    assert overall["accuracy"]["estimate"] == pytest.approx((labels == calls).mean())
    assert overall["accuracy"]["baseline"]["rule"] == "always nv"
    assert np.sum(overall["confusion"]) == 159
    assert overall["confusion"][1][0] == np.sum((labels == 1) & (calls == 0))
    assert overall["ece"]["after"]["estimate"] < overall["ece"]["before"]["estimate"]
    # One image a patient: nothing is clustered.
    assert evaluation["n_clusters"] == 159
    assert "clustered" not in evaluation["classes"][0]["auc"]["method"]


def test_files_are_whole_and_named_with_their_digests(labels_done):
    folder, manifest = labels_done
    files = manifest.evaluation["files"]
    assert set(files) == FILES
    assert {str(path.relative_to(folder / "report")) for path in (folder / "report").rglob("*.*")} == FILES
    for ref in files.values():
        verify(ref)
    numbers = json.loads((folder / "report" / "evaluation.json").read_text())
    assert numbers["classes"] == manifest.evaluation["classes"]


def test_the_section_survives_the_pipe(labels_done, tmp_path):
    write_manifest(labels_done[1], tmp_path / "out.json")
    assert read_manifest(str(tmp_path / "out.json")).evaluation == labels_done[1].evaluation


def test_another_folder_and_hash_seed_give_the_same_bytes(labels_done, tmp_path):
    code = (
        "import sys; from pathlib import Path; from medcli.config import EvaluateConfig;"
        "from medcli.stages.evaluate import run;"
        "run(EvaluateConfig(source=sys.argv[1], report=Path(sys.argv[2])));"
        "assert not {'torch', 'sklearn'} & set(sys.modules), 'torch or sklearn was imported'"
    )
    folder = labels_done[0]
    subprocess.run(
        [sys.executable, "-c", code, str(folder / "calibrated.json"), str(tmp_path)],
        check=True,
        env={
            "PYTHONHASHSEED": "77",
            "OMP_NUM_THREADS": "2",
            "HOME": str(tmp_path / "home"),
            "LC_ALL": "C",
            "TZ": "Asia/Tokyo",
        },
    )
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (folder / "report" / name).read_bytes(), name


def test_without_calibration_thresholds_come_from_val_and_that_is_said(tmp_path):
    evaluation = evaluate(study(tmp_path), tmp_path).evaluation
    assert evaluation["thresholds"]["source"] == "val"
    assert any("Youden" in flag for flag in evaluation["flags"])
    assert evaluation["classes"][0]["ece"]["after"] is None
    chosen = calibrate.run(
        CalibrateConfig(source=str(tmp_path / "study.json"), operating_point="youden")
    ).calibration
    # Platt scaling keeps ranks, so the same images are called either way.
    point, frozen = evaluation["classes"][0]["operating_point"], chosen["operating_points"][0]
    assert (point["sensitivity"], point["specificity"]) == (frozen["sensitivity"], frozen["specificity"])


def test_thresholds_of_another_model_are_not_used(tmp_path):
    manifest = read_manifest(str(study(tmp_path)))
    predictions = multilabel("test", seed=2)
    header = {**predictions.header, "model": "cd" * 32}
    other = write_predictions(tmp_path / "other.h5", dataclasses.replace(predictions, header=header))
    manifest.predictions["test"] = other
    write_manifest(manifest, tmp_path / "two-models.json")
    evaluation = evaluate(tmp_path / "two-models.json", tmp_path).evaluation
    assert evaluation["thresholds"] == {"source": "default", "rule": "0.5"}


def test_images_of_the_training_part_are_counted_among_all(tmp_path):
    predictions = multilabel("all", seed=2)
    manifest = read_manifest(str(study(tmp_path)))
    manifest.predictions["all"] = write_predictions(tmp_path / "all.h5", predictions)
    ids = [record["id"] for record in predictions.records]
    manifest.splits = {"sha256": "0" * 64, "parts": {"train": ids[:100], "val": ids[100:], "test": []}}
    write_manifest(manifest, tmp_path / "seen.json")
    flags = evaluate(tmp_path / "seen.json", tmp_path, part=Part.all).evaluation["flags"]
    assert any("optimistic: 100 of 160 images are in the training part" in flag for flag in flags)


def test_a_bare_predictions_file_is_enough(tmp_path):
    study(tmp_path)
    evaluation = evaluate(tmp_path / "test.h5", tmp_path).evaluation
    assert evaluation["thresholds"]["source"] == "default"
    assert evaluation["classes"][0]["operating_point"]["threshold"] == 0.5
    assert any("chosen on nothing" in flag for flag in evaluation["flags"])


def test_ranks_are_ranked_and_nothing_else(tmp_path):
    predictions = multilabel("test", seed=2)
    header = {**predictions.header, "score": "rank"}
    write_predictions(tmp_path / "ranks.h5", dataclasses.replace(predictions, header=header))
    evaluation = evaluate(tmp_path / "ranks.h5", tmp_path).evaluation
    entry = evaluation["classes"][0]
    assert entry["auc"]["estimate"] is not None
    assert entry["sensitivity"]["estimate"] is None
    assert "ranks" in entry["sensitivity"]["reason"]
    assert "ranks" in entry["brier"]["before"]["reason"]


def test_numbers_on_val_are_called_optimistic(tmp_path):
    evaluation = evaluate(calibrated(tmp_path), tmp_path, part=Part.val).evaluation
    assert any("optimistic" in flag for flag in evaluation["flags"])


def test_a_calibration_of_other_things_is_refused(tmp_path):
    source = calibrated(tmp_path)
    for change, words in (
        (lambda section: section["fitted_on"].update(model="cd" * 32), "another model"),
        (lambda section: section.update(score="probability"), "scores of kind"),
        (lambda section: section["operating_points"][0].update({"class": "Other"}), "other classes"),
    ):
        manifest = read_manifest(str(source))
        change(manifest.calibration)
        manifest.calibration["digest"] = calibration_digest(manifest.calibration)
        write_manifest(manifest, tmp_path / "changed.json")
        with pytest.raises(DataError, match=words):
            evaluate(tmp_path / "changed.json", tmp_path)


def test_the_images_of_the_fit_under_the_name_of_test_are_recognised(tmp_path):
    source = calibrated(tmp_path)
    manifest = read_manifest(str(source))
    val = multilabel("val", seed=1)
    renamed = dataclasses.replace(val, header={**val.header, "part": "test"})
    manifest.predictions["test"] = write_predictions(tmp_path / "again.h5", renamed)
    write_manifest(manifest, tmp_path / "again.json")
    flags = evaluate(tmp_path / "again.json", tmp_path).evaluation["flags"]
    assert "test was used for tuning: the calibration was fitted on these very images" in flags


def test_a_threshold_that_was_moved_afterwards_is_refused(tmp_path):
    manifest = read_manifest(str(calibrated(tmp_path)))
    manifest.calibration["operating_points"][0]["threshold"] *= 0.9
    write_manifest(manifest, tmp_path / "moved.json")
    with pytest.raises(DataError, match="changed after it was made"):
        evaluate(tmp_path / "moved.json", tmp_path)


def test_what_thresholds_promised_stands_beside_what_they_keep(labels_done):
    evaluation = labels_done[1].evaluation
    assert [entry["class"] for entry in evaluation["optimism"]] == LABELS[:2]
    for entry, found in zip(evaluation["optimism"], evaluation["classes"], strict=False):
        chosen = found["operating_point"]["sensitivity"]["estimate"]
        gap = entry["sensitivity"]
        assert gap["estimate"] == pytest.approx(found["sensitivity"]["estimate"] - chosen)
        assert gap["ci"][0] < gap["estimate"] < gap["ci"][1]


def test_a_part_without_predictions_is_named(tmp_path):
    with pytest.raises(DataError, match="no predictions of test, only of val"):
        evaluate(study(tmp_path, parts=("val",)), tmp_path)


def test_one_image_of_one_patient_does_not_stop_the_run(tmp_path):
    predictions = multilabel("test", seed=2, n=1, patients=1)
    write_predictions(tmp_path / "one.h5", predictions)
    evaluation = evaluate(tmp_path / "one.h5", tmp_path).evaluation
    assert evaluation["overall"]["macro_auc"]["estimate"] is None


CHEXPERT = {
    "Atelectasis": 0.8913,
    "Cardiomegaly": 0.9406,
    "Consolidation": 0.8996,
    "Edema": 0.9219,
    "Pleural Effusion": 0.9680,
}


@pytest.mark.realdata
def test_published_areas_on_chexpert(tmp_path):
    folder = real_data("chexpert") / "test"

    def columns(path):
        with path.open(newline="") as file:
            return {row["Study"]: row for row in csv.DictReader(file)}

    truth = columns(folder / "groundtruth.csv")
    scores = columns(folder / "predictions" / "hieupham_predictions.csv")
    studies = sorted(set(truth) & set(scores))
    predictions = Predictions(
        scores=np.array([[float(scores[s][name]) for name in CHEXPERT] for s in studies], dtype=np.float32),
        targets=np.array([[float(truth[s][name]) for name in CHEXPERT] for s in studies], dtype=np.float32),
        records=[
            {"id": identifier(s), "labels": {}, "patient": identifier(s.split("/")[2])} for s in studies
        ],
        header={
            "task": {"type": "multilabel", "classes": list(CHEXPERT)},
            "part": "test",
            "score": "probability",
            "model": None,
            "policy": None,
            "history": [],
        },
    )
    write_predictions(tmp_path / "test.h5", predictions)
    evaluation = evaluate(tmp_path / "test.h5", tmp_path).evaluation
    found = {entry["class"]: entry["auc"]["estimate"] for entry in evaluation["classes"]}
    assert found == pytest.approx(CHEXPERT, abs=5e-5)
    assert evaluation["n"] == 500
    assert evaluation["overall"]["macro_auc"]["estimate"] == pytest.approx(
        np.mean(list(CHEXPERT.values())), abs=5e-5
    )
