"""`evaluate --subgroup` on a table from any tool."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from medcli.config import EvaluateConfig
from medcli.errors import DataError, UsageError
from medcli.stages import evaluate

ASKED = ("sex,age:0-40-60-120", "device,sex*age")


def table(path: Path, *, seed: int = 1, order: int | None = None, num_patients: int = 300) -> Path:
    """Two images a patient with sex, age and device; some of unknown sex or age."""
    generator = np.random.default_rng(seed)
    rows = []
    for patient in range(num_patients):
        sex = generator.choice(["F", "M", ""], p=[0.48, 0.48, 0.04])
        age = "" if generator.random() < 0.03 else int(generator.integers(18, 100))
        for image in range(2):
            target = int(generator.random() < 0.4)
            score = 1 / (1 + np.exp(-(generator.normal() + 2 * target - 1)))
            device = generator.choice(["x1", "x2"])
            rows.append([f"{patient}-{image}", f"p{patient}", target, f"{score:.4f}", sex, age, device])
    if order is not None:
        rows = [rows[i] for i in np.random.default_rng(order).permutation(len(rows))]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "patient", "target", "score", "sex", "age", "device"], *rows])
    return path


def evaluated(path: Path, asked: tuple[str, ...] = ASKED) -> dict:
    config = EvaluateConfig(
        source=str(path),
        report=path.parent / "report",
        subgroup=asked,
        key_file=path.parent / "key",
        resamples=100,
    )
    section = evaluate.run(config).evaluation
    assert section is not None
    return section


@pytest.fixture(scope="module")
def section(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return evaluated(table(tmp_path_factory.mktemp("groups") / "scores.csv"))


def test_every_field_has_its_groups(section: dict) -> None:
    found = section["subgroups"]["fields"]
    assert [field["field"] for field in found] == ["sex", "age:0-40-60-120", "device", "sex*age"]
    assert [group["group"] for group in found[0]["groups"]] == ["F", "M", "unknown"]
    assert sum(group["n"] for group in found[1]["groups"]) == 600
    assert len(found[3]["groups"]) == 7
    # A patient has one sex, and images of both devices.
    assert found[0]["n_shared"] == 0
    assert found[2]["n_shared"] > 100
    assert "correlation" in found[2]["classes"][0]["gaps"]["auc"][0]["gap"]["method"]
    assert "correlation" not in found[0]["classes"][0]["gaps"]["auc"][0]["gap"]["method"]
    json.dumps(section, allow_nan=False)


def test_the_order_of_rows_changes_nothing(section: dict, tmp_path: Path) -> None:
    first = evaluated(table(tmp_path / "a.csv"))
    second = evaluated(table(tmp_path / "b.csv", order=3))
    assert first["subgroups"] == second["subgroups"]


def test_without_the_option_there_is_no_section(tmp_path: Path) -> None:
    assert "subgroups" not in evaluated(table(tmp_path / "scores.csv", num_patients=30), ())


def test_a_planted_gap_is_among_the_flags(section: dict, tmp_path: Path) -> None:
    assert not [flag for flag in section["flags"] if "differs by" in flag]
    path = table(tmp_path / "scores.csv")
    rows = list(csv.reader(path.open()))
    for row in rows[1:]:
        if row[4] == "M" and row[2] == "1":
            row[3] = f"{float(row[3]) / 4:.4f}"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    flags = [flag for flag in evaluated(path, ("sex,device",))["flags"] if "differs by" in flag]
    assert [flag.partition(" more than")[0] for flag in flags] == [
        "positive: auc differs by sex",
        "positive: sensitivity differs by sex",
    ]
    assert flags[1].endswith("(F)")


def test_words_that_are_none_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "scores.csv", num_patients=30)
    with pytest.raises(UsageError, match="'age:40' is not FIELD"):
        evaluated(path, ("age:40",))
    with pytest.raises(DataError, match="no record has a field 'ward'; there are age, device, sex"):
        evaluated(path, ("ward",))
    assert not (tmp_path / "report" / "report.html").exists()
