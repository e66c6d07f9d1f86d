"""The report: one file, offline, escaped, readable without eyes; and the words and tables beside it."""

from __future__ import annotations

import base64
import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from medcli.config import CalibrateConfig, EvaluateConfig
from medcli.reporting.chapters import policies as policies_chapter
from medcli.reporting.chapters import requirements
from medcli.reporting.csv_tables import COLUMNS, as_csv, quantities
from medcli.reporting.drawings.reliability import draw_reliability
from medcli.reporting.drawings.roc import draw_roc
from medcli.reporting.figures import Drawing, render
from medcli.reporting.measure_tables import measure_table
from medcli.reporting.report import render_page
from medcli.reporting.tables import evaluation_table, text_table
from medcli.reporting.words import class_sentence, number, of_hundred, printable, rule_words, shorten
from medcli.stages import calibrate, evaluate
from medcli.store.atomic import write_bytes
from medcli.store.manifest import read_manifest, write_manifest
from medcli.store.references import reference
from tests.reporting.synthetic import LABELS, explained, multiclass, multilabel, study

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Page(HTMLParser):
    """Elements with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"img", "meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module", params=[multilabel, multiclass], ids=["labels", "classes"])
def done(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    manifest = calibrate.run(CalibrateConfig(source=str(study(folder, request.param))))
    gallery = folder / "gallery.png"
    classes = manifest.task["classes"][:2]
    manifest.explanation = explained(reference(gallery, write_bytes(gallery, DOT)), classes=classes)
    write_manifest(manifest, folder / "calibrated.json")
    manifest = evaluate.run(EvaluateConfig(source=str(folder / "calibrated.json"), report=folder / "report"))
    return (folder / "report" / "report.html").read_text(encoding="utf-8"), manifest


def test_page_is_well_formed_and_can_be_navigated(done):
    page = Page(done[0])
    assert page.open == []
    assert len(page.all("h1")) == 1
    assert page.all("html")[0]["lang"] == "en"
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    targets = [a["href"] for a in page.all("a")]
    assert targets
    assert {target.removeprefix("#") for target in targets} <= set(ids)
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(cell.get("scope") in {"row", "col"} for cell in page.all("th"))


def test_page_needs_nothing_else(done):
    html, _ = done
    page = Page(html)
    assert not page.all("script", "link", "iframe", "object", "embed", "form")
    for image in page.all("img"):
        assert image["src"].startswith("data:image/")
        assert len(image["alt"]) > 20
    assert not re.search(r"https?://|url\(|@import|//[a-z]", re.sub(r'src="data:[^"]*"', "", html))


def test_maps_are_judged_before_they_are_shown(done):
    html, manifest = done
    chapter = html.partition('id="heatmaps"')[2].partition("</section>")[0]
    first = manifest.evaluation["heatmaps"]["classes"][0]
    assert (
        chapter.index("more often than by chance") < chapter.index("<table") < chapter.index("data:image/png")
    )
    assert f"{first['iou']['estimate']:.3f}" in chapter
    assert "mean gain over the turned map" in chapter
    assert "12 of 40 images of the test part" in chapter


def test_figures_are_for_every_class(done):
    html, manifest = done
    page = Page(html)
    curves = [image for image in page.all("img") if "ROC curve of" in image["alt"]]
    assert len(curves) == len(manifest.evaluation["classes"])
    assert any(image["src"].startswith("data:image/png") for image in page.all("img"))
    first = base64.b64decode(curves[0]["src"].partition(",")[2])
    assert first.startswith(b"<?xml")
    assert b"<dc:date>" not in first


def test_hostile_names_stay_text(done):
    html, manifest = done
    if manifest.task_type != "multilabel":
        pytest.skip("its names are harmless")
    assert "<script" not in html
    assert "{{7*7}}&lt;script&gt;" in html
    assert "\x1b" not in html
    assert ">49" not in html
    assert "\x1b" not in evaluation_table(manifest.evaluation)


def test_plain_words_come_first_and_agree_with_the_numbers(done):
    html, manifest = done
    text = re.sub(r"\s+", " ", Page(html).text)
    entry = manifest.evaluation["classes"][0]
    assert "In plain words" in text
    assert text.index("In plain words") < text.index("Telling classes apart", 400)
    one = "patient" if manifest.task_type == "multiclass" else "image"
    assert f"would find {of_hundred(entry['sensitivity'])} of 100 {one}s with it" in text
    assert "At the threshold chosen on validation" in text
    assert f"160 images of {manifest.evaluation['n_clusters']} patients, clustered" in text or (
        manifest.task_type == "multiclass"
    )
    for quantity in (entry["auc"], entry["sensitivity"], entry["ece"]["after"]):
        assert number(quantity["estimate"]) in text
        assert number(quantity["baseline"]["estimate"]) in text
    assert "Label policy" in text
    assert "decode/truncated" in text


def test_no_record_is_named(done):
    html, manifest = done
    listed = {error["id"] for error in manifest.evaluation["errors"]}
    for record in manifest.records:
        assert (record["id"] in html) == (record["id"] in listed)
        assert record["patient"] not in html


@pytest.mark.parametrize("width", [60, 80, 120])
def test_table_fits_the_terminal(done, width):
    table = evaluation_table(done[1].evaluation, width=width)
    if width >= 80:
        assert max(map(len, table.splitlines())) <= width
    assert "chance" in table
    assert number(done[1].evaluation["classes"][0]["auc"]["estimate"], digits=2) in table


def test_a_long_name_gives_way_and_numbers_stay():
    lines = text_table(["class", " n"], [["a" * 50, "12"], ["b", "3"]], width=20).splitlines()
    assert lines == ["class" + " " * 14 + "n", "a" * 15 + "…  12", "b" + " " * 18 + "3"]


def test_same_panels_same_bytes_and_no_date():
    panel = {
        "title": "$x_1$ & <b>", "note": "AUC 0.9", "alt": "<b> & more", "point": (0.2, 0.9),
        "curve": {"false_rates": [0, 0.2, 1], "sensitivities": [0, 0.9, 1], "band": None},
    }  # fmt: skip
    drawn = render(Drawing(draw_roc, [panel] * 5))
    assert drawn == render(Drawing(draw_roc, [panel] * 5))
    assert drawn.panels[0] == drawn.panels[4]
    for data in (drawn.png, drawn.svg):
        assert b"Software" not in data
        assert b"matplotlib.org" not in data.lower()
        assert b"<dc:date>" not in data
    moved = render(Drawing(draw_roc, [{**panel, "point": (0.3, 0.9)}]))
    assert moved.panels[0] != drawn.panels[0]


def test_a_sheet_holds_all_panels_at_their_places():
    panel = {
        "title": "a", "note": "", "alt": "<i> & x", "point": None,
        "curve": {"false_rates": [0, 1], "sensitivities": [0, 1], "band": None},
    }  # fmt: skip
    drawn = render(Drawing(draw_roc, [panel] * 3, size=(5, 1.5)))
    sheet = ElementTree.fromstring(drawn.svg)
    assert sheet.attrib["viewBox"] == "0 0 720 216"
    inner = sheet.findall("{http://www.w3.org/2000/svg}svg")
    assert [(part.attrib["x"], part.attrib["y"]) for part in inner] == [
        ("0", "0"),
        ("360", "0"),
        ("0", "108"),
    ]
    pixels = np.asarray(Image.open(io.BytesIO(drawn.png)))
    assert pixels.shape == (2 * 225, 2 * 750, 3)
    assert (pixels[:225, :750] == pixels[:225, 750:]).all()
    assert (pixels[225:, 750:] == 255).all()


def test_undefined_panels_are_drawn_too():
    empty = {"title": "none", "note": "undefined", "before": [], "after": None, "alt": "none", "errors": {}}
    assert render(Drawing(draw_reliability, [empty])).panels
    empty = {**empty, "curve": None, "point": None}
    assert render(Drawing(draw_roc, [empty])).panels


def test_every_number_is_in_the_long_table(done):
    _, manifest = done
    files = manifest.evaluation["files"]
    text = Path(files["tables/numbers.csv"]["path"]).read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    found = list(quantities(manifest.evaluation))
    assert len(rows) == len(found) > 40
    assert tuple(rows[0]) == COLUMNS
    for row, (_, measure, value) in zip(rows, found, strict=True):
        assert row["measure"] == measure
        assert row["estimate"] == ("" if value["estimate"] is None else repr(value["estimate"]))
        assert row["method"] == value["method"]
    assert len({(row["of"], row["measure"]) for row in rows}) == len(rows)
    classes = {entry["class"] for entry in manifest.evaluation["classes"]}
    assert {row["of"] for row in rows} <= {"all", *classes, *(f"'{name}" for name in classes)}


def test_a_spreadsheet_runs_nothing_from_a_table():
    rows = [{"class": '=HYPERLINK("x")', "n": -1.5}, {"class": "@a", "n": None}, {"class": "a,b", "n": 2}]
    assert as_csv(rows).decode() == 'class,n\n"\'=HYPERLINK(""x"")",-1.5\n\'@a,\n"a,b",2\n'


def share(estimate, low=None, high=None, reason=None):
    return {"estimate": estimate, "ci": None if low is None else [low, high], "reason": reason}


def test_sentences():
    entry = {"sensitivity": share(0.92, 0.8, 0.97), "specificity": share(0.86, 0.7, 0.9)}
    assert class_sentence(entry) == (
        "would find 92 (80 to 97) of 100 images with it, and falsely flag 14 (10 to 30) of 100 without it."
    )
    entry["sensitivity"] = share(None, reason="no positive case")
    assert class_sentence(entry) == (
        "would falsely flag 14 (10 to 30) of 100 images without it; no positive case."
    )
    assert rule_words("sensitivity=0.9") == "sensitivity of at least 0.9, then the best specificity"
    assert rule_words("cost=10,1@0.02") == (
        "least cost at a prevalence of 0.02, a missed finding counting 10 and a false one 1"
    )
    assert rule_words("net-benefit=0.1") == "net benefit of acting at a risk of 0.1"
    assert rule_words("alerts=0.2") == "most calls among thresholds that call a share of at most 0.2"


def test_control_characters_are_shown_and_not_sent():
    assert printable("a\x1b[2Jb\nc\u202ed") == "a\\x1b[2Jb\\x0ac\\u202ed"
    assert printable("Pleural Effusion é 肺") == "Pleural Effusion é 肺"
    assert shorten("abcdef", width=4) == "abc…"


def test_gates_and_policies_have_chapters_of_their_own():
    name = "=<i>a</i>"
    auc = {**share(0.7, 0.6, 0.8), "method": "DeLong", "baseline": None, "flags": [], "n": 9, "n_clusters": 9}
    gate = {
        "gate": "auc>=0.8",
        "measure": "auc",
        "class": name,
        "value": 0.7,
        "is_met": False,
        "reason": None,
    }
    policies = [{"policy": policy, "classes": [{"class": name, "auc": auc}]} for policy in ("ones", "zeros")]
    document = {"level": 0.95, "unit": "patient", "requirements": [gate], "policies": policies}
    files = render_page((requirements.CHAPTER, policies_chapter.CHAPTER), document, title="<b>", lead="a")
    page = Page(files["report.html"].decode())
    text = re.sub(r"\s+", " ", page.text)
    assert page.open == []
    assert "1 of 1 check is not met." in text
    assert "=<i>a</i> auc>=0.8 0.700 no" in text
    assert text.count("0.600 to 0.800") == 2
    assert b"'=<i>a</i>,0.7" in files["tables/requirements.csv"]
    without = render_page((requirements.CHAPTER,), {"level": 0.95}, title="a", lead="b")
    assert set(without) == {"report.html", "tables/numbers.csv"}


def test_a_table_of_measures_holds_what_is_there():
    before, after = {"estimate": 0.2, "method": "m"}, {"estimate": 0.1, "method": "m"}
    rows = [
        ("a", {"ece": {"before": before, "after": after}, "auc": None}),
        ("b", {"ece": {"before": before, "after": None}}),
        ("c", {}),
    ]
    table = measure_table(rows, ("auc", "ece", "mcc"), caption="all")
    assert table["columns"] == ["ECE"]
    assert table["rows"] == [("a", [after]), ("b", [before]), ("c", [None])]
    assert measure_table(rows, ("mcc",), caption="none") is None


def test_report_of_a_manifest_that_was_read_again(done, tmp_path):
    write_manifest(done[1], tmp_path / "again.json")
    manifest = evaluate.run(EvaluateConfig(source=str(tmp_path / "again.json"), report=tmp_path / "report"))
    assert manifest.evaluation["classes"] == done[1].evaluation["classes"]
    assert read_manifest(str(tmp_path / "again.json")).evaluation == done[1].evaluation


def test_the_report_tells_how_probabilities_were_made(tmp_path):
    options = {"coverage": 0.8, "prevalence_shift": (f"{LABELS[0]}=0.05",)}
    manifest = calibrate.run(CalibrateConfig(source=str(study(tmp_path, multilabel)), **options))
    write_manifest(manifest, tmp_path / "calibrated.json")
    told = evaluate.run(EvaluateConfig(source=str(tmp_path / "calibrated.json"), report=tmp_path / "report"))
    assert any("calibrated for no other: Atelectasis 5 %" in flag for flag in told.evaluation["flags"])
    text = " ".join(Page((tmp_path / "report/report.html").read_text(encoding="utf-8")).text.split())
    for entry in manifest.calibration["comparison"][:2]:
        assert f"{entry['class']}: {entry['why']}." in text
    assert "moved to another prevalence" in text
    assert "Atelectasis from" in text
    assert manifest.calibration["prediction_sets"]["promise"] in text
    assert "Expected" in text
    methods = (tmp_path / "report/methods.md").read_text(encoding="utf-8")
    assert "moved to another prevalence (Atelectasis 0.05), as given, by Bayes' rule on the odds [" in methods
    assert (
        "Prediction sets for a coverage of 80 % were made class by class, each patient counting once"
        in methods
    )
    rows = list(csv.DictReader((tmp_path / "report/tables/calibrators.csv").open(encoding="utf-8")))
    assert {row["method"] for row in rows if row["class"] == "Atelectasis"} == {
        *("none", "bias-temperature", "temperature", "platt", "beta", "isotonic"),
    }
    assert [row["method"] for row in rows if row["wins"] == "1"] == [
        entry["winner"] for entry in manifest.calibration["comparison"][:2]
    ]
