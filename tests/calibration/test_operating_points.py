"""Thresholds: against pROC's step rule, and against every threshold tried by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.calibration.operating_points import Rule, choose_threshold, cross_fitted_calls, parse_rule
from medcli.errors import UsageError
from tests.metrics.oracles import expected, numbers, table


@pytest.mark.parametrize(
    "text",
    [
        "youden",
        "sensitivity=0.9",
        "specificity=0.95",
        "cost=10,1",
        "cost=10,1@0.02",
        "net-benefit=0.1",
        "alerts=0.2",
    ],
)
def test_rules_are_written_as_they_are_read(text):
    assert str(parse_rule(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "best",
        "youden=1",
        "sensitivity",
        "sensitivity=",
        "specificity=90",
        "sensitivity=nan",
        "specificity=x",
        "cost=10",
        "cost=10,0",
        "cost=1,1@1",
        "cost=1,1@",
        "net-benefit=1",
        "net-benefit=0.1@0.2",
        "alerts=0",
        "alerts=nan",
    ],
)
def test_other_rules_are_refused(text):
    with pytest.raises(UsageError):
        parse_rule(text)


def rates(targets, scores, threshold):
    is_called = scores >= threshold
    return is_called[targets == 1].mean(), 1 - is_called[targets == 0].mean()


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1)), min_size=2, max_size=40).filter(
        lambda rows: 0 < sum(y for _, y in rows) < len(rows)
    ),
    st.sampled_from(["youden", "sensitivity=0.9", "specificity=0.9", "sensitivity=1", "specificity=0.5"]),
)
def test_no_other_score_is_a_better_threshold(rows, text):
    scores, targets = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    rule = parse_rule(text)
    found = choose_threshold(targets, scores, rule=rule)
    tried = {threshold: rates(targets, scores, threshold) for threshold in np.unique(scores)}
    merit = {"youden": lambda a, b: a + b, "sensitivity": lambda a, b: b, "specificity": lambda a, b: a}[
        rule.name
    ]
    own = {"youden": lambda a, b: 1, "sensitivity": lambda a, b: a, "specificity": lambda a, b: b}[rule.name]
    allowed = {t: merit(*pair) for t, pair in tried.items() if own(*pair) >= (rule.values or (0,))[0] - 1e-12}
    if not allowed:
        assert found["threshold"] is None
        assert found["reason"]
        return
    best = max(allowed.values())
    assert found["threshold"] == min(t for t, value in allowed.items() if value > best - 1e-9)
    assert (found["sensitivity"], found["specificity"]) == pytest.approx(tried[found["threshold"]])


@pytest.mark.parametrize("marker", ["s100b", "wfns"])
def test_step_rules_agree_with_proc(marker):
    data, wanted = table("01_asah_roc"), expected("01_asah_roc")
    targets, scores = numbers(data["outcome"]), numbers(data[marker])
    for rule, key in (("specificity", f"sens_at_spec_{marker}"), ("sensitivity", f"spec_at_sens_{marker}")):
        block = wanted.get(key, {"targets": [], "empirical_step": []})
        for target, point in zip(block["targets"], block["empirical_step"], strict=True):
            found = choose_threshold(targets, scores, rule=Rule(rule, (target,)))
            assert found["threshold"] == point["threshold"]
            if point["threshold"] is not None:
                assert found["sensitivity"] == pytest.approx(point["sensitivity"])
                assert found["specificity"] == pytest.approx(point["specificity"])


def test_youden_agrees_with_proc():
    data, wanted = table("01_asah_roc"), expected("01_asah_roc")["best_youden_s100b"]
    targets, scores = numbers(data["outcome"]), numbers(data["s100b"])
    found = choose_threshold(targets, scores, rule=Rule("youden"))
    # pROC prints the middle between two scores; here it is the score above, which calls the same images.
    assert found["threshold"] == 0.21 or found["threshold"] == 0.22
    assert found["sensitivity"] == pytest.approx(wanted["sensitivity"])
    assert found["specificity"] == pytest.approx(wanted["specificity"])
    misses = (1 - found["sensitivity"]) ** 2 + (1 - found["specificity"]) ** 2
    assert misses == pytest.approx(wanted["closest.topleft"])


@pytest.mark.parametrize(
    ("targets", "reason"), [([0.0, 0], "no positive"), ([1.0, 1], "no negative"), ([], "label")]
)
def test_one_class_has_no_threshold(targets, reason):
    found = choose_threshold(np.array(targets), np.zeros(len(targets)), rule=Rule("youden"))
    assert found["threshold"] is None
    assert reason in found["reason"]


ROWS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1)), min_size=2, max_size=40).filter(
    lambda rows: 0 < sum(y for _, y in rows) < len(rows)
)


@given(ROWS, st.integers(1, 20), st.integers(1, 20), st.sampled_from([None, 0.02, 0.5]))
def test_no_other_threshold_costs_less(rows, missed, alarm, prevalence):
    scores, targets = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    share = targets.mean() if prevalence is None else prevalence

    def cost(threshold):
        sensitivity, specificity = rates(targets, scores, threshold)
        return missed * share * (1 - sensitivity) + alarm * (1 - share) * (1 - specificity)

    found = choose_threshold(targets, scores, rule=Rule("cost", (missed, alarm), prevalence))
    least, nobody = min(cost(threshold) for threshold in np.unique(scores)), cost(np.inf)
    if found["threshold"] is None:
        assert "nobody" in found["reason"]
        assert nobody < least
        return
    assert cost(found["threshold"]) == pytest.approx(least)
    assert found["value"]["estimate"] == pytest.approx(least)
    assert found["value"]["nobody"] == pytest.approx(nobody)
    assert found["value"]["everyone"] == pytest.approx(alarm * (1 - share))


@given(ROWS, st.sampled_from([0.1, 0.25, 0.5, 1]))
def test_alerts_are_as_many_as_allowed(rows, most):
    scores, targets = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    shares = {threshold: np.mean(scores >= threshold) for threshold in np.unique(scores)}
    allowed = [share for share in shares.values() if share <= most + 1e-12]
    found = choose_threshold(targets, scores, rule=Rule("alerts", (most,)))
    if not allowed:
        assert found["threshold"] is None
        return
    assert shares[found["threshold"]] == max(allowed) == pytest.approx(found["value"]["estimate"])


def test_net_benefit_calls_at_the_risk_itself():
    targets, scores = np.array([0.0, 0, 0, 1, 1]), np.array([0.05, 0.3, 0.2, 0.2, 0.9])
    found = choose_threshold(targets, scores, rule=Rule("net-benefit", (0.2,)))
    assert found["threshold"] == 0.2
    assert (found["sensitivity"], found["specificity"]) == (1, pytest.approx(1 / 3))
    # 2 of 5 are found, 2 of 5 falsely called at odds of 1 to 4; calling everyone has 3 false calls.
    assert found["value"] == {
        "of": "net benefit",
        "estimate": pytest.approx(0.4 - 0.4 / 4),
        "everyone": pytest.approx(0.4 - 0.6 / 4),
        "nobody": 0,
    }


def test_calls_of_other_patients_expect_less_than_the_choice_itself():
    """Without any signal the rule promises more than one half where it was chosen, and keeps one half."""
    generator = np.random.default_rng(4)
    own, crossed = [], []
    for _ in range(200):
        targets, scores = generator.integers(0, 2, 60).astype(float), generator.normal(size=60)
        found = choose_threshold(targets, scores, rule=Rule("youden"))
        own.append(found["sensitivity"] + found["specificity"])
        calls = cross_fitted_calls(targets, scores, np.arange(60) % 5, rule=Rule("youden"))
        crossed.append(calls[targets == 1].mean() + 1 - calls[targets == 0].mean())
    assert np.mean(own) > 1.1
    assert np.mean(crossed) == pytest.approx(1, abs=0.03)
