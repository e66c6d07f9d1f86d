"""The same scores under every reading of what a labeler left uncertain or blank."""

from __future__ import annotations

import pytest

from medcli.config import EvaluateConfig, LabelPolicy
from medcli.stages.evaluate import run
from tests.realdata import real_data

pytestmark = pytest.mark.realdata


def test_atelectasis_is_between_two_thirds_and_perfect(tmp_path):
    """Needs `labeler` of github.com/rajpurkarlab/cheXpert-test-set-labels as `chexpert-labeler`."""
    labels = real_data("chexpert-labeler") / "chexpert_labels.csv"
    scores = real_data("chexpert") / "test" / "predictions" / "hieupham_predictions.csv"
    config = EvaluateConfig(
        source=str(scores),
        report=tmp_path / "report",
        truth=labels,
        key="Study",
        key_file=tmp_path / "key",
        label_policy=LabelPolicy.sweep,
        resamples=200,
    )
    section = run(config).evaluation
    found = {
        policy["policy"]: entry["auc"]
        for policy in section["policies"]
        for entry in policy["classes"]
        if entry["class"] == "Atelectasis"
    }
    wanted = {"ones": 0.7111, "zeros": 0.6626, "ignore": 0.7059, "mentioned": 1.0}
    assert {name: value["estimate"] for name, value in found.items()} == pytest.approx(wanted, abs=5e-5)
    assert "few negatives (2)" in found["mentioned"]["flags"]
    assert any("Atelectasis" in flag and "1.000 (mentioned)" in flag for flag in section["flags"])
