"""Decision curves of the whole command, and the plan of a study: by hand, and against what they plan."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from scipy.special import expit

from medcli.config import CalibrateConfig, EvaluateConfig
from medcli.errors import DataError, UsageError
from medcli.metrics.intervals import newcombe_auc, wilson
from medcli.metrics.roc import auc
from medcli.metrics.sample_size import mcnemar_sample_size, paired_auc_sample_size
from medcli.stages import calibrate, evaluate
from medcli.stages._plan import expected_logits, plan_study
from medcli.store.manifest import write_manifest
from medcli.store.results_schema import check_results
from tests.cli.run import medcli
from tests.reporting.synthetic import multilabel, study


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decisions")
    write_manifest(calibrate.run(CalibrateConfig(source=str(study(folder)))), folder / "calibrated.json")
    config = EvaluateConfig(
        source=str(folder / "calibrated.json"), report=folder / "report", decision_range="0.1,0.5"
    )
    return folder / "report", evaluate.run(config).evaluation


def test_net_benefit_is_needed_calls_less_weighed_needless_ones(done):
    _, evaluation = done
    entry, predictions = evaluation["decision_curves"]["classes"][0], multilabel("test", seed=2)
    known = ~np.isnan(predictions.targets[:, 0])
    at = evaluation["classes"][0]
    # At any threshold the called images are those of the sweep; take the one at the foot of the range.
    value = entry["at_low"]
    assert value["threshold"] == 0.1
    assert value["n"] == known.sum() == at["n"]
    share = at["n_positive"] / at["n"]
    assert value["baseline"]["estimate"] == pytest.approx(max(0, share - (1 - share) / 9))
    assert entry["curve"]["thresholds"][0] == 0.1
    assert entry["curve"]["thresholds"][-1] == 0.5
    assert entry["curve"]["model"][0] == value["estimate"]
    assert entry["curve"]["model"][-1] == entry["at_high"]["estimate"]
    assert value["ci"][0] < value["estimate"] < value["ci"][1]


def test_the_report_has_the_curves(done):
    folder, evaluation = done
    assert "Is acting on it worthwhile?" in (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "decision_curve.svg").is_file()
    with (folder / "tables/decision_curves.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    curve = evaluation["decision_curves"]["classes"][0]["curve"]
    assert [float(row["net_benefit"]) for row in rows[: len(curve["model"])]] == curve["model"]


@pytest.mark.parametrize("words", ["0.5,0.1", "0,0.5", "0.1", "a,b", "0.1,0.2,0.3"])
def test_a_range_that_does_not_rise_is_refused(done, words, tmp_path):
    source = str(done[0].parent / "calibrated.json")
    with pytest.raises(UsageError, match="two risks that rise"):
        evaluate.run(EvaluateConfig(source=source, report=tmp_path / "r", decision_range=words))
    assert not list((tmp_path / "r").rglob("*.html"))


def test_a_planned_study_has_the_planned_intervals():
    plan = plan_study("auc=0.85,prevalence=0.1,width=0.05,sensitivity=0.9,specificity=0.8", level=0.95)
    sizes = {entry["goal"].split()[0]: entry["images"] for entry in plan["needed"]}
    low, high = newcombe_auc(0.85, 0.1 * sizes["AUC"], 0.9 * sizes["AUC"], level=0.95)
    assert high - low <= 0.1
    low, high = wilson(0.9, 0.1 * sizes["sensitivity"], level=0.95)
    assert 0.0995 < high - low <= 0.1
    assert plan["images"] == max(sizes.values())
    # Riley 2021, equation 4: (1 - prevalence) / (prevalence * (0.2 / 1.96)^2).
    assert sizes["O/E"] == pytest.approx(0.9 / 0.1 / (0.2 / 1.959964) ** 2, abs=1)


def test_expected_logits_are_calibrated_and_have_the_area():
    logits = expected_logits(0.8, 0.2)
    risks = expit(logits)
    positives = len(logits) // 5
    assert risks.mean() == pytest.approx(0.2, abs=2e-3)
    assert auc(np.arange(len(logits)) < positives, logits) == pytest.approx(0.8, abs=1e-3)


def test_images_of_one_patient_count_for_less():
    alone = plan_study("auc=0.85,prevalence=0.1", level=0.95)
    grouped = plan_study("auc=0.85,prevalence=0.1,images_per_patient=4,icc=0.5", level=0.95)
    for one, four in zip(alone["needed"], grouped["needed"], strict=True):
        assert four["design_effect"] == 2.5
        assert four["images"] == pytest.approx(2.5 * one["images"], abs=1)
        assert four["patients"] == -(-four["images"] // 4)
    small = plan_study("auc=0.85,prevalence=0.1,images=300", level=0.95)["expected"]
    assert small["images"] == 300
    assert small["auc"] == pytest.approx(list(newcombe_auc(0.85, 30, 270, level=0.95)))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("auc=0.85", "needs prevalence"),
        ("auc=1.2,prevalence=0.1", "auc is 1.2"),
        ("auc=x,prevalence=0.1", "must be a number"),
        ("area=0.9", "does not know 'area'"),
        ("auc=0.9,prevalence=0.1,width=0.6", "width is 0.6"),
        ("auc=0.9,prevalence=0.1,icc=2", "icc from 0 to 1"),
        ("auc=nan,prevalence=0.1", "auc is nan"),
        ("auc=0.9,prevalence=0.1,power=0.9", "of a second model"),
        ("auc=0.9,prevalence=0.1,only_right=0.1", "go together"),
        ("auc=0.9,prevalence=0.1,other_auc=0.8,power=1", "power is 1"),
    ],
)
def test_what_cannot_be_planned_is_told(words, told):
    with pytest.raises(UsageError, match=told):
        plan_study(words, level=0.95)


def test_a_comparison_is_planned_too():
    words = "auc=0.85,prevalence=0.3,images_per_patient=2,icc=1"
    plan = plan_study(f"{words},other_auc=0.8,only_right=0.2,only_other_right=0.1", level=0.95)
    check_results(plan)
    area, share = plan["comparisons"]
    # Twice what independent images need, since all of a patient are alike.
    independent = paired_auc_sample_size(0.85, 0.8, prevalence=0.3)["images"]
    assert (area["images"], area["patients"]) == (2 * independent, independent)
    assert (area["measure"], area["power"]) == ("auc", 0.8)
    assert share["images"] == 2 * mcnemar_sample_size(0.2, 0.1)
    assert plan["images"] == max(entry["images"] for entry in (*plan["needed"], *plan["comparisons"]))
    kept = plan_study("auc=0.85,prevalence=0.3,other_auc=0.85,margin=0.05", level=0.95)["comparisons"][0]
    assert kept["images"] < independent
    assert "no loss above 0.05" in kept["goal"]
    with pytest.raises(DataError, match="does not exceed the margin"):
        plan_study("auc=0.85,prevalence=0.3,other_auc=0.9", level=0.95)
    assert "comparisons" not in plan["assumed"]
    assert "power" not in plan_study("auc=0.85,prevalence=0.3", level=0.95)["assumed"]


def test_the_command_plans_without_predictions():
    result = medcli("evaluate", "--plan", "auc=0.85,prevalence=0.1")
    assert result.returncode == 0
    plan = json.loads(result.stdout)
    assert plan["medcli"] == "plan/1"
    check_results(plan)


def test_a_plan_stands_beside_what_was_reached(done, tmp_path):
    words = "auc=0.85,prevalence=0.3,width=0.08,other_auc=0.75"
    config = EvaluateConfig(
        source=str(done[0].parent / "calibrated.json"), report=tmp_path / "report", plan=words
    )
    evaluation = evaluate.run(config).evaluation
    assert evaluation["plan"] == plan_study(words, level=0.95)
    document = json.loads((tmp_path / "report/evaluation.json").read_text(encoding="utf-8"))
    check_results(document)
    with pytest.raises(DataError, match="plan"):
        check_results({**document, "plan": {"images": -1}})
    with (tmp_path / "report/tables/plan.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["class"], row["measure"]): row for row in csv.DictReader(file)}
    entry = evaluation["classes"][0]
    low, high = entry["auc"]["ci"]
    row = rows[entry["class"], "auc"]
    assert float(row["half_width"]) == pytest.approx((high - low) / 2)
    assert row["is_reached"] == str((high - low) / 2 <= 0.08).lower()
    low, high = entry["observed_to_expected"]["after"]["ci"]
    ratio = float(rows[entry["class"], "observed_to_expected"]["half_width"])
    assert np.exp(2 * ratio) == pytest.approx(high / low)
    never = rows[evaluation["classes"][2]["class"], "auc"]
    assert (never["half_width"], never["is_reached"]) == ("", "false")
    assert never["reason"] == evaluation["classes"][2]["auc"]["reason"]
    html = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    assert "Planned and reached precision" in html
    assert "With a second model on the same images (AUC 0.85 against 0.75), a power of 80 % needs" in html
    assert '<a href="#plan">Planned and reached precision</a></span></td>' in html


def test_a_plan_that_cannot_be_is_told_before_the_work(done, tmp_path):
    command = ("evaluate", "--plan", "auc=0.85", str(done[0].parent / "calibrated.json"), "r/")
    result = medcli(*command, cwd=tmp_path)
    assert result.returncode == 2
    assert "--plan needs prevalence" in result.stderr
    assert not (tmp_path / "r").exists()
