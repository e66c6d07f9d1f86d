"""What goes into a model, of another source against the first: pixels, patients, columns that were kept."""

from __future__ import annotations

import csv
import dataclasses
import json

import numpy as np
import pytest

from medcli.config import CompareConfig, Pairing
from medcli.metrics.multiplicity import holm
from medcli.reporting.comparison_tables import comparison_table
from medcli.reporting.methods import method_words
from medcli.reporting.sources import METHODS
from medcli.stages import compare
from medcli.store.manifest import Manifest, write_manifest
from medcli.store.predictions import write_predictions
from medcli.store.results_schema import check_results
from tests.reporting.synthetic import multilabel
from tests.stages.test_compare import study, table

NAMES = ("brightness", "contrast", "sharpness", "noise")
MIDDLE = np.array([0.5, 0.2, 0.55, 0.01])


def described(*, seed: int, change=(0, 0, 0, 0), prefix: str = "") -> list[dict]:
    """`pixels` of 160 images of 70 patients; images of one patient are alike."""
    generator, owners = np.random.default_rng(seed), np.arange(160) % 70
    spread = generator.normal(size=(70, 4))[owners] + 0.3 * generator.normal(size=(160, 4))
    values = MIDDLE * (1 + 0.1 * spread) + np.array(change) * MIDDLE
    return [dict(zip(NAMES, map(float, row), strict=True)) for row in values]


def source(folder, name: str, pixels: list[dict], *, elsewhere: bool = False, order=None) -> str:
    predictions = multilabel("test", seed=4)
    records = [{**record, "pixels": own} for record, own in zip(predictions.records, pixels, strict=True)]
    for number, record in enumerate(records):
        record["patient"] = f"{number % 70 + 1000 * elsewhere:016x}"
        if elsewhere:
            record["id"] = f"{number + 2**40:016x}"
    order = np.arange(160) if order is None else order
    made = dataclasses.replace(
        predictions,
        scores=predictions.scores[order],
        targets=predictions.targets[order],
        records=[records[row] for row in order],
    )
    ref = write_predictions(folder / f"{name}.h5", made)
    write_manifest(Manifest(task=made.header["task"], predictions={"test": ref}), folder / f"{name}.json")
    return str(folder / f"{name}.json")


def run(*sources: str, **options) -> dict:
    document = compare.run(CompareConfig(sources=sources, resamples=100, jobs=1, **options))
    check_results(json.loads(json.dumps(document)))
    return document


def test_a_change_of_the_same_images_is_found_in_its_own_number(tmp_path):
    noise = np.random.default_rng(1).normal(scale=0.001, size=160)
    before = described(seed=0)
    after = [
        {**own, "brightness": own["brightness"] + 0.08 + e, "noise": own["noise"] + e}
        for own, e in zip(before, noise, strict=True)
    ]
    a, b = source(tmp_path, "a", before), source(tmp_path, "b", after)
    found = run(a, b)
    inputs = {entry["name"]: entry for entry in found["shift"][0]["inputs"]}
    change = inputs["brightness"]["change"]
    assert change["estimate"] == pytest.approx(0.08, abs=0.001)
    assert change["n_clusters"] == 70
    assert change["ci"][0] < 0.08 < change["ci"][1]
    assert change["test"]["p_holm"] < 1e-6
    assert inputs["noise"]["change"]["ci"][0] < 0 < inputs["noise"]["change"]["ci"][1]
    spread = np.std([own["brightness"] for own in before])
    assert inputs["brightness"]["deviations"] == pytest.approx(change["estimate"] / spread)
    assert f"brightness {inputs['brightness']['deviations']:.2f} SD (of" in comparison_table(found)
    assert inputs["contrast"]["change"]["estimate"] == 0
    assert inputs["contrast"]["change"]["test"]["p"] == 1
    # p and interval are of one t: they agree at any level.
    p = inputs["noise"]["change"]["test"]["p"]
    edge = run(a, b, level=1 - p)["shift"][0]["inputs"][-1]["change"]["ci"]
    assert min(abs(limit) for limit in edge) == pytest.approx(0, abs=1e-9)
    assert run(a, a, name=("x", "y"))["shift"][0]["inputs"] == []


