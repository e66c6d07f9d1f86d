"""Anyone's predictions are read as they are declared, joined by key, and refused by row."""

from __future__ import annotations

import numpy as np
import pytest

from medcli.errors import DataError, UsageError
from medcli.formats.score_table import read_scores
from medcli.formats.tables import Table


def table(text: str) -> Table:
    rows = text.strip().split("\n")
    lines = [row.split("," if "," in rows[0] else ";") for row in rows]
    return Table(lines[0], lines[1:], "0" * 64)


def test_one_label():
    found = read_scores(
        table("id,patient,target,score\na,p,1,0.9\nb,p,0,0.2\nc,q,,0.4\nd,q,-1,0.5"), key="id"
    )
    assert (found.task_type, found.classes) == ("binary", ["positive"])
    assert found.labels == [{"positive": 1}, {"positive": 0}, {}, {"positive": -1}]
    assert found.scores[:, 0].tolist() == [0.9, 0.2, 0.4, 0.5]
    assert found.others == {"patient": ["p", "p", "q", "q"]}


def test_several_labels_pair_columns_by_name_not_by_place():
    found = read_scores(table("score:B,id,target:A,target:B,score:A\n0.1,x,1,0,0.8"), key="id")
    assert found.classes == ["A", "B"]
    assert found.scores.tolist() == [[0.8, 0.1]]
    assert found.labels == [{"A": 1, "B": 0}]


@pytest.mark.parametrize("header", ["id,target,score:mel,score:nv", "id,target,mel,nv"])
def test_exclusive_classes(header):
    found = read_scores(table(f"{header}\n1,nv,0.3,0.7\n2,mel,0.6,0.4"), key="id")
    assert (found.task_type, found.classes) == ("multiclass", ["mel", "nv"])
    assert found.labels == [{"nv": 1}, {"mel": 1}]


def test_truth_and_scores_are_joined_by_key():
    truth = table("Study,Edema,Nodule,Other\ns2,0,1,1\ns1,1,,0")
    scores = table("Study,Nodule,Edema\ns1,0.2,0.9\ns2,0.8,0.1")
    found = read_scores(scores, key="Study", truth=truth)
    assert found.task_type == "multilabel"
    assert dict(zip(found.classes, found.scores[0], strict=True)) == {"Edema": 0.9, "Nodule": 0.2}
    assert found.labels == [{"Edema": 1}, {"Edema": 0, "Nodule": 1}]


@pytest.mark.parametrize("permutation", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_the_order_of_rows_follows_the_scores_only(permutation):
    rows = ["a,1", "b,0", "c,1"]
    truth = table("id,target\n" + "\n".join(rows[i] for i in permutation))
    found = read_scores(table("id,score\na,.1\nb,.2\nc,.3"), key="id", truth=truth)
    assert found.labels == [{"positive": 1}, {"positive": 0}, {"positive": 1}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,target,score\na,1,high", "row 1: the score in column 'score' is 'high', not a number"),
        ("id,target,score\na,1,nan", "must be finite"),
        ("id,target,score\na,1,-inf", "row 1: the score in column 'score' is -inf, it must be finite"),
        ("id,target,score\na,1,.1\nb,0,1e308", "row 2: .* is 1e.308, it must be finite in float32"),
        ("id,target,score\na,1,", "row 1 has no score in column 'score'"),
        ("id,target,score\na,1,.5\nb,0,.5\na,0,.4", "rows 1 and 3 have the same key"),
        ("id,target,score\n,1,.5", "row 1 has no key"),
        ("id,target,score\na,maybe,.5", "row 1: the label of 'positive' is 'maybe', not 1, 0, -1 or blank"),
        ("id,target,score:A,score:B\na,C,.5,.5", "row 1: the target 'C' is none of the classes A, B"),
        ("id,target,score", "a header and no rows"),
        ("id,target,score\na,1", "row 1 has 2 cells under 3 columns"),
    ],
)
def test_bad_rows_are_named(text, message):
    with pytest.raises(DataError, match=message):
        read_scores(table(text), key="id")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("id;target;score\na;1;0,35", "write decimal points"),
        ("id,target,score\na,1,-,5", "a cell for every column"),
        ("id,target,score\na,1,35%", "shares of 1"),
        ("id,target,score\na,1,high", "such as 0.35"),
        (",target,score\n0,1,.5", "--key '' takes the column without a name"),
        ("target,score\n1,.5", "add a column that numbers the rows"),
        ("id,target,score\na,1,.5\na,0,.5", "columns target:NAME and score:NAME if it has several labels"),
    ],
)
def test_messages_say_how_to_mend_it(text, hint):
    with pytest.raises((DataError, UsageError)) as caught:
        read_scores(table(text), key="id")
    assert hint in caught.value.hint


