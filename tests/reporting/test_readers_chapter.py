"""The chapter on readers: no claim beyond what was shown, names as text, one figure a class."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from medcli.config import EvaluateConfig
from medcli.reporting.chapters.readers import claims
from medcli.stages import evaluate
from tests.reporting.test_report import Page

HOSTILE = "=cmd {{7*7}}<script>alert(1)</script>\x1b[31m"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A good model, a poor one in the second label, and six readers, one of them with a hostile name."""
    folder = tmp_path_factory.mktemp("readers")
    generator = np.random.default_rng(5)
    truth = (generator.random((200, 2)) < 0.4).astype(int)
    scores = np.stack([truth[:, 0] * 0.8 + 0.1, generator.random(200)], axis=1)
    calls = (2 * truth - 1 + generator.normal(size=(6, 200, 2)) > 0).astype(int)
    (folder / "key").write_text("ab" * 32)
    header = ["id", "patient", "target:Edema", "score:Edema", "target:Nodule", "score:Nodule"]
    with (folder / "scores.csv").open("w", newline="") as file:
        rows = [[i, f"p{i // 2}", truth[i, 0], scores[i, 0], truth[i, 1], scores[i, 1]] for i in range(200)]
        csv.writer(file).writerows([header, *rows])
    with (folder / "readers.csv").open("w", newline="") as file:
        names = ["A", "B", "C", "D", "E", HOSTILE]
        said = [[i, name, *calls[r, i]] for r, name in enumerate(names) for i in range(200)]
        csv.writer(file).writerows([["id", "reader", "Edema", "Nodule"], *said])
    config = EvaluateConfig(
        source=str(folder / "scores.csv"),
        report=folder / "report",
        key_file=folder / "key",
        readers=(str(folder / "readers.csv"),),
        margin=0.05,
    )
    return folder / "report", evaluate.run(config).evaluation


def test_the_chapter_says_what_is_shown_and_no_more(done):
    sentences = claims(done[1]["readers"])
    assert sentences == [
        "Compared by sensitivity at the reader's specificity.",
        "In Edema the model is better than the mean reader.",
        "In Nodule the model is worse than the mean reader.",
        "The margin is 0.050; verdicts are after Holm's adjustment over 2 labels.",
    ]


def test_without_a_margin_or_a_difference_nothing_is_claimed(done):
    readers = {**done[1]["readers"], "margin": None}
    classes = [
        {
            **entry,
            "against_mean": {
                entry["main"]: {**entry["against_mean"][entry["main"]], "holm": {"verdict": "no claim"}}
            },
        }
        for entry in readers["classes"]
    ]
    text = " ".join(claims({**readers, "classes": classes}))
    assert "no difference is shown: that is no proof of equality" in text
    assert "equivalence was not tested" in text
    assert "better" not in text


def test_names_of_readers_stay_text(done):
    folder, evaluation = done
    html = (folder / "report.html").read_text()
    page = Page(html)
    assert page.open == []
    assert "<script" not in html
    assert "{{7*7}}&lt;script&gt;" in html
    assert "\x1b" not in html
    assert evaluation["readers"]["readers"][-1] == HOSTILE
    assert "\n=cmd" not in (folder / "tables/numbers.csv").read_text()
    figures = [image["alt"] for image in page.all("img") if "Readers:" in image["alt"]]
    forests = [image["alt"] for image in page.all("img") if "model less reader" in image["alt"]]
    assert [len(figures), len(forests)] == [2, 2]
    assert all("mean reader" in alt for alt in forests)


def test_the_table_is_that_of_the_section(done):
    folder, evaluation = done
    rows = list(csv.DictReader((folder / "tables/readers.csv").open()))
    wanted = [
        (entry["class"], figure, value["estimate"], value["holm"]["verdict"])
        for entry in evaluation["readers"]["classes"]
        for figure, value in entry["against_mean"].items()
    ]
    assert [
        (row["class"], row["figure"], float(row["difference"]), row["verdict_after_holm"]) for row in rows
    ] == wanted


def test_ratings_without_calls_have_a_chapter_too(tmp_path):
    generator = np.random.default_rng(7)
    truth = np.arange(60) % 2
    (tmp_path / "key").write_text("ab" * 32)
    for name, header, rows in (
        ("scores", ["id", "target", "score"], [[i, truth[i], generator.random()] for i in range(60)]),
        (
            "readers",
            ["id", "reader", "value"],
            [[i, r, round(truth[i] + generator.normal(), 3)] for r in "AB" for i in range(60)],
        ),
    ):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    config = EvaluateConfig(
        source=str(tmp_path / "scores.csv"),
        report=tmp_path / "report",
        key_file=tmp_path / "key",
        readers=(str(tmp_path / "readers.csv"),),
    )
    main = evaluate.run(config).evaluation["readers"]["classes"][0]["main"]
    page = Page((tmp_path / "report/report.html").read_text())
    assert main == "auc"
    assert "Compared by AUC." in page.text
    assert any("model less reader" in image["alt"] for image in page.all("img"))
