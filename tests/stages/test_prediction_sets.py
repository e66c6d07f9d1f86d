"""Prediction sets from calibrate to the report of evaluate, group by group."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np

from medcli.config import CalibrateConfig, EvaluateConfig, Part, ShareInterval
from medcli.stages import calibrate, evaluate
from medcli.store.manifest import write_manifest


def table(path, part, *, seed):
    """One image a patient; the scores of men say less."""
    generator = np.random.default_rng(seed)
    rows = []
    for patient in range(400):
        sex, target = generator.choice(["F", "M"]), int(generator.random() < 0.5)
        score = 1 / (1 + np.exp(-(generator.normal() + (4 if sex == "F" else 1) * (target - 0.5))))
        rows.append([f"{part}-{patient}", f"{part}{patient}", target, f"{score:.6f}", sex])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "patient", "target", "score", "sex"], *rows])
    return str(path)


def test_coverage_is_counted_in_every_group(tmp_path):
    key = tmp_path / "key"
    source = table(tmp_path / "val.csv", "v", seed=1)
    manifest = calibrate.run(CalibrateConfig(source=source, part=Part.val, coverage=0.9, key_file=key))
    write_manifest(manifest, tmp_path / "calibration.json")
    options = EvaluateConfig(
        source=table(tmp_path / "test.csv", "t", seed=2),
        calibration=tmp_path / "calibration.json",
        report=tmp_path / "report",
        subgroup=("sex",),
        key_file=key,
    )
    sets = evaluate.run(options).evaluation["prediction_sets"]
    exact = evaluate.run(dataclasses.replace(options, interval=ShareInterval.exact)).evaluation[
        "prediction_sets"
    ]
    for told, method in ((sets, "Wilson"), (exact, "Clopper-Pearson")):
        shares = [*told["classes"], *(group["classes"][0] for group in told["subgroups"][0]["groups"])]
        assert {share["covered"]["method"] for share in shares} == {method}
    (entry,), (field,) = sets["classes"], sets["subgroups"]
    assert 0.85 < entry["covered_positive"]["estimate"] < 0.95
    assert field["field"] == "sex"
    women, men = field["groups"]
    assert (women["group"], men["group"]) == ("F", "M")
    sizes = [group["classes"][0]["covered"]["n"] for group in field["groups"]]
    assert sum(sizes) == entry["covered"]["n"] == 400
    # The promise is for each class, not for each group: the harder group gets less of it.
    women, men = women["classes"][0]["covered_positive"], men["classes"][0]["covered_positive"]
    assert men["ci"][1] < 0.9 < women["ci"][0]
    assert "The same by sex" in (tmp_path / "report/report.html").read_text(encoding="utf-8")