def test_a_huge_cell_does_not_flood_the_message():
    with pytest.raises(DataError) as caught:
        read_scores(table("id,target,score\na,1," + "x" * 10_000), key="id")
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("name,target,score\na,1,.5", "id", "no column 'id'"),
        ("id,score:A\na,.5", "id", "no columns are called target and score"),
        ("id,target:A,target:B,score:A\na,1,1,.5", "id", "target:B has no score:B"),
        ("id,target:A,score:A,score:B\na,1,1,.5", "id", "score:B has no target:B"),
        ("id,target,x,y\na,x,.5,.5\nb,x,.4,.6", "id", "'target' is blank or of one class"),
        ("id,target,x,y\na,,.5,.5", "id", "'target' is blank or of one class"),
        ("id,target,0,1\na,0.0,.5,.5\nb,1.0,.5,.5", "id", r"called like a value of target \(0.0, 1.0\)"),
        ("id,target,x,y,z\na,x,.5,.3,.2\nb,y,.1,.6,.3", "id", "column 'z' may be the score of a class"),
        ("id,target,x,y,z\na,y,.5,.3,.2\nb,z,.1,.6,.3", "id", "column 'x' may be the score of a class"),
    ],
)
def test_missing_columns_are_named(text, key, message):
    with pytest.raises(UsageError, match=message):
        read_scores(table(text), key=key)


def test_numbers_beside_probabilities_that_sum_to_one_are_no_scores():
    found = read_scores(table("id,target,x,y,age\na,x,.7,.3,40.5\nb,y,.1,.9,61"), key="id")
    assert (found.classes, list(found.others)) == (["x", "y"], ["age"])
    logits = read_scores(table("id,target,x,y,age\na,x,2.5,-1,40\nb,y,-3,0.5,61"), key="id")
    assert (logits.classes, list(logits.others)) == (["x", "y"], ["age"])


def test_a_fault_of_the_truth_is_told_of_the_truth():
    with pytest.raises(DataError) as caught:
        read_scores(table("id,score\na,.1"), key="id", truth=table("id,target\na,1\na,0"))
    assert str(caught.value) == "the table of truth: rows 1 and 2 have the same key in column 'id'"


def test_rows_without_a_partner_are_refused():
    with pytest.raises(DataError, match="1 of 2 scored rows have no row in the table of truth"):
        read_scores(table("id,score\na,.1\nb,.2"), key="id", truth=table("id,target\na,1"))
    with pytest.raises(DataError, match="1 rows of the table of truth have no scores"):
        read_scores(table("id,score\na,.1"), key="id", truth=table("id,target\na,1\nb,0"))


def test_scores_keep_their_digits():
    found = read_scores(table("id,target,score\na,1,0.12345678901234567\nb,0,1e-300"), key="id")
    assert np.array_equal(found.scores[:, 0], [0.12345678901234567, 1e-300])


@pytest.mark.parametrize(
    ("text", "declared", "same"),
    [
        (
            "id,y_true,y_prob\na,1,.9\nb,0,.2",
            {"target": "y_true", "score": "y_prob"},
            "id,target,score\na,1,.9\nb,0,.2",
        ),
        (
            "id,A_true,B_true,A_p,B_p\na,1,0,.9,.8\nb,0,1,.2,.3",
            {"target": "*_true", "score": "*_p"},
            "id,target:A,target:B,score:A,score:B\na,1,0,.9,.8\nb,0,1,.2,.3",
        ),
        (
            "id,label,prob_0,prob_1\na,1,.1,.9\nb,0,.8,.2",
            {"target": "label", "score": "prob_*"},
            "id,target,score:0,score:1\na,1,.1,.9\nb,0,.8,.2",
        ),
        (
            "id,dx,mel,nv\na,nv,.1,.9\nb,mel,.8,.2",
            {"target": "dx"},
            "id,target,mel,nv\na,nv,.1,.9\nb,mel,.8,.2",
        ),
    ],
)
def test_columns_may_be_declared_by_other_names(text, declared, same):
    found, wanted = read_scores(table(text), key="id", **declared), read_scores(table(same), key="id")
    assert (found.task_type, found.classes, found.labels) == (wanted.task_type, wanted.classes, wanted.labels)
    assert np.array_equal(found.scores, wanted.scores)
    assert found.others == wanted.others


def test_a_declared_target_may_stand_in_the_table_of_truth():
    truth = table("id,dx,age\nb,mel,60\na,nv,40")
    found = read_scores(table("id,mel,nv\na,.1,.9\nb,.8,.2"), key="id", truth=truth, target="dx")
    assert (found.classes, found.labels) == (["mel", "nv"], [{"nv": 1}, {"mel": 1}])
    assert found.others == {"age": ["40", "60"]}


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"target": "truth"}, "there is no column 'truth'; there are id, y, target, score"),
        ({"score": "*_p"}, r"there is no column '\*_p'"),
        ({"target": "y"}, "there is a column 'target' beside what --target 'y' names"),
    ],
)
def test_declared_columns_must_be_there_and_alone(declared, message):
    with pytest.raises(UsageError, match=message):
        read_scores(table("id,y,target,score\na,1,1,.5"), key="id", **declared)
