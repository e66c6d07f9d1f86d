"""Models against each other through the whole command: on the same images, on other ones, in groups."""

from __future__ import annotations

import csv
import dataclasses
import json

import numpy as np
import pytest

from medcli.config import CalibrateConfig, CompareConfig, LabelPolicy, Pairing, Part
from medcli.errors import DataError, UsageError
from medcli.metrics.delong_tests import delong_test
from medcli.metrics.mcnemar import mcnemar_test
from medcli.metrics.multiplicity import holm
from medcli.reporting.comparison_tables import comparison_table
from medcli.reporting.methods import method_words
from medcli.reporting.sources import METHODS
from medcli.stages import calibrate, compare
from medcli.store.manifest import Manifest, write_manifest
from medcli.store.predictions import write_predictions
from medcli.store.results_schema import check_results
from tests.cli.run import medcli
from tests.realdata import real_data
from tests.reporting.synthetic import multiclass


def study(seed=0, n=240, patients=120):
    generator = np.random.default_rng(seed)
    owners = np.arange(n) % patients
    truth = (generator.random(patients) < 0.4)[owners].astype(int)
    shared = generator.normal(size=patients)[owners]
    scores = [
        1 / (1 + np.exp(-(shared + gain * truth + generator.normal(size=n) - 0.5))) for gain in (2.4, 1.0)
    ]
    return truth, owners, scores


def table(path, truth, owners, scores, *, order=None, prefix="", **columns):
    order = range(len(truth)) if order is None else order
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "patient", "target", "score", *columns])
        for i in order:
            extra = [values[i] for values in columns.values()]
            rows.writerow([f"{prefix}{i}", f"{prefix}p{owners[i]}", truth[i], repr(float(scores[i])), *extra])
    return str(path)


def run(key_file, *sources, **options):
    settings = {"resamples": 400, "jobs": 1, **options}
    document = compare.run(CompareConfig(sources=sources, key_file=key_file, **settings))
    check_results(json.loads(json.dumps(document)))
    return document


def differences(document, label=0, pair=0):
    return document["labels"][label]["pairs"][pair]["measures"]


def test_pairs_are_joined_by_key_and_give_delong_and_mcnemar(tmp_path, key):
    truth, owners, (good, bad) = study(n=200, patients=200)
    a = table(tmp_path / "a.csv", truth, owners, good)
    b = table(tmp_path / "b.csv", truth, owners, bad, order=np.random.default_rng(1).permutation(200))
    found = run(key, a, b)
    assert (found["pairing"], found["n_clusters"], found["unit"]) == ("paired", 200, "patient")
    wanted = delong_test(truth, good, bad, owners, level=0.95)
    auc = differences(found)["auc"]
    assert auc["estimate"] == pytest.approx(wanted["estimate"], abs=1e-12)
    assert auc["ci"] == pytest.approx(wanted["ci"], abs=1e-12)
    right = [(scores >= 0.5) == truth for scores in (good, bad)]
    only = int(np.sum(right[0] & ~right[1])), int(np.sum(right[1] & ~right[0]))
    accuracy = differences(found)["accuracy"]
    assert accuracy["discordant"] == list(only)
    assert accuracy["test"]["p"] == pytest.approx(mcnemar_test(*only)["p"])
    brier = np.mean((good - truth) ** 2) - np.mean((bad - truth) ** 2)
    assert differences(found)["brier"]["estimate"] == pytest.approx(brier, abs=1e-12)
    assert differences(found)["brier"]["ci"][1] < 0


def test_rows_in_another_order_give_the_same_document(tmp_path, key):
    truth, owners, scores = study(n=90, patients=40)
    plain = [table(tmp_path / f"{k}.csv", truth, owners, s) for k, s in zip("ab", scores, strict=True)]
    (tmp_path / "other").mkdir()
    order = np.random.default_rng(1).permutation(90)
    other = [
        table(tmp_path / "other" / f"{k}.csv", truth, owners, s, order=order)
        for k, s in zip("ab", scores, strict=True)
    ]
    one, two = run(key, *plain), run(key, *other)
    assert (one["labels"], one["overall"]) == (two["labels"], two["overall"])


