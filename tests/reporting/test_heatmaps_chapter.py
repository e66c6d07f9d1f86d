"""What the report says of heatmaps: whether they deserve belief first, and nothing that was not measured."""

from __future__ import annotations

import pytest

from medcli.reporting.chapters.heatmaps import UNCHECKED, _of_need, _of_place, verdicts
from medcli.reporting.words import listed
from medcli.stages._heatmaps import heatmap_section
from medcli.store.manifest import Manifest
from tests.reporting.synthetic import explained


@pytest.fixture(scope="module")
def made():
    manifest = Manifest(explanation=explained({}, classes=["Edema", "Mass, <b>", "Nodule"]))
    return heatmap_section(manifest)


def test_a_class_is_believed_only_where_its_interval_is_above_chance(made):
    beyond, others = _of_place(made["classes"])
    assert "Edema in 100 (76 to 100) of 100 maps, by chance in 5" in beyond
    assert "Nodule" not in beyond
    assert "not shown: Mass, <b> in 0 (0 to 24) of 100 maps, by chance in 5; and Nodule in 0" in others


def test_a_model_that_does_not_need_its_maps_is_told(made):
    found = made["faithfulness"]
    assert _of_need(found).startswith("The model needs what the maps show")
    none = {**found, "insertion_gain": {**found["insertion_gain"], "estimate": 0.0, "ci": [-0.1, 0.1]}}
    text = _of_need(none)
    assert text.startswith("That the model needs what the maps show is not shown by insertion 0.000")
    assert text.endswith("it is by deletion 0.200 (0.200 to 0.200).")
    undefined = {**found, "deletion_gain": {**found["deletion_gain"], "ci": None}}
    assert _of_need(undefined).startswith("Too few maps")


def test_nothing_is_said_where_nothing_was_measured(made):
    assert list(verdicts({**made, "classes": [], "faithfulness": None})) == []
    assert "no evidence" in UNCHECKED
    assert heatmap_section(Manifest()) is None


def test_intervals_of_shares_end_at_one(made):
    overlaps = [entry[name]["ci"][1] for entry in made["classes"] for name in ("dice", "iou", "pixel_auc")]
    assert max(overlaps) <= 1


def test_lists_are_read_as_sentences():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a, b", "c"]) == "a, b; and c"
