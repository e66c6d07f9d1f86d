"""Anyone's predictions through the real command, with no other file; bad ones get one clear line."""

from __future__ import annotations

import csv
import json
import os

import numpy as np
import pytest
from scipy.special import expit, softmax

from medcli.config import EvaluateConfig
from medcli.metrics.roc import auc
from medcli.metrics.summary import summarize
from medcli.stages._predictions import by_id, load_source, open_predictions
from medcli.stages._scoring import score
from medcli.stages._settings import measure_settings
from tests.cli.run import medcli


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def evaluated(folder, name, *options):
    done = medcli(
        "evaluate",
        name,
        "report",
        "-o",
        "out.json",
        "--key-file",
        "key",
        "--resamples",
        "100",
        *options,
        cwd=folder,
    )
    section = (
        json.loads((folder / "out.json").read_text())["evaluation"]
        if (folder / "out.json").exists()
        else None
    )
    return done, section


def test_a_table_written_by_hand_and_a_gate(tmp_path):
    rows = [("id", "patient", "target", "score")]
    rows += [
        (i, f"p{i % 17}", int(i % 3 == 0), round(0.3 * (i % 3 == 0) + 0.02 * (i % 30), 3)) for i in range(60)
    ]
    write(tmp_path / "hand.csv", rows)
    gates = ("--require", "auroc>=0.99@ci_low", "--require", "auroc>0.5", "--require", "mcc:positive<=1")
    done, section = evaluated(tmp_path, "hand.csv", *gates, "--prevalence", "0.02")
    assert done.returncode == 4
    low = section["classes"][0]["auc"]["ci"][0]
    lines = [line for line in done.stderr.splitlines() if "not met" in line]
    assert lines == [f"medcli evaluate: auroc>=0.99@ci_low is not met: positive: it is {low:.6g}"]
    assert [item["is_met"] for item in section["requirements"]] == [False, True, True]
    assert (tmp_path / "report" / "report.html").exists()
    targets, scores = ([float(row[column]) for row in rows[1:]] for column in (2, 3))
    entry = section["classes"][0]
    assert entry["auc"]["estimate"] == pytest.approx(auc(np.array(targets), np.array(scores)))
    assert entry["n_clusters"] == 17
    se, sp = entry["sensitivity"]["estimate"], entry["specificity"]["estimate"]
    assert entry["ppv_at_prevalence"]["estimate"] == pytest.approx(0.02 * se / (0.02 * se + 0.98 * (1 - sp)))


def measured(folder, name, **options):
    """The numbers alone, without a report."""
    config = EvaluateConfig(key_file=folder / "key", resamples=100, **options)
    manifest = load_source(str(folder / name), config, part="test")
    predictions = by_id(open_predictions(manifest.predictions["test"]))
    chosen = measure_settings(config, classes=predictions.classes, part="test")
    return summarize(score(predictions, manifest)[0], chosen)


def test_rows_in_another_order_give_the_same_numbers(tmp_path):
    (tmp_path / "key").write_text("ab" * 32)
    generator = np.random.default_rng(0)
    rows = [
        (i, f"p{i % 25}", int(t), f"{s:.4f}")
        for i, (t, s) in enumerate(zip(generator.random(50) < 0.4, generator.random(50), strict=True))
    ]
    write(tmp_path / "one.csv", [("id", "patient", "target", "score"), *rows])
    write(tmp_path / "other.csv", [("id", "patient", "target", "score"), *rows[::-1]])
    assert measured(tmp_path, "one.csv") == measured(tmp_path, "other.csv")


def test_predict_proba_and_torch_logits_say_the_same(tmp_path):
    """A table as `predict_proba` gives it, and the logits it came from, as a torch model gives them."""
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 3, 90)
    logits = (generator.normal(size=(90, 3)) + 1.5 * np.eye(3)[labels]).round(6)
    names = ["mel", "nv", "bkl"]
    for name, values in (("proba.csv", softmax(logits, axis=1)), ("logits.csv", logits)):
        rows = [
            [i, names[t], *map(repr, map(float, row))]
            for i, (t, row) in enumerate(zip(labels, values, strict=True))
        ]
        write(tmp_path / name, [("id", "target", *names), *rows])
    logit = evaluated(tmp_path, "logits.csv", "--scores", "logit")[1]
    proba = measured(tmp_path, "proba.csv")
    assert proba["overall"]["accuracy"]["estimate"] == np.mean(logits.argmax(axis=1) == labels)
    for name in ("hand_till", "weighted_auc", "mcc", "kappa", "macro_f1"):
        assert logit["overall"][name]["estimate"] == pytest.approx(
            proba["overall"][name]["estimate"], rel=1e-6
        )
    for name in ("ece", "ece_classwise", "brier", "log_loss"):
        pair = [section["overall"][name]["before"]["estimate"] for section in (logit, proba)]
        assert pair[0] == pytest.approx(pair[1], rel=1e-4), name