def test_patients_that_one_source_knows_count_whichever_comes_first(tmp_path, key):
    truth, owners, (good, bad) = study(n=90, patients=30)
    known = table(tmp_path / "a.csv", truth, owners, good)
    (tmp_path / "b.csv").write_text(
        "\n".join(["id,target,score", *(f"{i},{truth[i]},{bad[i]}" for i in range(90))])
    )
    for sources in ((known, str(tmp_path / "b.csv")), (str(tmp_path / "b.csv"), known)):
        found = run(key, *sources)
        assert (found["unit"], found["n_clusters"]) == ("patient", 30)
    with pytest.raises(DataError, match="source 2 knows another patient of an image"):
        run(key, known, table(tmp_path / "c.csv", truth, owners[::-1], bad))


def test_images_without_a_patient_beside_others_are_told(tmp_path, key):
    truth, owners, (good, bad) = study(n=60, patients=30)
    named = ["" if i < 6 else f"p{owner}" for i, owner in enumerate(owners)]
    sources = []
    for name, scores in (("a", good), ("b", bad)):
        lines = [f"{i},{named[i]},{truth[i]},{scores[i]}" for i in range(60)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,patient,target,score", *lines]))
        sources.append(str(tmp_path / f"{name}.csv"))
    assert any(flag.startswith("6 of 60 images have no patient") for flag in run(key, *sources)["flags"])


def test_the_order_of_models_turns_every_sign_and_a_model_equals_itself(tmp_path, key):
    truth, owners, (good, bad) = study()
    a, b = table(tmp_path / "a.csv", truth, owners, good), table(tmp_path / "b.csv", truth, owners, bad)
    one, other = run(key, a, b), run(key, b, a)
    for name, value in differences(one).items():
        turned = differences(other)[name]
        assert value["estimate"] == pytest.approx(-turned["estimate"], abs=1e-12), name
        assert value["ci"] == pytest.approx([-edge for edge in turned["ci"][::-1]], abs=1e-9), name
    same = run(key, a, a, name=("x", "y"))
    for name, value in differences(same).items():
        assert value["estimate"] == 0, name
        assert value["test"]["p"] == 1, name
    assert same["labels"][0]["pairs"][0]["judgement"]["verdict"] == "no claim"


def test_patients_with_several_images_count_once(tmp_path, key):
    truth, owners, (good, bad) = study(n=120, patients=120)
    once = [table(tmp_path / f"{k}1.csv", truth, owners, s) for k, s in (("a", good), ("b", bad))]
    many = [
        table(tmp_path / f"{k}4.csv", np.tile(truth, 4), np.tile(owners, 4), np.tile(s, 4))
        for k, s in (("a", good), ("b", bad))
    ]
    first, second = run(key, *once), run(key, *many)
    assert second["n_clusters"] == first["n_clusters"] == 120
    for name in ("auc", "brier", "f1", "average_precision", "accuracy"):
        one, four = differences(first)[name], differences(second)[name]
        assert four["estimate"] == pytest.approx(one["estimate"], abs=1e-9), name
        assert four["se"] == pytest.approx(one["se"], rel=0.02), name


def test_different_images_are_told_apart_by_their_keys(tmp_path, key):
    truth, owners, (good, bad) = study()
    age = np.arange(240) % 50 + 20
    sites = [np.full(240, "north"), np.full(240, "south")]
    home = table(tmp_path / "home.csv", truth, owners, good, prefix="h", age=age, site=sites[0])
    away = table(tmp_path / "away.csv", truth, owners, bad, prefix="a", age=age + 10, site=sites[1])
    found = run(key, home, away, margin=0.05)
    assert found["pairing"] == "unpaired"
    assert found["n_clusters"] == 240
    auc = differences(found)["auc"]
    assert auc["covariance"] == 0
    assert auc["welch"]["p"] is not None
    assert "square and add" in differences(found)["sensitivity"]["method"]
    shift = found["shift"][0]
    inputs = {entry["name"]: entry for entry in shift["inputs"]}
    assert inputs["age"]["test"]["p"] < 0.01
    assert inputs["site"]["test"]["cramers_v"] == pytest.approx(1)
    p = [entry["test"]["p"] for entry in shift["inputs"]]
    assert [entry["test"]["p_holm"] for entry in shift["inputs"]] == pytest.approx(holm(p))
    assert shift["tests"] == {"scores": 1, "inputs": 2}
    assert shift["labels"][0]["prevalence_change"]["estimate"] == 0
    assert shift["labels"][0]["psi"]["estimate"] > 0.1
    calls = shift["prevalences"][0]["classes"][0]["prevalence"]
    assert calls["ci"][0] < calls["estimate"] < calls["ci"][1]
    assert "bootstrap over patients" in calls["method"]


def test_partly_common_images_are_refused_unless_it_is_said_which(tmp_path, key):
    truth, owners, (good, bad) = study()
    a = table(tmp_path / "a.csv", truth, owners, good)
    b = table(tmp_path / "b.csv", truth, owners, bad, order=range(40, 240))
    with pytest.raises(DataError, match="200 images are common to all, of 240, 200"):
        run(key, a, b)
    paired = run(key, a, b, pairing=Pairing.paired)
    assert paired["models"][0]["n"] == 200
    assert any("40 images" in flag for flag in paired["flags"])
    unpaired = run(key, a, b, pairing=Pairing.unpaired)
    assert [model["n"] for model in unpaired["models"]] == [240, 200]
    # The same patients are in both, so the errors are not independent.
    assert differences(unpaired)["auc"]["covariance"] > 0


def test_a_truth_that_differs_is_refused(tmp_path, key):
    truth, owners, (good, bad) = study()
    a = table(tmp_path / "a.csv", truth, owners, good)
    truth[7] = 1 - truth[7]
    b = table(tmp_path / "b.csv", truth, owners, bad)
    with pytest.raises(DataError, match=r"the truth of 1 images differs .* in row 8"):
        run(key, a, b)


def test_three_models_get_a_global_test_and_all_pairs(tmp_path, key):
    truth, owners, (good, bad) = study()
    third = np.random.default_rng(5).random(240)
    sources = [
        table(tmp_path / f"{k}.csv", truth, owners, s) for k, s in zip("abc", (good, bad, third), strict=True)
    ]
    found = run(key, *sources)
    label = found["labels"][0]
    assert label["global"]["df"] == 2
    assert label["global"]["p"] < 1e-6
    assert [(pair["first"], pair["second"]) for pair in label["pairs"]] == [(0, 1), (0, 2), (1, 2)]
    tests = [pair["measures"]["auc"]["test"] for pair in label["pairs"]]
    assert all(test["p_holm"] >= test["p"] for test in tests)
    assert max(test["p_holm"] for test in tests) == pytest.approx(max(test["p"] for test in tests))


def test_groups_and_whether_the_difference_differs_between_them(tmp_path, key):
    truth, owners, (good, bad) = study(n=400, patients=400)
    site = np.where(np.arange(400) < 200, "north", "south")
    b_scores = np.where(site == "north", good, bad)
    a = table(tmp_path / "a.csv", truth, owners, good, site=site)
    b = table(tmp_path / "b.csv", truth, owners, b_scores, site=site)
    document = run(key, a, b, by="site")
    found = document["by"]
    told = comparison_table(document).split("within each site\n")[1].splitlines()
    for group, line in zip(found["groups"], told[1:3], strict=True):
        value = group["overall"]["pairs"][0]["measures"]["macro_auc"]
        assert line.split()[:2] == [group["group"], str(group["n"][0])]
        assert f"{value['estimate']:.3f}".lstrip("-") in line
    assert [(group["group"], group["n"]) for group in found["groups"]] == [
        ("north", [200, 200]),
        ("south", [200, 200]),
    ]
    north, south = (group["labels"][0]["pairs"][0]["measures"]["auc"] for group in found["groups"])
    assert north["estimate"] == 0
    rows = site == "south"
    wanted = delong_test(truth[rows], good[rows], bad[rows], owners[rows], level=0.95)
    assert south["estimate"] == pytest.approx(wanted["estimate"])
    with pytest.raises(UsageError, match="no record has the field 'planet'"):
        run(key, a, b, by="planet")


def test_ranks_are_compared_as_ranks(tmp_path, key):
    truth, owners, (good, bad) = study()
    a = table(tmp_path / "a.csv", truth, owners, 5 * good)
    b = table(tmp_path / "b.csv", truth, owners, bad)
    found = differences(run(key, a, b))
    assert found["auc"]["estimate"] is not None
    assert found["average_precision"]["estimate"] is not None
    for name in ("sensitivity", "brier", "f1", "ece"):
        assert found[name]["estimate"] is None
        assert "ranks" in found[name]["reason"]


def test_policies_that_turn_the_order_of_models_are_named(tmp_path, key):
    """Uncertain images get high scores from one model and low ones from the other."""
    with (tmp_path / "truth.csv").open("w") as file:
        print("id,A", file=file)
        for i in range(120):
            print(f"{i},{(1, 0, -1)[i % 3]}", file=file)
    for name, uncertain in (("a", 0.95), ("b", 0.02)):
        with (tmp_path / f"{name}.csv").open("w") as file:
            print("id,A", file=file)
            for i in range(120):
                print(f"{i},{(0.7 + i / 1000, 0.3 + i / 1000, uncertain)[i % 3]}", file=file)
    found = run(
        key,
        str(tmp_path / "a.csv"),
        str(tmp_path / "b.csv"),
        truth=tmp_path / "truth.csv",
        label_policy=LabelPolicy.sweep,
    )
    assert [item["policy"] for item in found["policies"]] == ["ones", "zeros", "ignore", "mentioned"]
    assert any("which model ranks better depends" in flag for flag in found["flags"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "beauty"}, "'beauty' is no measure"),
        ({"margin": 0.0}, "margin is 0"),
        ({"name": ("x",)}, "--name is given 1 times"),
        ({"name": ("x", "x")}, "same name"),
    ],
)
def test_impossible_questions(tmp_path, key, options, message):
    truth, owners, (good, bad) = study(n=20, patients=20)
    a, b = table(tmp_path / "a.csv", truth, owners, good), table(tmp_path / "b.csv", truth, owners, bad)
    with pytest.raises(UsageError, match=message):
        run(key, a, b, **options)
    with pytest.raises(UsageError, match="at least two"):
        run(key, a)


