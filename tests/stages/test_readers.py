"""Readers without a model: agreement, one truth that can be read back, and arms against MRMCaov."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from medcli.choices import Adjudication, AreaCovariance, Part
from medcli.config import EvaluateConfig, ReadersConfig
from medcli.errors import DataError, UsageError
from medcli.reporting.reader_tables import readers_text
from medcli.stages import readers
from medcli.stages._predictions import load_source, open_predictions
from medcli.store.results_schema import check_results
from tests.cli.run import medcli
from tests.metrics import chexpert
from tests.metrics.oracles import expected, table
from tests.realdata import real_data


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def run(*sources, **options):
    document = readers.run(ReadersConfig(sources=sources, **options))
    check_results(json.loads(json.dumps(document)))
    return document


def study(tmp_path, case, column):
    """A published or synthetic study of several arms as two tables: readings, and truth."""
    data = table(case)
    said = zip(*(data[name] for name in ("case", "reader", "arm", column)), strict=True)
    truth = dict(zip(data["case"], data["truth"], strict=True))
    readings = write(tmp_path / "study.csv", [["id", "reader", "arm", "value"], *said])
    write(tmp_path / "truth.csv", [["id", "target"], *truth.items()])
    return readings, tmp_path / "truth.csv"


def check(value, wanted):
    assert [value["estimate"], value["se"]] == pytest.approx([wanted["Estimate"], wanted["StdErr"]], rel=1e-9)
    assert value["ci"] == pytest.approx(wanted["CI"], rel=1e-8)


@pytest.mark.parametrize("case", ["13_mrmc_vandyke", "15_mrmc_synthetic"])
@pytest.mark.parametrize(
    ("figure", "column", "name"),
    [
        ("auc", "rating", "RRRC_delong"),
        ("auc", "rating", "RRRC_jackknife"),
        ("auc", "rating", "RRRC_unbiased"),
        ("sensitivity", "recall", "sensitivity_binary_jackknife"),
        ("specificity", "recall", "specificity_binary_jackknife"),
    ],
)
def test_arms_are_compared_as_mrmcaov_does(case, figure, column, name, tmp_path):
    source, truth = study(tmp_path, case, column)
    covariance = AreaCovariance(name.removeprefix("RRRC_") if figure == "auc" else "delong")
    document = run(source, truth=truth, arm="arm", covariance=covariance)
    found = document["labels"][0]["against_truth"]["figures"][figure]
    wanted = expected(case)["MRMCaov"][name]
    for item in found["means"]:
        check(item["mean"], wanted["test_means"][item["arm"]])
    (item,), (theirs,) = found["differences"], wanted["test_diffs"]
    check(item["difference"], theirs)
    assert item["difference"]["test"]["p"] == pytest.approx(theirs["p-value"], rel=1e-8)
    assert item["name"].replace(" less ", " - ") == theirs["Comparison"]
    assert found["test"]["statistic"] == pytest.approx(wanted["test_equality"][0]["F"], rel=1e-8)
    assert ("one_shot" in item) == (name == "RRRC_unbiased")
    if name == "RRRC_unbiased":
        *alone, both = expected(case)["iMRMC"]["ustat"]
        assert item["one_shot"]["df"] == pytest.approx(both["dfBDG.diff"], rel=1e-8)
        assert [mean["one_shot"]["df"] for mean in found["means"]] == pytest.approx(
            [row["dfBDG"] for row in alone], rel=1e-8
        )
    if name == "RRRC_jackknife":
        check(item["these_readers"], expected(case)["MRMCaov"]["fixed_readers_jackknife"]["test_diffs"][0])
        check(item["these_cases"], expected(case)["MRMCaov"]["fixed_cases"]["test_diffs"][0])


def test_readers_of_one_arm_only_are_left_out(tmp_path):
    _, truth = study(tmp_path, "15_mrmc_synthetic", "rating")
    rows = [row for row in read(tmp_path / "study.csv") if row[1:3] != ["R2", "aided"]]
    document = run(write(tmp_path / "study.csv", rows), truth=truth, arm="arm")
    assert document["readers"] == ["R1", "R3", "R4", "R5"]
    alone = [row for row in rows if row[2] in ("arm", "aided")]
    single = run(write(tmp_path / "study.csv", alone), truth=truth, arm="arm")["labels"][0]["against_truth"]
    means = document["labels"][0]["against_truth"]["figures"]["auc"]["means"]
    assert single["figures"]["auc"]["means"][0]["mean"]["ci"] == pytest.approx(means[0]["mean"]["ci"])


def test_other_covariances_need_every_reading_and_one_case_a_patient(tmp_path):
    source, truth = study(tmp_path, "15_mrmc_synthetic", "rating")
    rows = read(tmp_path / "study.csv")
    paired = [[*row, "patient" if k == 0 else f"p{int(row[0][1:]) // 2}"] for k, row in enumerate(rows)]
    for covariance, table_rows, message in (
        ("jackknife", rows[:-1], "covariances by jackknife need every reading"),
        ("unbiased", paired, "unbiased covariances need one case a patient"),
    ):
        source = write(tmp_path / "study.csv", table_rows)
        with pytest.raises(DataError, match=message):
            run(source, truth=truth, arm="arm", covariance=AreaCovariance(covariance))
        assert run(source, truth=truth, arm="arm")["labels"][0]["against_truth"]["reason"] is None


READINGS = [
    ["id", "patient", "reader", "Edema", "Nodule"],
    *[["a", "p", name, said, 1] for name, said in zip("ABCD", (1, 1, 0, 0), strict=True)],
    *[["b", "p", name, said, 0] for name, said in zip("ABCD", (1, 1, 1, 0), strict=True)],
    *[["c", "q", name, said, 0] for name, said in zip("ABCD", (0, 0, 0, 0), strict=True)],
    *[["d", "r", name, said, ""] for name, said in zip("ABCD", (1, "", "", 1), strict=True)],
]


@pytest.mark.parametrize(
    ("rule", "adjudicator", "wanted"),
    [
        ("majority", None, {"a": "", "b": "1", "c": "0", "d": "1"}),
        ("any", None, {"a": "1", "b": "1", "c": "0", "d": "1"}),
        ("all", None, {"a": "0", "b": "0", "c": "0", "d": ""}),
        ("adjudicator", "D", {"a": "0", "b": "1", "c": "0", "d": "1"}),
    ],
)
def test_rules_worked_by_hand(rule, adjudicator, wanted, tmp_path):
    path = tmp_path / "truth.csv"
    document = run(
        write(tmp_path / "r.csv", READINGS),
        rule=Adjudication(rule),
        adjudicator=adjudicator,
        adjudicated=path,
    )
    rows = read(path)
    assert {row[0]: row[1] for row in rows[1:]} == wanted
    assert [row[2] for row in rows[1:]] == ["1", "0", "0", ""]
    edema = document["adjudicated"]["labels"][0]
    assert edema["n_open"] == sum(value == "" for value in wanted.values())
    if edema["n_open"]:
        assert rows[0] == ["id", "Edema", "Nodule", "open"]
        assert [row[0] for row in rows if row[3] == "Edema"] == [k for k, v in wanted.items() if v == ""]
    assert document["n_clusters"] == 3


def test_dawid_and_skene_weigh_readers_by_how_they_err(tmp_path):
    generator = np.random.default_rng(0)
    truth = generator.random(400) < 0.3
    right = np.array([0.95, 0.95, 0.6, 0.6, 0.6])
    calls = np.where(generator.random((5, 400)) < right[:, None], truth, ~truth).astype(int)
    rows = [[i, f"R{r}", calls[r, i]] for r in range(5) for i in range(400)]
    source = write(tmp_path / "r.csv", [["id", "reader", "value"], *rows])
    errors = {}
    for rule in ("majority", "dawid-skene"):
        document = run(source, rule=Adjudication(rule), adjudicated=tmp_path / "truth.csv")
        found = np.array([row[1] for row in read(tmp_path / "truth.csv")[1:]])
        errors[rule] = np.mean(found != truth.astype(int).astype(str))
    assert errors["dawid-skene"] < 0.6 * errors["majority"]
    confusion = np.array(document["adjudicated"]["labels"][0]["confusion"])
    assert confusion[:2, 1, 1].min() > 0.85
    assert confusion[2:, 1, 1].max() < 0.75


def targets(tmp_path, source, **options):
    """What evaluate takes for the truth of a table of scores."""
    (tmp_path / "key").write_text("ab" * 32)
    config = EvaluateConfig(source=source, truth=tmp_path / "truth.csv", key_file=tmp_path / "key", **options)
    manifest = load_source(source, config, part=config.part.value)
    return open_predictions(manifest.predictions[config.part.value])


def test_names_of_classes_become_a_truth_that_evaluate_reads(tmp_path):
    generator = np.random.default_rng(1)
    names = np.array(["mel", "nv", "bkl"])
    said = [[i, reader, names[(i + (generator.random() < 0.2)) % 3]] for reader in "ABC" for i in range(60)]
    source = write(tmp_path / "r.csv", [["id", "reader", "value"], *said])
    document = run(source, adjudicated=tmp_path / "truth.csv")
    assert document["labels"][0]["ratings"] == "nominal"
    scores = [["id", "mel", "nv", "bkl"], *([i, *np.eye(3)[i % 3] * 0.7 + 0.1] for i in range(60))]
    found = targets(tmp_path, write(tmp_path / "scores.csv", scores))
    votes = np.array([[row[2] for row in said if row[0] == i] for i in range(60)])
    wanted = [[np.sum(row == name) >= 2 for name in found.classes] for row in votes]
    assert np.array_equal(np.nan_to_num(found.targets), wanted)


def test_grades_have_weighted_kappa_and_become_calls(tmp_path):
    generator = np.random.default_rng(2)
    true = generator.integers(1, 6, size=80)
    rows = [
        [i, reader, int(np.clip(true[i] + generator.integers(-1, 2), 1, 5))]
        for reader in "ABC"
        for i in range(80)
    ]
    source = write(tmp_path / "r.csv", [["id", "reader", "value"], *rows])
    graded = run(source)["labels"][0]
    assert graded["ratings"] == "ordinal"
    assert "quadratic" in graded["agreement"][0]["pairs"][0]["cohen"]["method"]
    assert graded["agreement"][0]["icc"]["estimate"] > 0.7
    called = run(source, positive_from=4)["labels"][0]
    assert called["ratings"] == "binary"
    numbers = [[row[0], row[1], row[2] + 0.5] for row in rows]
    with pytest.raises(DataError, match="these readings are numbers, which have no majority"):
        run(
            write(tmp_path / "r.csv", [["id", "reader", "value"], *numbers]),
            adjudicated=tmp_path / "truth.csv",
        )


def test_one_truth_of_grades_and_of_names(tmp_path):
    """Grades are counted as what they are, and neither of two names is a yes."""
    path = tmp_path / "truth.csv"
    grades = [["id", "reader:A", "reader:B", "reader:C"], ["a", 4, 4, 2], ["b", 2, 2, 2], ["c", 3, 2, 3]]
    source = write(tmp_path / "grades.csv", grades)
    (label,) = run(source, adjudicated=path)["adjudicated"]["labels"]
    assert read(path)[1:] == [["a", "4"], ["b", "2"], ["c", "3"]]
    assert (label["categories"], label["n_positive"]) == (["2", "3", "4"], None)
    weighed = run(source, adjudicated=path, rule=Adjudication.dawid_skene)["adjudicated"]["labels"][0]
    assert len(weighed["prevalence"]) == 3
    assert np.shape(weighed["confusion"]) == (3, 3, 3)
    names = write(
        tmp_path / "names.csv", [["id", "reader:A", "reader:B"], ["a", "nv", "mel"], ["b", "nv", "nv"]]
    )
    two = write(tmp_path / "two.csv", [["id", "reader:A", "reader:B"], ["a", 1, 2], ["b", 2, 2]])
    for table_of_two in (names, two):
        with pytest.raises(UsageError, match="the rule any is for calls of yes and no"):
            run(table_of_two, adjudicated=path, rule=Adjudication.any)


def test_rows_and_readers_in_any_order_agree_as_much(tmp_path):
    generator = np.random.default_rng(6)
    rows = [[i, f"p{i // 3}", name, int(generator.random() < 0.4)] for name in "ABCD" for i in range(60)]
    results = []
    for order in (range(240), generator.permutation(240)):
        shuffled = [["id", "patient", "reader", "value"], *(rows[k] for k in order)]
        results.append(run(write(tmp_path / "r.csv", shuffled))["labels"][0]["agreement"][0])
    one, other = results
    for name in ("fleiss", "conger", "gwet_ac1", "brennan_prediger", "krippendorff"):
        assert other[name]["estimate"] == pytest.approx(one[name]["estimate"], abs=1e-12)
        assert other[name]["ci"] == pytest.approx(one[name]["ci"], abs=1e-12)


def test_options_that_do_not_fit(tmp_path):
    source = write(tmp_path / "r.csv", READINGS)
    out = tmp_path / "truth.csv"
    for message, options in {
        "--arm compares arms by a truth": {"arm": "reader"},
        "the rule adjudicator needs": {"rule": Adjudication.adjudicator, "adjudicated": out},
        "--adjudicator is 'Z'": {"adjudicator": "Z", "adjudicated": out},
        "there is no column 'when'": {"arm": "when", "truth": tmp_path / "t.csv"},
    }.items():
        with pytest.raises(UsageError, match=message):
            run(source, **options)
    assert not out.exists()


def test_the_command_prints_words_and_writes_json(tmp_path):
    write(tmp_path / "r.csv", [[cell if cell != "A" else "=A\x1b[1m" for cell in row] for row in READINGS])
    done = medcli("readers", "r.csv", "-o", "out.json", "--adjudicated", "truth.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["medcli"] == "readers/1"
    assert document["readers"][0] == "=A\x1b[1m"
    assert "\x1b" not in done.stderr
    assert "truth by majority" in done.stderr
    assert max(map(len, readers_text(document).splitlines())) <= 80
    assert "r.csv" not in (tmp_path / "out.json").read_text()
    again = medcli("readers", "r.csv", "-o", "again.json", cwd=tmp_path)
    assert again.returncode == 0
    bad = medcli("readers", "r.csv", "--key", "Study", cwd=tmp_path)
    assert bad.returncode == 2
    assert bad.stderr.startswith("medcli readers: error: r.csv: there is no column 'Study'")


@pytest.mark.realdata
def test_the_truth_of_chexpert_is_made_again(tmp_path):
    root = real_data("chexpert") / "test"
    document = run(
        str(root / "radiologists" / "groundtruth"), key="Study", adjudicated=tmp_path / "truth.csv"
    )
    made = {row["Study"]: row for row in csv.DictReader((tmp_path / "truth.csv").open())}
    official = {row["Study"]: row for row in csv.DictReader((root / "groundtruth.csv").open())}
    assert made == official
    assert len(document["labels"]) == len(chexpert.LABELS) == 14
    kappas = {label["class"]: label["agreement"][0]["fleiss"]["estimate"] for label in document["labels"]}
    wanted = dict(zip(chexpert.COMPETITION, [0.3813, 0.2487, 0.1933, 0.4215, 0.4748], strict=True))
    assert {name: kappas[name] for name in wanted} == pytest.approx(wanted, abs=5e-5)
    source = str(root / "predictions" / "hieupham_predictions.csv")
    found = targets(tmp_path, source, key="Study", part=Part.all)
    assert np.array_equal(found.targets[:, found.classes.index("Edema")], chexpert.truth(["Edema"])[:, 0])
