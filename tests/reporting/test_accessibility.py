"""Every page can be read without colour, without a mouse and on paper: WCAG 2.2, on what is written."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest

import medcli.reporting
from medcli.config import CompareConfig, EvaluateConfig, LabelPolicy, ReadersConfig
from medcli.reporting import figures
from medcli.reporting.drawings import readers as reader_drawings
from medcli.reporting.drawings import roc_overlay, sweep
from medcli.stages import compare, evaluate, readers

LABELS = ["A", "B", "C", "D", "E", "F"]
DECORATIVE = {figures.LIGHT, "#ffffff"}
TEMPLATES = Path(medcli.reporting.__file__).parent / "templates"


def luminance(colour: str) -> float:
    """Relative luminance of `#rgb` or `#rrggbb` (WCAG 2.2, definitions)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_by_its_published_examples():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.005)


def colours(css: str, name: str) -> set[str]:
    """Of every declaration `name`, but for boxes that hold no text."""
    variables = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})", css))
    found = set()
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", css):
        if ".track" in selector or "img" in selector:
            continue
        for value in re.findall(rf"(?:^|[;\s]){name}: ([^;]+?)(?:;|\s*$)", body):
            known = re.sub(r"var\(--(\w+)\)", lambda match: variables[match[1]], value)
            found |= set(re.findall(r"#[0-9a-f]{3,6}", known))
    return found


@pytest.mark.parametrize("sheets", [("report.css",), ("report.css", "ingest.css")], ids=["report", "ingest"])
def test_every_text_colour_stands_out_from_every_background(sheets):
    css = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in sheets)
    texts, grounds = colours(css, "color"), colours(css, "background")
    assert len(texts) >= 4
    assert len(grounds) >= 3
    low = {pair: contrast(*pair) for pair in product(texts, grounds) if contrast(*pair) < 4.5}
    assert not low


def test_lines_differ_by_dashes_and_marks_also():
    for lines in (
        [dashes for _, dashes in roc_overlay.LINES],
        [style for *_, style in sweep.LINES],
        [marker for marker, _ in reader_drawings._ARMS],
    ):
        assert len(set(lines)) == len(lines)


class Page(HTMLParser):
    """Elements in order: (tag, attributes, the tags around it)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in {"img", "meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, *tags):
        return [attributes for tag, attributes, _ in self.elements if tag in tags]


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The reports of evaluate with every chapter that tables can have, of compare and of readers."""
    folder = tmp_path_factory.mktemp("pages")
    generator = np.random.default_rng(11)
    truth = (generator.random((90, 6)) < 0.4).astype(int)
    truth[:, 5] = 0
    header = ["id", "patient", "sex", *(f"{kind}:{name}" for name in LABELS for kind in ("target", "score"))]
    for model in ("one", "two"):
        scores = np.clip(0.3 + 0.4 * truth + 0.3 * generator.normal(size=truth.shape), 0, 1).round(4)
        values = np.stack([truth, scores], axis=2).reshape(90, -1)
        rows = [[i, f"p{i // 2}", "FM"[i // 2 % 2], *values[i]] for i in range(90)]
        write(folder / f"{model}.csv", header, rows)
    calls = (2 * truth - 1 + generator.normal(size=(3, 90, 6)) > 0).astype(int)
    said = [[i, name, *calls[r, i]] for r, name in enumerate("XYZ") for i in range(90)]
    table = write(folder / "readers.csv", ["id", "reader", *LABELS], said)
    write(folder / "truth.csv", ["id", *LABELS], [[i, *truth[i]] for i in range(90)])
    (folder / "key").write_text("ab" * 32)
    evaluate.run(
        EvaluateConfig(
            source=str(folder / "one.csv"),
            report=folder / "evaluation",
            key_file=folder / "key",
            subgroup=("sex",),
            readers=(table,),
            decision_range="0.1,0.5",
            plan="auc=0.8,prevalence=0.4",
            require=("auc>=0.5",),
            label_policy=LabelPolicy.sweep,
            resamples=100,
        )
    )
    sources = tuple(str(folder / f"{model}.csv") for model in ("one", "two"))
    compare.run(
        CompareConfig(
            sources=sources, report=folder / "comparison", key_file=folder / "key", by="sex", resamples=100
        )
    )
    readers.run(
        ReadersConfig(
            sources=(table,),
            truth=folder / "truth.csv",
            adjudicated=folder / "made.csv",
            report=folder / "readings",
        )
    )
    return folder


@pytest.fixture(params=["evaluation", "comparison", "readings"])
def page(request, folder):
    return Page((folder / request.param / "report.html").read_text(encoding="utf-8"))


def test_landmarks_language_and_the_way_past_the_links(page):
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]
    assert [len(page.all(tag)) for tag in ("header", "main", "footer", "nav")] == [1, 1, 1, 1]
    assert page.all("nav")[0]["aria-label"]
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    links = [link["href"] for link in page.all("a")]
    assert links[0] == "#main"
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert {section["aria-labelledby"] for section in page.all("section")} <= set(ids)


def test_headings_do_not_skip_a_level(page):
    levels = [int(tag[1]) for tag, *_ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_a_caption_first_and_heads_with_their_scope(page):
    tags = [tag for tag, *_ in page.elements]
    assert page.all("table")
    assert all(after == "caption" for before, after in pairwise(tags) if before == "table")
    assert all(cell.get("scope") in {"row", "col"} for cell in page.all("th"))
    assert all(cell.get("data-label") for cell in page.all("td"))


def test_figures_tell_their_finding(page):
    alts = [image["alt"] for image in page.all("img")]
    assert len(alts) >= 7
    assert [alt for alt in alts if not re.search(r"\d|undefined|no positive|needs", alt)] == []


def test_what_is_folded_is_opened_by_keys(page):
    tags = [tag for tag, *_ in page.elements]
    assert "details" in tags
    assert all(after == "summary" for before, after in pairwise(tags) if before == "details")
    assert not any("tabindex" in attributes for _, attributes, _ in page.elements)


@pytest.mark.parametrize("name", ["evaluation", "readings"])
def test_what_is_not_printed_is_in_a_file(folder, name):
    html = (folder / name / "report.html").read_text(encoding="utf-8")
    notes = re.findall(
        r'<p class="note paper">[^<]*<code>([^<]+)</code>\.</p>\n<details class="screen">', html
    )
    assert notes
    assert all((folder / name / note).is_file() for note in notes)
    numbers = html.partition('<h2 id="numbers">')[0]
    assert numbers.count('<details class="screen">') == len(notes)


def test_every_line_of_every_figure_stands_out(folder):
    drawn = sorted(folder.glob("*/*.svg"))
    assert len(drawn) > 15
    for path in drawn:
        text = path.read_text(encoding="utf-8")
        faint = {
            colour: contrast(colour, "#ffffff")
            for colour in set(re.findall(r"stroke: (#[0-9a-f]{6})", text)) - DECORATIVE
            if contrast(colour, "#ffffff") < 3
        }
        assert not faint, path.name
