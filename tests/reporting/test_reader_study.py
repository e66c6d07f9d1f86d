"""The report of `readers`: what it says agrees with the document, whatever readers say and are called."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest

from medcli.choices import Adjudication
from medcli.config import ReadersConfig
from medcli.stages import readers
from tests.reporting.test_report import Page

HOSTILE = "=cmd {{7*7}}<script>alert(1)</script>\x1b[31m"
NAMES = ["A", "B", HOSTILE]


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def report(folder, rows, **options):
    config = ReadersConfig(sources=(write(folder / "r.csv", rows),), report=folder / "report", **options)
    document = readers.run(config)
    return Page((folder / "report/report.html").read_text(encoding="utf-8")), document


def words(page):
    return re.sub(r"\s+", " ", page.text)


CALLS = [
    ["id", "patient", "reader", "Edema"],
    *[[image, image, name, said] for name, calls in zip(NAMES, ("110000", "101000", "110001"), strict=True)
      for image, said in enumerate(calls)],
]  # fmt: skip
TRUTH = [["id", "Edema"], *[[image, truth] for image, truth in enumerate("110000")]]


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """Six images, worked by hand: image 0 all yes; 3 and 4 all no; 1, 2 and 5 differ."""
    folder = tmp_path_factory.mktemp("called")
    write(folder / "truth.csv", TRUTH)
    return folder, *report(folder, CALLS, truth=folder / "truth.csv", adjudicated=folder / "made.csv")


def test_disagreement_and_rates_worked_by_hand(called):
    _, page, document = called
    item = document["labels"][0]["agreement"][0]
    assert item["images"] == {"alike": 3, "split": 3, "fewer_than_two": 0, "all_yes": 1}
    assert item["split"]["estimate"] == 0.5
    each = document["labels"][0]["against_truth"]["each"]
    rates = [[entry[name]["estimate"] for name in ("sensitivity", "specificity")] for entry in each]
    assert rates == [[1, 1], [0.5, 0.75], [1, 0.75]]
    means = document["labels"][0]["against_truth"]["figures"]
    assert means["sensitivity"]["means"][0]["mean"]["estimate"] == pytest.approx(2.5 / 3)
    text = words(page)
    assert "Readers call 33 to 50 of 100 images positive and differ on 50 (19 to 81) of 100" in text
    assert "the mean reader would find 83 (" in text
    assert "3 readers: fewer than 5 say little about others" in text


def test_the_page_is_whole_and_names_stay_text(called):
    folder, page, document = called
    html = (folder / "report/report.html").read_text(encoding="utf-8")
    assert page.open == []
    assert "<script" not in html
    assert "{{7*7}}&lt;script&gt;" in html
    assert "\x1b" not in html
    anchors = [a["href"].removeprefix("#") for a in page.all("a")]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert set(anchors) - {"main"} == {
        "reader_summary",
        "reached",
        "agreement",
        "adjudication",
        "methods",
        "numbers",
    }
    assert set(anchors) <= set(ids)
    assert len(page.all("caption")) == len(page.all("table"))
    alts = [image["alt"] for image in page.all("img")]
    assert len(alts) == 3
    assert any("Images that readers read differently: Edema 3 of 6." in alt for alt in alts)
    assert any("Fleiss' kappa: Edema 0." in alt and "called positive 0.33 to 0.50" in alt for alt in alts)
    assert any("A sensitivity 1.000, specificity 1.000" in re.sub(r"\s+", " ", alt) for alt in alts)
    names = {path.name for path in (folder / "report").iterdir()}
    assert {"agreement.svg", "disagreement.png", "reader_points.svg", "methods.md", "tables"} <= names
    assert "\n=cmd" not in (folder / "report/tables/numbers.csv").read_text(encoding="utf-8")
    assert document["adjudicated"]["labels"][0]["n_open"] == 0


def test_every_number_stands_once_in_the_long_table(called):
    folder, *_ = called
    rows = list(csv.DictReader((folder / "report/tables/numbers.csv").open(encoding="utf-8", newline="")))
    whose = [(row["of"], row["measure"]) for row in rows]
    assert len(set(whose)) == len(whose)
    assert ("Edema / B", "Sensitivity") in whose
    assert ("Edema", "Sensitivity, mean reader") in whose
    methods = (folder / "report/methods.md").read_text(encoding="utf-8")
    assert "3 readers read 6 images of 6 patients; intervals are 95 %." in methods
    assert "One truth was made by rule: what most readers say" in methods
    assert "Obuchowski NA, Rockette HE" in methods


def test_the_same_readings_give_the_same_report(called, tmp_path):
    folder, _, document = called
    shuffled = [CALLS[0], *CALLS[:0:-1]]
    write(tmp_path / "truth.csv", TRUTH)
    _, again = report(tmp_path, CALLS, truth=tmp_path / "truth.csv", adjudicated=tmp_path / "made.csv")
    assert again == document
    for path in (folder / "report").rglob("*.*"):
        other = tmp_path / "report" / path.relative_to(folder / "report")
        assert other.read_bytes() == path.read_bytes()
    assert report(tmp_path, shuffled)[1]["readers"] == NAMES[::-1]


def test_arms_and_grades_and_what_is_undefined(tmp_path):
    generator = np.random.default_rng(3)
    truth = generator.integers(0, 2, size=40)
    said = [
        [image, name, arm, int(np.clip(round(2 + share * truth[image] + generator.normal()), 1, 5)), 1]
        for name in "AB"
        for arm, share in (("alone", 0.5), ("helped", 2))
        for image in range(40)
    ]
    write(tmp_path / "truth.csv", [["id", "Nodule", "Mass"], *[[i, truth[i], 0] for i in range(40)]])
    rows = [["id", "reader", "arm", "Nodule", "Mass"], *said]
    page, document = report(tmp_path, rows, arm="arm", truth=tmp_path / "truth.csv")
    text = words(page)
    nodule, mass = document["labels"]
    difference = nodule["against_truth"]["figures"]["auc"]["differences"][0]
    assert f"AUC, alone less helped: {difference['difference']['estimate']:.3f}".replace("-", "−") in text
    assert "In arm helped, readers differ on" in text
    reason = mass["against_truth"]["reason"]
    assert f"What readers reach cannot be told: {reason}." in text
    assert {"reader_areas.svg", "arm_differences.svg"} <= {p.name for p in (tmp_path / "report").iterdir()}


def test_one_reader_and_measurements_have_a_report_too(tmp_path):
    one = [["id", "reader", "value"], *[[i, "A", i % 2] for i in range(6)]]
    assert "One reader: nothing can be said of agreement." in words(report(tmp_path, one)[0])
    measured = [
        ["id", "reader", "value"],
        *[[i, name, i + 0.1 * k] for k, name in enumerate("AB") for i in range(9)],
    ]
    page, document = report(tmp_path, measured, rule=Adjudication.majority)
    assert "split" not in document["labels"][0]["agreement"][0]
    assert "Readers agree by ICC(2,1)" in words(page)