HEADER = ("id", "target", "score")


@pytest.mark.parametrize(
    ("rows", "status", "words"),
    [
        ([("a", 1, 0.9), ("b", 0, "high")], 65, "row 2: the score in column 'score' is 'high', not a number"),
        ([("a", 1, 0.9), ("a", 0, 0.1)], 65, "rows 1 and 2 have the same key in column 'id'"),
        ([("a", 1, 0.9), ("", 0, 0.1)], 65, "row 2 has no key in column 'id'"),
        ([("a", 1, 0.9), ("b", 0, "nan")], 65, "must be finite"),
        ([("a", "maybe", 0.9)], 65, "not 1, 0, -1 or blank"),
    ],
    ids=["text", "doubled", "keyless", "nan", "label"],
)
def test_bad_tables_get_one_line(tmp_path, rows, status, words):
    write(tmp_path / "bad.csv", [HEADER, *rows])
    done, _ = evaluated(tmp_path, "bad.csv")
    assert done.returncode == status
    lines = [line for line in done.stderr.splitlines() if not line.startswith("  hint")]
    assert len(lines) == 1
    assert "bad.csv" in lines[0]
    assert words in lines[0]
    assert not (tmp_path / "report").exists() or not list((tmp_path / "report").iterdir())


def test_what_cannot_be_known_is_null_with_a_reason(tmp_path):
    """a class that never occurs, one that always does, one without any truth, and a plain one."""
    generator = np.random.default_rng(5)
    plain = generator.random(40) < 0.5
    truth = {"never": [0] * 40, "always": [1] * 40, "unknown": [""] * 40, "plain": plain.astype(int)}
    columns = [f"target:{name}" for name in truth] + [f"score:{name}" for name in truth]
    scores = expit(generator.normal(size=(40, 4)))
    rows = [[i, *(values[i] for values in truth.values()), *map(float, scores[i])] for i in range(40)]
    write(tmp_path / "odd.csv", [("id", *columns), *rows])
    done, section = evaluated(tmp_path, "odd.csv", "--require", "auc:never>0.1")
    assert done.returncode == 4
    assert "auc:never>0.1 is not met: never: undefined: no positive case" in done.stderr
    found = {entry["class"]: entry["auc"] for entry in section["classes"]}
    reasons = {name: value["reason"] for name, value in found.items() if value["estimate"] is None}
    assert reasons == {"never": "no positive case", "always": "no negative case", "unknown": "no known label"}
    assert section["overall"]["macro_auc"]["classes"] == ["plain"]


def test_ranks_above_one_are_refused_for_calibration_by_name_and_value(tmp_path):
    rows = [(i, i % 2, 0.1 * i) for i in range(29)]
    write(tmp_path / "ranks.csv", [HEADER, *rows])
    done, section = evaluated(tmp_path, "ranks.csv", "--require", "brier<0.5")
    entry = section["classes"][0]
    assert entry["auc"]["estimate"] is not None
    assert "the furthest is 2.8 of 'positive' in row 29" in entry["brier"]["before"]["reason"]
    assert "brier<0.5 is not met: positive: undefined: the scores are ranks" in done.stderr


def test_unknown_measures_labels_and_shares_are_usage_errors(tmp_path):
    write(tmp_path / "t.csv", [HEADER, ("a", 1, 0.9), ("b", 0, 0.2)])
    for option, value in (("--require", "auroz>1"), ("--require", "auc:Mass>0.5"), ("--prevalence", "1.5")):
        done, _ = evaluated(tmp_path, "t.csv", option, value)
        assert done.returncode == 2
        assert value in done.stderr


def test_a_table_from_a_pipe_is_refused_and_not_waited_for(tmp_path):
    write(tmp_path / "t.csv", [HEADER, ("a", 1, 0.9)])
    os.mkfifo(tmp_path / "pipe.csv")
    for line in (("pipe.csv",), ("--truth", "pipe.csv", "t.csv"), ("--truth", "/dev/null", "t.csv")):
        done = medcli("evaluate", *line, "report", cwd=tmp_path)
        assert done.returncode == 66
        assert "it is a pipe or a device, and a table is read more than once" in done.stderr


def test_a_table_without_its_ending_is_told_what_tables_are_called(tmp_path):
    write(tmp_path / "t.txt", [HEADER, ("a", 1, 0.9)])
    for line, stdin in (("t.txt", b""), ("-", b"id,target,score\na,1,0.9\n")):
        done = medcli("evaluate", line, "report", cwd=tmp_path, stdin=stdin)
        assert done.returncode == 65
        assert "tables are files called .csv or .tsv" in done.stderr.splitlines()[1]