def test_equal_sets_have_no_distance_and_order_changes_nothing(tmp_path):
    pixels = described(seed=0)
    home = source(tmp_path, "home", pixels)
    twin = source(tmp_path, "twin", pixels, elsewhere=True)
    for entry in run(home, twin)["shift"][0]["inputs"]:
        assert entry["test"]["statistic"] == 0
        assert entry["psi"]["estimate"] == 0
        assert entry["mean_first"]["estimate"] == entry["mean_second"]["estimate"]
    away = described(seed=1, change=(0.1, 0, 0, 0))
    one = source(tmp_path, "one", away, elsewhere=True)
    shuffled = source(
        tmp_path, "other", away, elsewhere=True, order=np.random.default_rng(3).permutation(160)
    )
    found = run(home, one, name=("h", "a"))["shift"]
    assert found == run(home, shuffled, name=("h", "a"))["shift"]
    p = {entry["name"]: entry["test"]["p_holm"] for entry in found[0]["inputs"]}
    assert list(p) == list(NAMES)
    assert p["brightness"] < 0.001
    assert min(p["contrast"], p["sharpness"], p["noise"]) > 0.05


def test_columns_that_a_table_brings_are_compared_one_image_a_patient(tmp_path, key):
    truth, owners, (good, _) = study()
    generator = np.random.default_rng(2)
    dose, code = generator.normal(3, 1, 120)[owners], np.arange(240)
    kind = np.array(["a", "b", "c"])[generator.integers(3, size=120)][owners]
    home = table(
        tmp_path / "home.csv",
        truth,
        owners,
        good,
        prefix="h",
        dose=dose,
        kind=kind,
        code=code,
        flag=owners % 2,
    )
    away = table(
        tmp_path / "away.csv",
        truth,
        owners,
        good,
        prefix="a",
        dose=dose + 1,
        kind=np.where(owners % 3, kind, "d"),
        code=[f"<{c}>" for c in code],
        flag=owners % 2,
    )
    found = run(home, away, key_file=key, report=tmp_path / "report")
    inputs = {entry["name"]: entry for entry in found["shift"][0]["inputs"]}
    assert inputs.keys() == {"dose", "kind", "code", "flag"}
    assert inputs["dose"]["n"] == [120, 120]
    assert inputs["dose"]["mean_second"]["estimate"] - inputs["dose"]["mean_first"]["estimate"] == (
        pytest.approx(1, abs=1e-9)
    )
    assert inputs["dose"]["psi"]["verdict"] == "large shift"
    assert inputs["kind"]["test"]["df"] == 3
    assert inputs["kind"]["test"]["p_holm"] < 0.01
    assert inputs["flag"]["kind"] == "category"
    assert inputs["flag"]["test"]["p"] == 1
    assert inputs["code"]["test"]["reason"] == "240 values are too many for categories"
    made = [entry["test"] for entry in inputs.values()]
    assert [test["p_holm"] for test in made] == holm([test["p"] for test in made])
    assert found["shift"][0]["tests"] == {"scores": 1, "inputs": 3}
    said = " ".join(comparison_table(found).split())
    assert "away against home: inputs that differ: dose, kind (of code, dose, flag, kind)" in said
    page = (tmp_path / "report/report.html").read_text()
    assert "over 3 tests" in page
    assert "240 values are too many for categories" in page
    rows = {row["name"]: row for row in csv.DictReader((tmp_path / "report/tables/shift.csv").open())}
    assert float(rows["dose"]["psi"]) == inputs["dose"]["psi"]["estimate"]
    assert float(rows["kind"]["cramers_v"]) == inputs["kind"]["test"]["cramers_v"]
    assert rows["positive"]["of"] == "score"


def test_the_report_tells_the_change_and_names_its_test(tmp_path):
    before = described(seed=0)
    after = [{**own, "sharpness": own["sharpness"] * (0.8 + own["noise"])} for own in before]
    report = tmp_path / "report"
    found = run(source(tmp_path, "a", before), source(tmp_path, "b", after), report=report)
    page = (report / "report.html").read_text()
    assert "How the pixels of the same images change" in page
    assert "sharpness is how fast edges turn" in page
    said = set(method_words(found))
    assert "t-test of a change, by patient" in said
    assert all(any(method.words in text for method in METHODS) for text in said)
    assert "Liang KY" in (report / "methods.md").read_text()


def test_sources_told_apart_by_a_field_are_not_tested_for_it(tmp_path, key):
    truth, owners, (good, bad) = study()
    site = np.where(owners % 2 == 0, "east", "west")
    sex = np.where(owners % 3 == 0, "F", "M")
    home = table(tmp_path / "home.csv", truth, owners, good, prefix="h", site=["home"] * 240, sex=sex)
    away = table(tmp_path / "away.csv", truth, owners, bad, prefix="a", site=site, sex=sex)
    apart = run(home, away, each="site", key_file=key)["shift"]
    assert [[entry["name"] for entry in source["inputs"]] for source in apart] == [["sex"], ["sex"]]
    whole = run(home, away, pairing=Pairing.unpaired, key_file=key)["shift"]
    assert [entry["name"] for entry in whole[0]["inputs"]] == ["sex", "site"]
