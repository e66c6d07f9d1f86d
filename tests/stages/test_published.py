"""Published worked examples through the stages: tables in, the printed digits out."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from medcli.config import CompareConfig, EvaluateConfig, Part
from medcli.metrics.decision_curve import net_benefit
from medcli.stages import compare
from medcli.stages._decisions import decision_section
from medcli.stages._predictions import by_id, load_source, open_predictions, predictions_of
from medcli.stages._scoring import score


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def scored(path, rows):
    """A table of scores as `evaluate` counts it."""
    table = write(path, [("id", "target", "score"), *((i, *row) for i, row in enumerate(rows))])
    config = EvaluateConfig(source=table, part=Part.all, key_file=path.parent / "key")
    manifest = load_source(table, config, part="all")
    return score(by_id(open_predictions(predictions_of(manifest, "all"))), manifest)[0]


def crossed(*counts):
    """(target, call) of each image from hits, misses, false alarms and right rejections."""
    kinds = [(1, 1), (1, 0), (0, 1), (0, 0)]
    return [kind for kind, count in zip(kinds, counts, strict=True) for _ in range(count)]


# DeLong, DeLong & Clarke-Pearson, Biometrics 1988; 44:837: albumin, total protein, Krebs-Goplerud score (10
# is worst) and whether surgery helped, of the patients with ovarian cancer who have all three.
OVARIAN = """
30 58 10 0  32 63 5 1  39 68 3 1  28 48 6 0  32 58 3 1  9 40 5 0   25 57 8 0  16 56 5 1  38 57 5 1  37 67 6 1
32 54 4 1   38 66 6 1  41 66 5 1  36 57 5 1  43 70 4 1  36 67 4 0  23 44 6 1  42 76 4 0  40 66 6 0  35 58 6 1
38 68 7 1   30 47 8 0  45 74 5 1  37 74 5 1  31 66 6 1  41 82 6 1  43 70 5 1  43 65 4 1  32 51 5 1  26 47 6 1
33 68 6 0   17 40 7 0  37 61 5 1  33 63 7 1  42 77 6 1  35 62 5 1  29 57 9 0  21 48 7 1  28 62 8 0  40 70 7 1
33 57 6 1   37 69 5 1  36 66 5 1
"""


def test_ovarian_cancer_of_delong(tmp_path):
    """As SAS/STAT's guide prints it (PROC LOGISTIC, comparing receiver operating characteristic curves)."""
    albumin, protein, krebs, helped = np.array(OVARIAN.split(), dtype=int).reshape(-1, 4).T
    markers = {"albumin": albumin, "protein": protein, "krebs": 10 - krebs}
    tables = [
        write(
            tmp_path / f"{name}.csv",
            [("id", "target", "score"), *zip(range(43), helped, values, strict=True)],
        )
        for name, values in markers.items()
    ]
    config = CompareConfig(sources=tuple(tables), key_file=tmp_path / "key", resamples=100, jobs=1)
    (label,) = compare.run(config)["labels"]
    areas = [model["auc"] for model in label["models"]]
    assert [round(area["estimate"], 4) for area in areas] == [0.7366, 0.6478, 0.7258]
    assert [round(area["se"], 4) for area in areas] == [0.0927, 0.1000, 0.1028]
    assert label["global"]["statistic"] == pytest.approx(2.5340, abs=5e-5)
    assert (label["global"]["df"], round(label["global"]["p"], 4)) == (2, 0.2817)
    protein_less_krebs = label["pairs"][2]["measures"]["auc"]
    assert protein_less_krebs["estimate"] == pytest.approx(-0.0780, abs=5e-5)
    assert protein_less_krebs["se"] == pytest.approx(0.1046, abs=5e-5)
    assert protein_less_krebs["test"]["statistic"] ** 2 == pytest.approx(0.5554, abs=5e-5)
    assert protein_less_krebs["test"]["p"] == pytest.approx(0.4561, abs=5e-5)


def test_decision_curve_of_dcurves(tmp_path):
    """A marker from 0.25 on, and family history, of 750 men, 105 with cancer: tests of package dcurves."""
    marker = decision_section(scored(tmp_path / "m.csv", crossed(72, 33, 72, 573)), "0.05,0.35", level=0.95)
    curve = marker["classes"][0]["curve"]
    at = curve["thresholds"].index(0.25)
    assert curve["thresholds"] == [percent / 100 for percent in range(5, 36)]
    assert curve["model"][at] == pytest.approx(0.064, abs=1e-7)
    assert curve["everyone"][at] == pytest.approx(-0.1466667, abs=1e-7)
    family = decision_section(scored(tmp_path / "f.csv", crossed(24, 81, 91, 554)), "0.0001,0.25", level=0.95)
    assert family["classes"][0]["at_low"]["estimate"] == pytest.approx(0.032, abs=2e-5)
    avoided = decision_section(scored(tmp_path / "m.csv", crossed(72, 33, 72, 573)), "0.25,0.35", level=0.95)
    assert avoided["classes"][0]["at_low"]["avoided"] == pytest.approx(63.2, abs=1e-9)
    # Cases sampled by outcome, for a prevalence of 0.15.
    targets, calls = np.array(crossed(114, 306, 30, 300)).T
    stated = net_benefit(
        targets, calls.astype(float), np.arange(750), threshold=0.25, level=0.95, prevalence=0.15
    )
    assert stated["estimate"] == pytest.approx(0.01495671, abs=5e-9)