def test_declared_columns_stay_declared_from_calibrate_to_evaluate(tmp_path):
    rows = [(i, i % 2, round(0.1 + 0.3 * (i % 2) + 0.05 * (i % 11), 2)) for i in range(80)]
    names = ("--target", "y_true", "--score", "y_prob")
    for part, kept in (("val", rows[:40]), ("test", rows[40:])):
        write(tmp_path / f"{part}.csv", [("id", "target", "score"), *kept])
        write(tmp_path / f"{part}-other.csv", [("id", "y_true", "y_prob"), *kept])
    found = []
    for suffix, options in (("", ()), ("-other", names)):
        line = (
            "calibrate",
            "--part",
            "val",
            *options,
            f"val{suffix}.csv",
            "-o",
            "c.json",
            "--key-file",
            "key",
        )
        done = medcli(*line, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        # What val holds is read again, to tell whether prevalences differ.
        done, section = evaluated(tmp_path, f"test{suffix}.csv", "--calibration", "c.json", *options)
        assert done.returncode == 0, done.stderr
        found.append((section["classes"], section["optimism"], section["flags"]))
    assert found[0] == found[1]


@pytest.mark.parametrize("column", ["patient_id", "PatientID", "Subject", "MRN"])
def test_a_column_of_patients_that_is_not_read_is_told(column, tmp_path):
    rows = [(i, i // 4, i % 2, round(0.1 + 0.3 * (i % 2) + 0.05 * (i % 11), 2)) for i in range(60)]
    write(tmp_path / "t.csv", [("id", column, "target", "score"), *rows])
    words = f"there is a column {column!r}: --patient {column} counts patients, not images"
    lines = {
        "evaluate": ("evaluate", "t.csv", "report", "-o", "o.json", "--resamples", "100"),
        "compare": ("compare", "t.csv", "t.csv", "-o", "o.json", "--resamples", "100"),
        "calibrate": ("calibrate", "--part", "val", "--method", "platt", "t.csv", "-o", "o.json"),
    }
    for name in lines if column == "patient_id" else ("calibrate",):
        # Lines are folded: words are looked for without their breaks.
        told, silent = (
            " ".join(medcli(*lines[name], *options, cwd=tmp_path).stderr.split())
            for options in ((), ("--patient", column))
        )
        assert words in told, name
        assert words not in silent, name


def test_ages_of_patients_are_no_column_of_patients(tmp_path):
    rows = [(i, i, i % 2, round(0.1 + 0.3 * (i % 2) + 0.05 * (i % 11), 2)) for i in range(60)]
    write(tmp_path / "t.csv", [("id", "patient_age", "target", "score"), *rows])
    done = medcli("calibrate", "--part", "val", "--method", "platt", "t.csv", "-o", "o.json", cwd=tmp_path)
    assert "patients are not known" not in done.stderr


@pytest.mark.parametrize(("declared", "is_told"), [("auto", True), ("rank", False)])
def test_ranks_that_may_be_logits_are_told_how_to_declare_them(declared, is_told, tmp_path):
    rows = [(i, "abc"[i % 3], i % 3 + 0.1, -1.5 * (i % 5), 0.3 * (i % 7)) for i in range(60)]
    write(tmp_path / "t.csv", [("id", "target", "a", "b", "c"), *rows])
    done = evaluated(tmp_path, "t.csv", "--scores", declared)[0]
    assert ("--scores logit, if that is what they are" in done.stderr.replace("\n      ", " ")) is is_told


OVER_INPUTS = {
    "ingest": ("ingest", "--labels", "t.csv", ".", "-o", "t.csv"),
    "compare": ("compare", "a.csv", "b.csv", "-o", "b.csv"),
    "readers": ("readers", "said/", "-o", "said/one.csv"),
    "adjudicated": ("readers", "said/", "-o", "r.json", "--adjudicated", "said/one.csv"),
    "truth of readers": ("readers", "said/", "--truth", "t.csv", "-o", "t.csv"),
    "evaluate": ("evaluate", "a.csv", "report", "-o", "a.csv"),
    "readers of evaluate": ("evaluate", "a.csv", "report", "--readers", "said", "-o", "said/one.csv"),
    "calibration": ("evaluate", "a.csv", "report", "--calibration", "c.json", "-o", "c.json"),
    "calibrate": ("calibrate", "--part", "val", "a.csv", "-o", "a.csv"),
}


@pytest.mark.parametrize("line", OVER_INPUTS.values(), ids=OVER_INPUTS)
def test_an_input_is_never_replaced_by_an_output(line, tmp_path):
    rows = [("id", "target", "score"), *((i, i % 2, round(0.1 + 0.07 * (i % 11), 2)) for i in range(40))]
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name, rows)
    (tmp_path / "said").mkdir()
    for name in ("said/one.csv", "said/two.csv", "t.csv"):
        write(
            tmp_path / name, [("id", "value" if "/" in name else "target"), *((i, i % 2) for i in range(40))]
        )
    (tmp_path / "c.json").write_text("{}")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = medcli(*line, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[0] == (
        f"medcli {line[0]}: error: {line[-1]}: it is an input, and the output would replace it"
    )
    assert {path: path.read_bytes() for path in before} == before
