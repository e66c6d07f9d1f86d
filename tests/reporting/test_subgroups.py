"""The chapter on groups: what it says, shows and hands to other programs."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from medcli.metrics.group_differences import FAMILY, adjust_for_all
from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings
from medcli.metrics.subgroups import compare_groups
from medcli.reporting.chapters.subgroups import CHAPTER
from medcli.reporting.csv_tables import as_csv
from medcli.reporting.methods import method_words
from medcli.reporting.sources import METHODS
from medcli.reporting.templating import environment
from medcli.reporting.words import field_words, group_words
from medcli.stages._subgroups import group_flags

HOSTILE = "<b>mass</b>"


def section(*, shift: float, num_classes: int = 1, seed: int = 3) -> dict:
    """Two images a patient; positives of men score lower by `shift`."""
    generator = np.random.default_rng(seed)
    n = 600
    sex = np.repeat(generator.integers(2, size=n // 2), 2)
    targets = (generator.random((n, num_classes)) < 0.4).astype(float)
    line = generator.normal(size=(n, num_classes)) + targets * (2 - shift * sex[:, None])
    p = 1 / (1 + np.exp(-line))
    names = [HOSTILE, *(f"class {k}" for k in range(1, num_classes))]
    scored = Scored(names, False, targets, p, p, None, [{"threshold": 0.7}] * num_classes, np.arange(n) // 2)
    fields = []
    for field, codes, groups in (
        ("sex", sex, ["F", "M"]),
        ("age:0-40-80", np.arange(n) % 3, ["[0, 40)", "[40, 80)", "unknown"]),
    ):
        listed = {"unknown": "the value is unknown: listed, not tested"}
        found = compare_groups(
            scored, codes, groups, listed=listed, settings=Settings(0.95, 15, 1, resamples=199)
        )
        fields.append({"field": field, **found})
    adjust_for_all(fields)
    whole = [{"class": name, **fields[0]["classes"][k]["groups"][0]} for k, name in enumerate(names)]
    groups = {"family": FAMILY, "fewest": 10, "permutations": 199, "fields": fields}
    return {"n": n, "level": 0.95, "unit": "patient", "classes": whole, "subgroups": groups}


def page(document: dict) -> str:
    figures = {
        name: {"columns": 1, "on_paper": 1, "width": 20, "panels": []} for name in CHAPTER.figures(document)
    }
    template = environment().get_template("subgroups.html.j2")
    return template.render(section=document, figures=figures, **CHAPTER.words(document))


def test_differences_are_told_in_plain_words() -> None:
    alike, apart = section(shift=0), section(shift=1.5)
    said = CHAPTER.words(alike)["fields"][0]
    assert said["verdict"] == (
        "The differences between these groups are compatible with chance: none of 3 comparisons (AUC, "
        "sensitivity and specificity) goes beyond it."
    )
    assert len(said["sentences"]) == 3
    assert "in women" in said["sentences"][0]
    assert "is compatible with chance (p" in said["sentences"][0]
    said = CHAPTER.words(apart)["fields"][0]
    assert said["verdict"].startswith("2 of 3 comparisons")
    assert "in men and" in said["sentences"][1]
    assert "is larger than chance makes (p 0.010 after Holm" in said["sentences"][1]


def test_with_many_classes_only_what_differs_is_told() -> None:
    said = CHAPTER.words(section(shift=0, num_classes=6))["fields"][1]
    assert said["sentences"] == []
    assert "none of 18 comparisons (AUC, sensitivity and specificity of 6 classes)" in said["verdict"]


def test_the_page_shows_every_group_and_escapes_names() -> None:
    document = section(shift=1.5)
    text = page(document)
    assert HOSTILE not in text
    assert "&lt;b&gt;mass&lt;/b&gt;, women" in text
    assert "40 to under 80" in text
    assert "the value is unknown: listed, not tested" in text
    assert "100 patients in several groups." in text
    assert "Equalised odds: the largest gap" in text


def test_the_table_holds_every_measure_of_every_group() -> None:
    document = section(shift=1.5)
    rows = list(csv.DictReader(io.StringIO(as_csv(CHAPTER.tables(document)["subgroups"]).decode())))
    wanted = document["subgroups"]["fields"][0]["classes"][0]
    measures = {name for name, value in wanted["groups"][0].items() if isinstance(value, dict)}
    assert measures > {"auc", "average_precision", "f1", "mcc", "ece", "log_loss"}
    assert sorted(r["measure"] for r in rows) == sorted([*measures] * 5)
    row = next(r for r in rows if (r["group"], r["measure"]) == ("M", "sensitivity"))
    assert float(row["estimate"]) == wanted["groups"][1]["sensitivity"]["estimate"]
    other = next(r for r in rows if (r["group"], r["measure"]) == ("F", "sensitivity"))
    gap = next(r for r in (row, other) if r["reference"])
    assert float(gap["gap_low"]) == wanted["gaps"]["sensitivity"][0]["gap"]["ci"][0]
    assert float(gap["permutation_p_holm"]) == wanted["worst"]["sensitivity"]["test"]["p_holm"]
    assert {r["tested"] for r in rows if r["group"] == "unknown"} == {"false"}


def test_forest_plots_tell_their_numbers() -> None:
    drawn = CHAPTER.figures(section(shift=0, num_classes=2))
    assert list(drawn) == [
        "subgroups-auc",
        "subgroups-sensitivity",
        "subgroups-specificity",
        "subgroups-standardised-net-benefit",
        "subgroups-observed-to-expected",
    ]
    panel = drawn["subgroups-auc"].panels[1]
    assert [row["label"] for row in panel["rows"]] == [
        *("Sex", "women", "men"),
        *("Age", "0 to under 40", "40 to under 80", "unknown"),
    ]
    assert panel["alt"].startswith("AUC of class 1 by group: women 0.")


def test_every_method_has_a_source() -> None:
    said = set(method_words(section(shift=1)["subgroups"]))
    assert any("permutation of patients" in text for text in said)
    unnamed = {text for text in said if not any(method.words in text for method in METHODS)}
    assert unnamed <= {"Wald, perfect calibration"}


@pytest.mark.parametrize(
    ("field", "group", "words"),
    [
        ("sex", "F", "women"),
        ("view", "F", "F"),
        ("age:0-40-60", "[40, 60)", "40 to under 60"),
        ("sex*age", "M & [0, 17.5)", "men, 0 to under 17.5"),
        ("sex*age", "unknown", "unknown"),
        ("maker", "A & B\n", "A & B\\x0a"),
    ],
)
def test_groups_in_words(field: str, group: str, words: str) -> None:
    assert group_words(field, group) == words


def test_fields_in_words() -> None:
    assert [field_words(name) for name in ("sex", "age:0-40", "sex*age:0-40")] == [
        "Sex",
        "Age",
        "Sex and age",
    ]


def test_gaps_of_accuracy_are_told_when_chance_does_not_make_them() -> None:
    right = np.concatenate([np.ones(95), np.zeros(5), np.ones(60), np.zeros(40)]) == 1
    p = np.where(right[:, None], [0.7, 0.3], [0.3, 0.7])
    targets = np.tile([1.0, 0.0], (200, 1))
    scored = Scored(["nv", "mel"], True, targets, p, p, None, [{"threshold": 0.5}] * 2, np.arange(200))
    codes, settings = np.repeat([0, 1], 100), Settings(0.95, 15, 1, resamples=100)
    field = {"field": "sex", **compare_groups(scored, codes, ["F", "M"], listed={}, settings=settings)}
    adjust_for_all([field])
    document = {**section(shift=0), "n": 200}
    document["subgroups"] = {**document["subgroups"], "fields": [field]}
    (said,) = CHAPTER.words(document)["fields"]
    # Newcombe's method 10: 0.35 less and more the hypotenuses of the distances to Wilson's limits.
    assert said["sentences"] == [
        "The most likely class is right in 0.600 (0.502 to 0.691) of men and 0.950 (0.888 to 0.978) of "
        "women. The difference of −0.350 (−0.452 to −0.240) is larger than chance makes (p <0.001 after "
        "Holm)."
    ]
    assert group_flags({"fields": [field]}, level=0.95) == [
        "most likely class: accuracy differs by sex more than chance makes it: 0.600 (M) to 0.950 (F)"
    ]
