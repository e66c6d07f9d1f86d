"""Warnings of a statistician: each where it belongs, none where all is well."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from medcli.metrics.summary import summarize
from medcli.stages._scoring import score
from medcli.stages._warnings import Evidence, warnings
from medcli.store.manifest import Manifest
from medcli.store.predictions import Predictions, write_predictions
from tests.metrics.evaluated import settings


def predictions(
    part="test", *, n=400, share=0.3, seed=0, skill=1.5, decimals=8, kind="probability", is_turned=False
):
    generator = np.random.default_rng(seed)
    targets = (generator.random((n, 1)) < share).astype(np.float32)
    line = generator.normal(size=(n, 1)) + skill * targets + np.log(share / (1 - share)) - skill**2 / 2
    scores = np.round(1 / (1 + np.exp(-skill * line)), decimals)
    scores = 1 - scores if is_turned else scores
    return Predictions(
        scores=scores.astype(np.float32),
        targets=targets,
        records=[{"id": f"{part}{i:012d}", "labels": {}, "patient": f"{part}-{i}"} for i in range(n)],
        header={
            "task": {"type": "binary", "classes": ["mass"]},
            "part": part,
            "score": kind,
            "model": None,
            "policy": None,
            "history": [],
        },
    )


def said(test, *, val=None, folder=None, history=()):
    manifest = Manifest(task=test.header["task"], history=list(history))
    if val is not None:
        manifest.predictions["val"] = write_predictions(folder / "val.h5", val)
    scored, thresholds = score(test, manifest)
    section = {**summarize(scored, settings(resamples=20)), "thresholds": thresholds}
    return warnings(Evidence(section, scored, test, manifest))


def step(command, **facts):
    return {"command": command, "version": "0", "options": {}, "inputs": [], **facts}


def test_all_is_well(tmp_path):
    found = said(predictions(), val=predictions("val", seed=1), folder=tmp_path)
    assert found == ["no calibration: thresholds were chosen by Youden's rule on the val predictions"]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"n": 60}, "few positive images"),
        ({"n": 60}, "the calibration error is unstable at this size: mass"),
        ({"is_turned": True}, "the AUC is below 0.5, so the scores run against the labels: mass 0."),
        ({"decimals": 2}, "all scores are rounded to 2 decimals or fewer"),
        ({"skill": 0.0}, "mass: all scores are equal"),
        ({"part": "train"}, "optimistic: the model was trained on the same images"),
        ({"kind": "rank"}, "the scores are ranks (they were declared so)"),
    ],
)
def test_each_reason_to_doubt_is_told(facts, words):
    found = said(predictions(**facts))
    assert any(words in line for line in found), found


def test_images_without_a_patient_beside_others_are_told():
    found = predictions()
    assert not any("no patient" in line for line in said(found))
    for record in found.records[:3]:
        del record["patient"]
    assert any(line.startswith("3 of 400 images have no patient") for line in said(found))
    for record in found.records:
        record.pop("patient", None)
    assert not any("no patient" in line for line in said(found))


def test_a_prevalence_unlike_that_of_val_is_told(tmp_path):
    found = said(predictions(share=0.1), val=predictions("val", seed=1), folder=tmp_path)
    assert any("the prevalence differs from that of val" in line and "mass 1" in line for line in found)


def test_tuning_on_test_is_told(tmp_path):
    steps = [step("train"), step("evaluate", part="test"), step("calibrate")]
    assert any(
        "calibrate ran after it had been evaluated" in line for line in said(predictions(), history=steps)
    )
    assert not any("tuning" in line for line in said(predictions(), history=steps[:2]))
    test, val = predictions(), predictions("val", seed=1)
    shared = [{**record, "patient": test.records[0]["patient"]} for record in val.records]
    val = dataclasses.replace(val, records=shared)
    found = said(test, val=val, folder=tmp_path)
    assert any("test was used for tuning: 1 of 400 patients are in val too" in line for line in found)
