"""Readers against a model: oracles, laws, real radiologists, and tables that are refused."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from medcli.config import EvaluateConfig, Part
from medcli.errors import DataError, InputError, UsageError
from medcli.reporting.methods import method_words
from medcli.reporting.sources import METHODS
from medcli.stages import evaluate
from medcli.stages._predictions import load_source, open_predictions
from medcli.stages._readers import readers_section
from medcli.stages._scoring import score
from tests.metrics import chexpert
from tests.metrics.oracles import expected, numbers, table
from tests.realdata import real_data

NAMES = ("A", "B", "C", "D", "E")


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def run(tmp_path, key_file, scores, *readers, **options):
    """The section, without figures and files."""
    config = EvaluateConfig(
        source=scores, report=tmp_path / "report", key_file=key_file, readers=readers, **options
    )
    manifest = load_source(scores, config, part=config.part.value)
    predictions = open_predictions(manifest.predictions[config.part.value])
    return readers_section(config, predictions, score(predictions, manifest)[0])[0]


def draw(n=240, *, seed=0, readers=5):
    """Truth, scores of a model, and calls of readers, about as good as each other; four images a patient."""
    generator = np.random.default_rng(seed)
    truth = (generator.random(n) < 0.4).astype(int)
    scores = 1 / (1 + np.exp(-(2 * truth - 1 + generator.normal(size=n))))
    calls = (2 * truth - 1 + generator.normal(size=(readers, n)) > 0).astype(int)
    return truth, scores, calls


def tables(tmp_path, truth, scores, calls, *, names=NAMES, order=None):
    """A table of scores, and one long table of readers, in any order of rows."""
    rows = [
        [f"i{i}", f"p{i // 4}", t, repr(float(s))] for i, (t, s) in enumerate(zip(truth, scores, strict=True))
    ]
    source = write(tmp_path / "scores.csv", [["id", "patient", "target", "score"], *rows])
    said = [
        [f"i{i}", name, call[i]] for name, call in zip(names, calls, strict=False) for i in range(len(truth))
    ]
    said = said if order is None else [said[i] for i in order]
    return source, write(tmp_path / "readers.csv", [["id", "reader", "value"], *said])


def by_name(section):
    return {entry["reader"]: entry for entry in section["classes"][0]["readers"]}


def difference(section, figure, column=0):
    return section["classes"][column]["against_mean"][figure]


@pytest.mark.parametrize("case", ["13_mrmc_vandyke", "15_mrmc_synthetic"])
def test_readers_and_their_mean_are_those_of_mrmcaov(case, tmp_path, key):
    data, wanted = table(case), expected(case)
    arm = sorted(set(data["arm"]))[0]
    rows = [i for i, name in enumerate(data["arm"]) if name == arm]
    ids = sorted({data["case"][i] for i in rows})
    truth = {data["case"][i]: data["truth"][i] for i in rows}
    model = dict(zip(ids, np.random.default_rng(0).random(len(ids)), strict=True))
    scores = write(tmp_path / "s.csv", [["id", "target", "score"], *([i, truth[i], model[i]] for i in ids)])
    rated = write(
        tmp_path / "r.csv",
        [
            ["case", "reader", "value"],
            *([data["case"][i], data["reader"][i], data["rating"][i]] for i in rows),
        ],
    )
    text = (tmp_path / "r.csv").read_text().replace("case,", "id,", 1)
    (tmp_path / "r.csv").write_text(text)
    section = run(tmp_path, key, scores, rated)
    areas = {item["reader"]: item["auc"] for item in wanted["per_reader_auc"] if item["arm"] == arm}
    assert {name: entry["auc"]["estimate"] for name, entry in by_name(section).items()} == pytest.approx(
        areas
    )
    mean, theirs = (
        section["classes"][0]["mean_reader"]["auc"],
        wanted["MRMCaov"]["RRRC_delong"]["test_means"][arm],
    )
    assert mean["estimate"] == pytest.approx(theirs["Estimate"], rel=1e-9)
    assert mean["se"] == pytest.approx(theirs["StdErr"], rel=1e-9)
    assert mean["ci"] == pytest.approx(theirs["CI"], rel=1e-8)
    found = difference(section, "auc")
    assert found["values"][1] == pytest.approx(theirs["Estimate"], rel=1e-9)
    assert found["estimate"] == pytest.approx(found["values"][0] - found["values"][1], abs=1e-12)


def test_calls_of_readers_are_those_of_mrmcaov(tmp_path, key):
    data, wanted = table("15_mrmc_synthetic"), expected("15_mrmc_synthetic")["MRMCaov"]
    model = table("15_mrmc_synthetic", "ai.csv")
    rows = [i for i, name in enumerate(data["arm"]) if name == "unaided"]
    scores = write(
        tmp_path / "s.csv",
        [["id", "target", "score"], *zip(model["case"], model["truth"], model["ai_prob"], strict=True)],
    )
    said = [[data["case"][i], data["reader"][i], data["recall"][i]] for i in rows]
    readers = write(tmp_path / "r.csv", [["id", "reader", "value"], *said])
    config = EvaluateConfig(source=scores, report=tmp_path / "report", key_file=key, readers=(readers,))
    section = evaluate.run(config).evaluation["readers"]
    for kind in ("sensitivity", "specificity"):
        theirs = wanted[f"{kind}_binary_jackknife"]["test_means"]["unaided"]
        mean = section["classes"][0]["mean_reader"][kind]
        assert [mean["estimate"], mean["se"]] == pytest.approx(
            [theirs["Estimate"], theirs["StdErr"]], rel=1e-9
        )
        assert mean["ci"] == pytest.approx(theirs["CI"], rel=1e-8)
    # The model's sensitivity at each reader's specificity, counted by hand.
    truth, prob = numbers(model["truth"]), numbers(model["ai_prob"])
    calls = {
        name: np.array([float(r[2]) for r in said if r[1] == name]) for name in sorted({r[1] for r in said})
    }
    for name, entry in by_name(section).items():
        allowed = np.sum(calls[name][truth == 0])
        best = max(
            np.mean(prob[truth == 1] >= t)
            for t in [np.inf, *prob]
            if np.sum(prob[truth == 0] >= t) <= allowed
        )
        own = entry["differences"]["sensitivity_at_reader"]["values"]
        assert own == pytest.approx([best, np.mean(calls[name][truth == 1])], abs=1e-12)


def test_every_number_says_how_it_was_made(tmp_path, key):
    truth, scores, calls = draw(n=80)
    grades = calls + np.random.default_rng(3).integers(0, 3, size=calls.shape)
    once = np.arange(len(truth))
    for said, rows in ((calls, once), (grades, once), (grades / 3, once), (calls, once[::4])):
        chosen = truth[rows], scores[rows], said[:, rows]
        section = run(tmp_path, key, *tables(tmp_path, *chosen), positive_from=1)
        said_of = set(method_words(section))
        assert [text for text in said_of if not any(item.words in text for item in METHODS)] == []


def test_order_of_rows_and_of_readers_changes_nothing(tmp_path, key):
    truth, scores, calls = draw()
    first = run(tmp_path, key, *tables(tmp_path, truth, scores, calls))
    shuffled = np.random.default_rng(1).permutation(5 * len(truth))
    again = run(tmp_path, key, *tables(tmp_path, truth, scores, calls, order=shuffled))
    for figure in first["classes"][0]["against_mean"]:
        one, other = difference(first, figure), difference(again, figure)
        assert other["ci"] == pytest.approx(one["ci"], abs=1e-12)
        assert other["judged"]["verdict"] == one["judged"]["verdict"]
    assert by_name(again).keys() == by_name(first).keys()
    alpha = [item["classes"][0]["agreement"]["fleiss"]["estimate"] for item in (first, again)]
    assert alpha[0] == pytest.approx(alpha[1], abs=1e-12)


def test_a_reader_who_calls_as_the_model_does_differs_in_nothing(tmp_path, key):
    truth, scores, calls = draw(readers=2)
    calls = np.vstack([calls, scores >= 0.5, scores >= 0.5]).astype(int)
    section = run(tmp_path, key, *tables(tmp_path, truth, scores, calls))
    for name in ("C", "D"):
        for figure, value in by_name(section)[name]["differences"].items():
            # At his specificity the model is as sensitive; at his sensitivity its threshold may lie higher.
            is_higher = figure == "specificity_at_reader"
            assert value["estimate"] == pytest.approx(0, abs=0.02 if is_higher else 1e-12), figure
            assert value["estimate"] >= 0
            assert value["ci"] is None or value["ci"][0] <= 0 <= value["ci"][1]
    pairs = {item["reader"]: item["cohen"] for item in section["classes"][0]["agreement"]["pairs"]}
    assert pairs["C and D"]["estimate"] == 1
    assert pairs["C and D"]["ci"] is None


def test_a_perfect_model_is_superior_and_its_reverse_inferior(tmp_path, key):
    truth, _, calls = draw(n=400)
    clear = truth * 0.8 + 0.1
    for scores, verdict in ((clear, "superior"), (1 - clear, "inferior")):
        section = run(tmp_path, key, *tables(tmp_path, truth, scores, calls), margin=0.05)
        for figure in ("sensitivity_at_reader", "specificity_at_reader", "balanced_accuracy"):
            found = difference(section, figure)
            assert found["judged"]["verdict"] == found["holm"]["verdict"] == verdict, figure


def test_a_margin_is_needed_for_equivalence_and_must_be_above_zero(tmp_path, key):
    truth, scores, calls = draw(n=600)
    sources = tables(tmp_path, truth, scores, calls)
    without = difference(run(tmp_path, key, *sources), "balanced_accuracy")["judged"]
    assert without["margin"] is None
    assert {"equivalent", "non-inferior"}.isdisjoint(without["claims"])
    wide = difference(run(tmp_path, key, *sources, margin=0.3), "balanced_accuracy")["judged"]
    assert {"equivalent", "non-inferior"} <= set(wide["claims"])
    with pytest.raises(UsageError, match="the margin is 0"):
        run(tmp_path, key, *sources, margin=0.0)
    for option in (
        {"margin": 0.1},
        {"panel": ("A",)},
        {"positive_from": 2.0},
        {"margin": -1, "readers": sources[1:]},
    ):
        with pytest.raises(UsageError, match=r"goes with --readers|it must be above 0"):
            evaluate.run(EvaluateConfig(source=sources[0], report=tmp_path / "report", **option))
    assert not (tmp_path / "report").exists()


def test_intervals_count_patients(tmp_path, key):
    truth, scores, calls = draw()
    once = run(tmp_path, key, *tables(tmp_path, truth, scores, calls))
    four = [np.repeat(values, 4, axis=-1) for values in (truth, scores, calls)]
    # As many patients as before have images, each four times.
    rows = [
        [f"i{i}", f"p{i // 16}", t, repr(float(s))] for i, (t, s) in enumerate(zip(*four[:2], strict=True))
    ]
    source = write(tmp_path / "scores.csv", [["id", "patient", "target", "score"], *rows])
    said = [[f"i{i}", name, call[i]] for name, call in zip(NAMES, four[2], strict=True) for i in range(960)]
    again = run(tmp_path, key, source, write(tmp_path / "readers.csv", [["id", "reader", "value"], *said]))
    for figure in ("sensitivity", "specificity", "balanced_accuracy", "sensitivity_at_reader"):
        assert difference(again, figure)["ci"] == pytest.approx(difference(once, figure)["ci"], abs=1e-9), (
            figure
        )


def test_missing_readings_are_counted_and_compared_where_they_are(tmp_path, key):
    truth, scores, calls = draw()
    source, readers = tables(tmp_path, truth, scores, calls)
    rows = [line.split(",") for line in Path(readers).read_text().splitlines()]
    kept = [row for row in rows if row[1] != "B" or int(row[0][1:]) < 160]
    kept.append(["elsewhere", "B", "1"])
    section = run(tmp_path, key, source, write(tmp_path / "readers.csv", kept))
    entry = by_name(section)["B"]
    assert (entry["n"], entry["n_missing"], section["n_unmatched"], section["n_missing"]) == (160, 80, 1, 80)
    assert "1 images that were read are not among those judged: left out" in section["flags"]
    # What dropping by hand gives.
    few = tables(tmp_path, truth[:160], scores[:160], calls[1:2, :160], names=["B"])
    alone = by_name(run(tmp_path, key, *few))["B"]
    for figure in ("sensitivity", "specificity"):
        assert entry[figure]["ci"] == alone[figure]["ci"]
        assert entry["differences"][figure]["ci"] == alone["differences"][figure]["ci"]
    values = [item["differences"]["sensitivity_at_reader"]["values"] for item in (entry, alone)]
    assert values[0] == values[1]


def test_ratings_become_calls_from_a_grade_on(tmp_path, key):
    truth, scores, _ = draw()
    grades = np.clip(np.round(2 * truth + 2 + np.random.default_rng(2).normal(size=(5, len(truth)))), 1, 5)
    sources = tables(tmp_path, truth, scores, grades)
    rated = run(tmp_path, key, *sources)["classes"][0]
    assert rated["ratings"] == "ordinal"
    assert list(rated["against_mean"]) == ["auc"]
    assert {"krippendorff", "icc", "pairs"} <= rated["agreement"].keys()
    called = run(tmp_path, key, *sources, positive_from=3)["classes"][0]
    assert list(called["against_mean"])[:2] == ["auc", "sensitivity_at_reader"]
    sensitivity = np.mean(grades[0][truth == 1] >= 3)
    assert called["readers"][0]["sensitivity"]["estimate"] == pytest.approx(sensitivity)


def test_readings_that_name_classes(tmp_path, key):
    generator = np.random.default_rng(4)
    names = np.array(["mel", "nv", "bkl"])
    truth = generator.integers(3, size=90)
    scores = np.exp(generator.normal(size=(90, 3)) + 2 * np.eye(3)[truth])
    scores /= scores.sum(axis=1, keepdims=True)
    rows = [
        [f"i{i}", names[t], *map(repr, map(float, s))]
        for i, (t, s) in enumerate(zip(truth, scores, strict=True))
    ]
    source = write(tmp_path / "s.csv", [["id", "target", *(f"score:{name}" for name in names)], *rows])
    said = [
        [f"i{i}", reader, names[truth[i] if generator.random() < 0.7 else generator.integers(3)]]
        for reader in "AB"
        for i in range(90)
    ]
    section = run(tmp_path, key, source, write(tmp_path / "r.csv", [["id", "reader", "value"], *said]))
    assert [entry["class"] for entry in section["classes"]] == list(names)
    assert section["agreement"]["fleiss"]["n"] == 90
    first = section["classes"][0]["readers"][0]
    own = np.array([row[2] == "mel" for row in said[:90]])
    assert first["sensitivity"]["estimate"] == pytest.approx(np.mean(own[truth == 0]))
    wrong = write(tmp_path / "r.csv", [["id", "reader", "value"], ["i0", "A", "mole"], ["i1", "A", "nv"]])
    with pytest.raises(DataError, match="readers say 'mole'"):
        run(tmp_path, key, source, wrong)


def test_who_made_the_truth_is_compared_with_the_others(tmp_path, key):
    _, scores, calls = draw()
    truth = (calls.sum(axis=0) > 2).astype(int)
    sources = tables(tmp_path, truth, scores, calls)
    naive = run(tmp_path, key, *sources)
    assert any("they flatter themselves" in flag for flag in naive["flags"])
    fair = run(tmp_path, key, *sources, panel=("all",))
    assert not any("flatter" in flag for flag in fair["flags"])
    assert fair["panel"] == list(NAMES)
    for name, entry in by_name(fair).items():
        others = np.delete(calls, NAMES.index(name), axis=0).sum(axis=0)
        assert entry["n_tied"] == np.sum(others == 2)
        assert entry["n"] == np.sum(others != 2)
        assert entry["sensitivity"]["estimate"] == pytest.approx(
            np.mean(calls[NAMES.index(name)][others > 2])
        )
        assert entry["reference"] == "majority of the rest of the panel"
    with pytest.raises(UsageError, match="--panel names 'Z'"):
        run(tmp_path, key, *sources, panel=("Z",))
    with pytest.raises(UsageError, match="--panel needs three readers"):
        run(tmp_path, key, *sources, panel=("A", "B"))


def test_readers_in_the_records_are_those_of_a_table(tmp_path, key):
    truth, scores, calls = draw(n=120)
    source, readers = tables(tmp_path, truth, scores, calls)
    wanted = run(tmp_path, key, source, readers)
    config = EvaluateConfig(source=source, key_file=key, readers=("records",))
    predictions = open_predictions(load_source(source, config, part="test").predictions["test"])
    scored = score(predictions, load_source(source, config, part="test"))[0]
    with pytest.raises(DataError, match="the records hold no reading of any class"):
        readers_section(config, predictions, scored)
    for row, record in enumerate(predictions.records):
        record["readers"] = {
            name: {"positive": int(call[row]), "other": 1} for name, call in zip(NAMES, calls, strict=True)
        }
    found, digests = readers_section(config, predictions, scored)
    assert (found, digests) == (wanted, [])


def test_one_class_only_is_null_with_a_reason(tmp_path, key):
    _, scores, calls = draw(n=40)
    section = run(tmp_path, key, *tables(tmp_path, np.zeros(40, dtype=int), scores, calls))
    (entry,) = section["classes"]
    assert (entry["against_mean"], entry["main"]) == ({}, None)
    assert entry["reason"] == "needs positive and negative images of two patients each"
    assert entry["readers"][0]["sensitivity"]["reason"] == "no positive case"


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (
            [["id", "reader", "value"], ["x", "A", "1"]],
            DataError,
            "none of the 1 images that were read is among",
        ),
        ([["id", "reader", "Edema"], ["i0", "A", "1"]], UsageError, "no column holds readings"),
        (
            [["id", "reader", "value"], ["i0", "A", "1"], ["i0", "A", "0"]],
            DataError,
            "rows 1 and 2: reader 'A'",
        ),
        (
            [["id", "reader", "value"], ["i0", "A", "yes"]],
            DataError,
            "a reading is 'yes', which is no number",
        ),
        ([["name", "reader", "value"], ["i0", "A", "1"]], UsageError, "there is no column 'id'"),
    ],
)
def test_bad_tables_get_one_clear_line(rows, error, message, tmp_path, key):
    source, _ = tables(tmp_path, *draw(n=40))
    with pytest.raises(error) as refused:
        run(tmp_path, key, source, write(tmp_path / "r.csv", rows))
    assert refused.value.message.startswith(message)
    assert refused.value.where
    assert refused.value.hint


def test_a_folder_without_tables_and_a_missing_table(tmp_path, key):
    source, _ = tables(tmp_path, *draw(n=40))
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent.csv"):
        with pytest.raises(InputError):
            run(tmp_path, key, source, str(tmp_path / name))


@pytest.mark.realdata
def test_radiologists_of_chexpert(tmp_path, key):
    root = real_data("chexpert") / "test"
    options = {"truth": root / "groundtruth.csv", "key": "Study", "part": Part.all, "margin": 0.05}
    source = str(root / "predictions" / "hieupham_predictions.csv")
    section = run(tmp_path, key, source, str(root / "radiologists" / "groundtruth"), **options)
    kappas = {entry["class"]: entry["agreement"]["fleiss"]["estimate"] for entry in section["classes"]}
    wanted = dict(zip(chexpert.COMPETITION, [0.3813, 0.2487, 0.1933, 0.4215, 0.4748], strict=True))
    assert kappas == pytest.approx(wanted, abs=5e-5)
    assert any("the majority of these readers is the truth" in flag for flag in section["flags"])
    section = run(tmp_path, key, source, str(root / "radiologists" / "benchmark_radiologists"), **options)
    assert section["readers"] == ["bc4", "bc6", "bc8"]
    assert "3 readers: fewer than 5 say little about others" in section["flags"]
    verdicts = {
        entry["class"]: entry["against_mean"][entry["main"]]["holm"]["verdict"]
        for entry in section["classes"]
    }
    assert verdicts["Consolidation"] == "not shown to be non-inferior"
    assert "inferior" not in verdicts.values()


def test_a_verdict_that_hangs_on_the_resamples_says_so(tmp_path, key):
    truth, scores, calls = draw(n=400)
    sources = tables(tmp_path, truth, scores, calls)
    figure = "sensitivity_at_reader"
    found = difference(run(tmp_path, key, *sources, margin=0.1), figure)
    edge = min((found, found["these_readers"]), key=lambda value: value["ci"][0])["ci"][0]
    for margin, is_near in ((-edge + 1e-4, True), (-edge + 0.2, False)):
        section = run(tmp_path, key, *sources, margin=margin)
        assert any("sensitivity at reader not settled" in flag for flag in section["flags"]) == is_near
