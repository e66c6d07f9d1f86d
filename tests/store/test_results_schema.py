"""The schema of results accepts what commands write (their tests hold that) and refuses what is broken."""

from __future__ import annotations

import copy
import json

import pytest

from medcli.config import CheckConfig, EvaluateConfig, ShowConfig
from medcli.errors import DataError
from medcli.stages import check, evaluate, show
from medcli.store.results_schema import RESULTS_SCHEMAS, check_results, is_results
from tests.cli.run import medcli
from tests.reporting.synthetic import multilabel, study


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    study(folder, multilabel, parts=("test",))
    config = EvaluateConfig(source=str(folder / "study.json"), report=folder / "report", resamples=100)
    evaluate.run(config)
    return folder / "report" / "evaluation.json"


def broken(document, change):
    document = copy.deepcopy(document)
    change(document)
    return document


def drop(*path):
    def change(document):
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return change


def put(value, *path):
    def change(document):
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (drop("classes"), "classes"),
        (drop("classes", 0, "auc"), "auc"),
        (drop("classes", 0, "auc", "n_clusters"), "n_clusters"),
        (drop("classes", 0, "auc", "reason"), "reason"),
        (put(None, "classes", 2, "auc", "reason"), "reason"),
        (put("0.9", "classes", 0, "auc", "estimate"), "estimate"),
        (put([0.1], "classes", 0, "auc", "ci"), "ci"),
        # At any depth, under names that the schema does not know.
        (put({"a": [{"estimate": 1.0, "method": "m"}]}, "new_part"), "new_part"),
        (put("softmax", "score"), "score"),
        (put([0.5] * 201, "curves", 0, "roc", "sensitivities"), "sensitivities"),
        (put([1.5], "curves", 0, "roc", "sensitivities"), "sensitivities"),
    ],
)
def test_what_breaks_the_schema_is_named(written, change, told):
    document = json.loads(written.read_text(encoding="utf-8"))
    check_results(document)
    with pytest.raises(DataError, match=told):
        check_results(broken(document, change))


def test_another_version_is_refused_by_name(written):
    document = json.loads(written.read_text(encoding="utf-8"))
    with pytest.raises(DataError, match="'evaluation/9', this medcli knows evaluation/2"):
        check_results({**document, "medcli": "evaluation/9"})


def test_check_and_show_know_the_file(written, tmp_path):
    assert is_results(written)
    assert check.run(CheckConfig(files=(str(written),))) == []
    facts = show.run(ShowConfig(file=str(written)))
    assert facts["kind"] == "evaluation/2"
    assert facts["auc"]["Atelectasis"].startswith("0.")
    assert "undefined: " in list(facts["auc"].values())[2]
    assert "Atelectasis" in show.render(facts)
    cut = tmp_path / "cut.json"
    cut.write_bytes(written.read_bytes()[:-100])
    assert "not whole JSON" in check.run(CheckConfig(files=(str(cut),)))[0].reason
    assert not is_results(written.parent.parent / "study.json")


@pytest.mark.parametrize("name", RESULTS_SCHEMAS)
def test_the_schema_is_published(name):
    assert json.loads(medcli("schema", name).stdout) == json.loads(json.dumps(RESULTS_SCHEMAS[name]))
