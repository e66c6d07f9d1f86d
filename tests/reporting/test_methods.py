"""The paragraph for a paper names what was used, and nothing else."""

from __future__ import annotations

import pytest

from medcli.config import CalibrateConfig, EvaluateConfig
from medcli.reporting.chapters import CHAPTERS
from medcli.reporting.checklists import TOPICS, WRITE, answered_parts, checklist
from medcli.reporting.methods import method_words, methods_markdown, methods_used, used_methods
from medcli.reporting.sources import METHODS
from medcli.reporting.sources.making import CALIBRATORS
from medcli.stages import calibrate, evaluate
from medcli.store.manifest import write_manifest
from tests.reporting.synthetic import multiclass, multilabel, study

PLAIN = ("mean recall", "mean of", "at a threshold", "no known label")


@pytest.fixture(scope="module", params=[multilabel, multiclass], ids=["labels", "classes"])
def evaluation(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    manifest = calibrate.run(CalibrateConfig(source=str(study(folder, request.param))))
    write_manifest(manifest, folder / "calibrated.json")
    return evaluate.run(
        EvaluateConfig(source=str(folder / "calibrated.json"), report=folder / "report")
    ).evaluation


def test_every_interval_has_a_source(evaluation):
    said = set(method_words(evaluation))
    unnamed = {text for text in said if not any(method.words in text for method in METHODS)}
    assert all(any(plain in text for plain in PLAIN) for text in unnamed), unnamed


def test_only_what_was_used_is_named(evaluation):
    text = methods_markdown(*methods_used(evaluation))
    used = used_methods(evaluation)
    for method in METHODS:
        assert (method.source in text) == (method in used)
    assert ("clusters" in text or "cluster" in text) == (evaluation["n_clusters"] < evaluation["n"])
    fitted = {entry["method"] for entry in evaluation["calibration"]["parameters"]} - {"none"}
    sentence = text.partition("calibrated on the validation part")[2].partition(".")[0]
    named = {name for name, (label, _) in CALIBRATORS.items() if f" by {label} [" in sentence}
    assert named == fitted


def test_sources_are_numbered_in_the_order_of_the_text(evaluation):
    text, sources = methods_used(evaluation)
    assert len(set(sources)) == len(sources)
    positions = [text.index(f"[{number}]") for number in range(1, len(sources) + 1)]
    assert positions == sorted(positions)


def test_maps_are_told_with_what_they_were_held_against(evaluation):
    made = {"method": "hirescam", "n": 7, "classes": [], "faithfulness": {"steps": 5}}
    text = methods_markdown(*methods_used({**evaluation, "heatmaps": made}))
    assert "Heatmaps of 7 images were made by HiResCAM [" in text
    assert "BMVC 2018" in text
    assert "pointing game" not in text


def test_every_answer_is_a_chapter():
    names = {chapter.name for chapter in CHAPTERS}
    assert {topic.section for topic in TOPICS} - {""} <= names


def test_parts_that_are_there_are_answered(evaluation):
    parts = answered_parts({**evaluation, "heatmaps": {}, "decision_curves": {"low": 0.1}})
    assert parts == {"errors", "decisions"}


def test_the_checklist_points_to_sections_that_are_there():
    without, with_maps = checklist(set()), checklist({"heatmaps"})
    assert len(without) == len(with_maps) == len(TOPICS)
    changed = [b["topic"] for a, b in zip(without, with_maps, strict=True) if a != b]
    assert changed == ["Explanations of single results, such as heatmaps"]
    assert any(row["answer"] == WRITE for row in without)
