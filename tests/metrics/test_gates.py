"""Gates: their grammar, what they are about, and that what is undefined fails."""

from __future__ import annotations

import pytest

from medcli.errors import UsageError
from medcli.metrics.gates import check_gates, check_labels, failures, parse_gate


def number(estimate, ci=None, reason=None):
    return {"estimate": estimate, "ci": ci, "reason": reason}


SECTION = {
    "classes": [
        {
            "class": "Edema",
            "auc": number(0.9, [0.86, 0.93]),
            "ece": {"before": number(0.2), "after": number(0.05)},
        },
        {
            "class": "a:b>1",
            "auc": number(None, reason="no positive case"),
            "ece": {"before": number(0.1), "after": None},
        },
    ],
    "overall": {"macro_auc": number(0.9, None, "no variance"), "accuracy": number(0.7, [0.6, 0.8])},
}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("auroc>=0.85@ci_low", ("auc", None, ">=", 0.85, "ci_low")),
        ("sensitivity:Edema > .9", ("sensitivity", "Edema", ">", 0.9, "estimate")),
        ("ece:Pleural Effusion<=0.05 @ estimate", ("ece", "Pleural Effusion", "<=", 0.05, "estimate")),
        ("auc:a:b>1<1e-1@ci_high", ("auc", "a:b>1", "<", 0.1, "ci_high")),
        (" calibration_intercept < -0.5 ", ("calibration_intercept", None, "<", -0.5, "estimate")),
    ],
)
def test_a_gate_is_read(text, parts):
    gate = parse_gate(text)
    assert (gate.measure, gate.label, gate.compare, gate.limit, gate.end) == parts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("auroc", "cannot be read"),
        ("auroc=0.9", "cannot be read"),
        ("auroz>=0.9", "no measure 'auroz'"),
        ("auroc>=much", "'much' is not a number"),
        ("auroc>=nan", "'nan' is not finite"),
        ("auroc>=0.9@middle", "'middle' is not one of"),
        ("", "cannot be read"),
    ],
)
def test_other_words_are_refused(text, words):
    with pytest.raises(UsageError, match=words):
        parse_gate(text)


def test_labels_that_are_not_there_are_refused():
    check_labels([parse_gate("auc:Edema>0"), parse_gate("macro_auc>0")], ["Edema"])
    with pytest.raises(UsageError, match="no label 'Mass'"):
        check_labels([parse_gate("auc:Mass>0")], ["Edema"])
    with pytest.raises(UsageError, match="no macro_auc of a label"):
        check_labels([parse_gate("macro_auc:Edema>0")], ["Edema"])


def outcome(text):
    return check_gates([parse_gate(text)], SECTION)


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("auc:Edema>=0.9", [True]),
        ("auc:Edema>0.9", [False]),
        ("auc:Edema>=0.86@ci_low", [True]),
        ("auc:Edema>=0.87@ci_low", [False]),
        ("auc:Edema<0.95@ci_high", [True]),
        # Every class must meet what is not told of all together; what is undefined fails.
        ("auc>0.5", [True, False]),
        ("accuracy>=0.7", [True]),
        # Calibrated where there is a calibration, else as given.
        ("ece<0.1", [True, False]),
        ("ece<=0.1", [True, True]),
        # An interval that is not there fails with its reason.
        ("macro_auc>0.5@ci_low", [False]),
        ("macro_auc>0.5", [True]),
        ("hand_till>0.1", [False]),
    ],
)
def test_gates_are_met_or_not(text, met):
    assert [item["is_met"] for item in outcome(text)] == met


def test_each_failure_is_one_line_with_its_value_or_reason():
    found = [
        line
        for text in ("auc>0.95", "macro_auc>0.5@ci_low", "accuracy>0.7")
        for line in failures(outcome(text))
    ]
    assert found == [
        "auc>0.95 is not met: Edema: it is 0.9",
        "auc>0.95 is not met: a:b>1: undefined: no positive case",
        "macro_auc>0.5@ci_low is not met: undefined: no variance",
        "accuracy>0.7 is not met: it is 0.7",
    ]
    assert failures(outcome("auc:Edema>0")) == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [("auroz", "auroc"), ("AUROC", "auroc"), ("sensitivty", "sensitivity"), ("xyzzy", None)],
)
def test_a_misspelt_measure_is_told_what_it_may_be(written, meant):
    with pytest.raises(UsageError) as caught:
        parse_gate(f"{written}>=0.9")
    assert caught.value.hint.startswith(f"did you mean {meant}? " if meant else "there are macro_auc")