def test_the_command_prints_a_table_and_writes_the_same_bytes_for_any_jobs(tmp_path, key):
    truth, owners, (good, bad) = study()
    table(tmp_path / "a.csv", truth, owners, good)
    table(tmp_path / "b.csv", truth, owners, bad)
    common = ["compare", "a.csv", "b.csv", "--key-file", key, "--resamples", "300", "--margin", "0.1"]
    done = medcli(*common, "-j", "1", "-o", "one.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "verdict" in done.stderr
    assert max(map(len, done.stderr.splitlines())) <= 80
    piped = medcli(*common, "-j", "2", "-q", cwd=tmp_path)
    assert (tmp_path / "one.json").read_text() == piped.stdout
    assert json.loads(piped.stdout)["medcli"] == "comparison/1"
    refused = medcli("compare", "a.csv", cwd=tmp_path)
    assert refused.returncode == 2


def test_chexpert_models_differ_as_published(key):
    """DeLong's z of two models on the 500 studies of the test set; none below 0.05 after Holm."""
    folder = real_data("chexpert") / "test"
    sources = [str(folder / "predictions" / f"{name}_predictions.csv") for name in ("hieupham", "jfaboy")]
    found = run(key, *sources, truth=folder / "groundtruth.csv", key="Study")
    tests = {label["class"]: label["pairs"][0]["measures"]["auc"]["test"] for label in found["labels"]}
    wanted = {
        "Atelectasis": 0.28778,
        "Cardiomegaly": 1.14311,
        "Consolidation": -1.97651,
        "Edema": 0.13593,
        "Pleural Effusion": 2.12836,
    }
    assert {name: round(test["statistic"], 5) for name, test in tests.items()} == wanted
    assert all(test["p_holm"] > 0.05 for test in tests.values())


def test_the_report_says_what_was_decided_and_names_every_method(tmp_path, key):
    truth, owners, (good, bad) = study()
    site = np.where(np.arange(240) % 2, "<b>north</b>", "south")
    a = table(tmp_path / "a.csv", truth, owners, good, site=site)
    b = table(tmp_path / "b.csv", truth, owners, bad, site=site)
    folder = tmp_path / "report"
    found = run(key, a, b, margin=0.05, by="site", measure="brier", report=folder, name=("<i>x</i>", "y"))
    page = (folder / "report.html").read_text()
    assert "&lt;i&gt;x&lt;/i&gt; is better than y" in page
    assert "<i>x" not in page
    assert "<b>north" not in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert {"roc.svg", "roc.png", "differences_brier.svg", "methods.md"} <= {p.name for p in folder.iterdir()}
    methods = (folder / "methods.md").read_text()
    assert "Brier score decided, with a margin of 0.05" in methods
    for text in set(method_words(found)):
        assert any(method.words in text for method in METHODS), text
    rows = list(csv.DictReader((folder / "tables/numbers.csv").open()))
    of = f"{found['labels'][0]['class']} / <i>x</i> less y"
    assert [row["n"] for row in rows if (row["of"], row["measure"]) == (of, "Brier score")] == ["240"]
    unpaired = table(tmp_path / "c.csv", truth, owners, bad, prefix="c", site=site)
    other = run(key, a, unpaired, report=tmp_path / "other")
    assert "Prevalence, change" in (tmp_path / "other/report.html").read_text()
    for text in set(method_words(other)):
        assert any(method.words in text for method in METHODS), text


def test_calls_of_exclusive_classes_are_compared_too(tmp_path, key):
    generator = np.random.default_rng(3)
    labels = np.append(generator.integers(3, size=150), [0, 1, 2])
    sources = []
    for name, skill in (("a", 2.0), ("b", 0.5)):
        logits = generator.normal(size=(153, 3)) + skill * np.eye(3)[labels]
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        path = tmp_path / f"{name}.csv"
        with path.open("w") as file:
            print("id,target,score:x,score:y,score:z", file=file)
            for i, (label, row) in enumerate(zip(labels, shares, strict=True)):
                print(i, "xyz"[label], *map(float, row), sep=",", file=file)
        sources.append((str(path), shares.argmax(axis=1)))
    found = run(key, *(source for source, _ in sources), report=tmp_path / "report")
    measures = found["overall"]["pairs"][0]["measures"]
    right = [calls == labels for _, calls in sources]
    assert measures["accuracy"]["estimate"] == pytest.approx(np.mean(right[0]) - np.mean(right[1]))
    recalls = [np.mean([r[labels == k].mean() for k in range(3)]) for r in right]
    assert measures["balanced_accuracy"]["estimate"] == pytest.approx(recalls[0] - recalls[1])
    f1 = []
    for (_, calls), r in zip(sources, right, strict=True):
        f1.append(
            np.mean([2 * r[labels == k].sum() / ((labels == k).sum() + (calls == k).sum()) for k in range(3)])
        )
    assert measures["macro_f1"]["estimate"] == pytest.approx(f1[0] - f1[1])
    assert measures["macro_f1"]["ci"][0] > 0


def test_a_verdict_that_hangs_on_the_resamples_says_so(tmp_path, key):
    truth, owners, (good, bad) = study()
    sources = [
        table(tmp_path / f"{name}.csv", truth, owners, scores) for name, scores in (("a", bad), ("b", good))
    ]
    low = differences(run(key, *sources, measure="f1"))["f1"]["ci"][0]
    for margin, is_near in ((-low + 1e-4, True), (-low + 0.3, False)):
        found = run(key, *sources, measure="f1", margin=margin)
        judgement = found["labels"][0]["pairs"][0]["judgement"]
        assert (judgement["unsettled"] is not None) == is_near
        assert any("not settled by 400 resamples" in flag for flag in found["flags"]) == is_near


def test_every_site_elsewhere_is_set_against_home(tmp_path, key):
    truth, owners, (good, bad) = study()
    site = np.where(owners % 3 == 0, "east", np.where(owners % 3 == 1, "north", "west"))
    home = table(tmp_path / "home.csv", truth, owners, good, prefix="h")
    sites = table(tmp_path / "sites.csv", truth, owners, bad, prefix="s", site=site)
    found = run(key, home, sites, each="site", margin=0.05)
    assert [model["name"] for model in found["models"]] == ["home", "east", "north", "west"]
    assert [model["n"] for model in found["models"]] == [240, 80, 80, 80]
    pairs = found["labels"][0]["pairs"]
    assert [pair["name"] for pair in pairs] == ["home less east", "home less north", "home less west"]
    assert [pair["first"] for pair in found["overall"]["pairs"]] == [0, 0, 0]
    rows = site == "north"
    alone = table(tmp_path / "north.csv", truth[rows], owners[rows], bad[rows], prefix="n")
    wanted = differences(run(key, home, alone))
    for name in ("auc", "sensitivity"):
        assert differences(found, pair=1)[name]["ci"] == pytest.approx(wanted[name]["ci"]), name
    assert len(found["shift"]) == 3
    p = [pair["measures"]["auc"]["test"] for pair in pairs]
    assert [test["p_holm"] for test in p] == pytest.approx(holm([test["p"] for test in p]))
    with pytest.raises(DataError, match="240 of 240 images of sites have no 'device'"):
        run(key, home, sites, each="device")


def test_of_a_manifest_with_an_external_part_each_takes_that_part(tmp_path):
    def write(name, scored):
        return {part: write_predictions(tmp_path / f"{name}-{part}.h5", one) for part, one in scored.items()}

    home = multiclass("test", seed=2)
    away = multiclass("external", seed=3)
    records = [{**r, "id": f"{int(r['id'], 16) + 2**40:016x}", "site": "b"} for r in away.records]
    away = dataclasses.replace(away, records=records)
    sources = []
    for name, parts in (("home", {"test": home}), ("both", {"test": home, "external": away})):
        manifest = Manifest(task=home.header["task"], predictions=write(name, parts))
        write_manifest(manifest, tmp_path / f"{name}.json")
        sources.append(str(tmp_path / f"{name}.json"))
    found = compare.run(CompareConfig(sources=tuple(sources), each="site", resamples=100, jobs=1))
    assert [(model["name"], model["part"]) for model in found["models"]] == [
        ("home", "test"),
        ("b", "external"),
    ]


def test_a_calibration_that_was_fitted_on_what_is_compared_is_told(tmp_path, key):
    truth, owners, (good, bad) = study()
    tables = {
        name: table(tmp_path / f"{name}.csv", truth[rows], owners[rows], scores[rows], prefix=name[0])
        for name, scores, rows in (
            ("fit", good, slice(None)),
            ("again", bad, slice(None)),
            ("other", bad, slice(0, 200)),
        )
    }
    made = calibrate.run(CalibrateConfig(source=tables["fit"], part=Part.val, key_file=key))
    write_manifest(made, tmp_path / "calibration.json")
    (tmp_path / "twin").mkdir()
    twin = table(tmp_path / "twin/half.csv", truth[:100], owners[:100], bad[:100], prefix="f")

    def told(*sources, **options):
        flags = run(key, *sources, calibration=(tmp_path / "calibration.json",), **options)["flags"]
        return [flag for flag in flags if "tuning" in flag]

    very = "fit: test was used for tuning: the calibration was fitted on these very images"
    assert told(tables["fit"], tables["other"]) == [
        very,
        "fit: test was used for tuning: 120 of 120 patients are in val too",
    ]
    assert told(tables["again"], tables["other"]) == []
    assert told(tables["again"], twin) == [
        "half: test was used for tuning: 100 of 100 patients are in val too"
    ]
    # By digest alone, when what it was fitted on is gone under its name.
    moved = tmp_path / "twin" / "fit.csv"
    (tmp_path / "fit.csv").rename(moved)
    assert told(str(moved), tables["other"]) == [very]
