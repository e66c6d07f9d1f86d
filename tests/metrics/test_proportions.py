"""Intervals of shares and of what follows from them: against R, Newcombe's examples, and worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from medcli.errors import DataError
from medcli.metrics.intervals import clopper_pearson, proportion
from medcli.metrics.predictive_values import likelihood_ratios, predictive_values_at
from medcli.metrics.proportions import (
    independent_difference,
    jeffreys,
    newcombe_difference,
)
from tests.metrics.oracles import expected

CASES = expected("05_proportion_ci")


def outcomes(successes, size):
    return np.arange(size) < successes


@pytest.mark.parametrize("case", CASES["single"], ids=lambda case: f"{case['x']}of{case['n']}")
def test_exact_intervals_agree_with_r(case):
    x, n = case["x"], case["n"]
    assert clopper_pearson(x, n, level=0.95) == pytest.approx(case["clopper_pearson95"], rel=1e-9, abs=1e-12)
    assert jeffreys(x, n, level=0.95) == pytest.approx(case["jeffreys95"], rel=1e-9, abs=1e-12)
    found = proportion(outcomes(x, n), np.arange(n), level=0.95, exact=True)
    assert found["ci"] == pytest.approx(case["clopper_pearson95"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("case", CASES["two_independent"], ids=lambda case: f"{case['x1']}of{case['n1']}")
def test_differences_agree_with_newcombe(case):
    wanted = case["newcombe_hybrid_score95"]
    x1, n1, x2, n2 = (case[key] for key in ("x1", "n1", "x2", "n2"))
    found = newcombe_difference(x1 / n1, x2 / n2, n1, n2, level=0.95)
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    assert [round(edge, 4) for edge in found] == pytest.approx(case["published_4dp"], abs=1e-9)
    whole = independent_difference(
        outcomes(x1, n1),
        outcomes(x2, n2),
        first_clusters=np.arange(n1),
        second_clusters=np.arange(n2),
        level=0.95,
    )
    assert whole["ci"] == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    doubled = independent_difference(
        np.tile(outcomes(x1, n1), 2),
        np.tile(outcomes(x2, n2), 2),
        first_clusters=np.tile(np.arange(n1), 2),
        second_clusters=np.tile(np.arange(n2), 2),
        level=0.95,
    )
    assert doubled["ci"] == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_no_cases_is_null():
    none = proportion(np.zeros(0, dtype=bool), np.zeros(0, dtype=int), level=0.95, exact=True)
    assert (none["estimate"], none["reason"]) == (None, "no cases")
    empty = np.zeros(0)
    found = independent_difference(
        empty, np.ones(3), first_clusters=empty, second_clusters=np.arange(3), level=0.95
    )
    assert found["estimate"] is None


def crossed(tp, fn, fp, tn):
    """Targets, calls and patients with these counts."""
    targets = np.repeat([1, 1, 0, 0], [tp, fn, fp, tn])
    return targets, np.repeat([True, False, True, False], [tp, fn, fp, tn]), np.arange(len(targets))


def test_predictive_values_worked_by_hand():
    # Sensitivity 0.9 of 100, specificity 0.8 of 200, prevalence 0.1.
    found = predictive_values_at(*crossed(90, 10, 40, 160), prevalence=0.1, level=0.95)
    assert found["ppv"]["estimate"] == pytest.approx(0.09 / (0.09 + 0.18))
    assert found["npv"]["estimate"] == pytest.approx(0.72 / 0.73)
    center = np.log(0.1 * 0.9 / (0.9 * 0.2))
    half = 1.959963984540054 * np.sqrt(0.1 / 0.9 / 100 + 0.8 / 0.2 / 200)
    wanted = 1 / (1 + np.exp(-(center + np.array([-half, half]))))
    assert found["ppv"]["ci"] == pytest.approx(wanted, rel=1e-9)
    center = np.log(0.9 * 0.8 / (0.1 * 0.1))
    half = 1.959963984540054 * np.sqrt(0.9 / 0.1 / 100 + 0.2 / 0.8 / 200)
    wanted = 1 / (1 + np.exp(-(center + np.array([-half, half]))))
    assert found["npv"]["ci"] == pytest.approx(wanted, rel=1e-9)
    assert found["ppv"]["baseline"]["estimate"] == 0.1
    # At the prevalence of the sample they are the shares of the sample.
    here = predictive_values_at(*crossed(90, 10, 40, 160), prevalence=1 / 3, level=0.95)
    assert here["ppv"]["estimate"] == pytest.approx(90 / 130)
    assert here["npv"]["estimate"] == pytest.approx(160 / 170)


def test_predictive_values_at_the_edges():
    found = predictive_values_at(*crossed(20, 0, 0, 30), prevalence=0.2, level=0.95)
    for name in ("ppv", "npv"):
        assert found[name]["estimate"] == 1
        assert 0 < found[name]["ci"][0] < found[name]["ci"][1] == 1
        assert found[name]["flags"]
    nobody = predictive_values_at(*crossed(0, 5, 0, 5), prevalence=0.2, level=0.95)
    assert nobody["ppv"]["reason"] == "no image is called positive"
    assert nobody["npv"]["estimate"] == pytest.approx(0.8)
    one = predictive_values_at(*crossed(3, 2, 0, 0), prevalence=0.2, level=0.95)
    assert one["npv"]["reason"] == "no negative case"
    none = predictive_values_at(*crossed(3, 2, 1, 1), prevalence=0, level=0.95)
    assert none["ppv"]["estimate"] is None
    with pytest.raises(DataError):
        predictive_values_at(*crossed(3, 2, 1, 1), prevalence=1.2, level=0.95)


def test_ratios_of_rare_false_alarms_keep_a_finite_interval():
    """One false alarm in a million: the ends grow with the number of negatives, and neither is infinite."""
    ends = [
        likelihood_ratios(*crossed(18, 2, 1, negatives - 1), level=0.95)["lr_positive"]["ci"]
        for negatives in (10_000, 1_000_000)
    ]
    assert ends[1] == pytest.approx([100 * end for end in ends[0]], rel=1e-3)


def test_likelihood_ratios_worked_by_hand():
    found = likelihood_ratios(*crossed(90, 10, 40, 160), level=0.95)
    assert found["lr_positive"]["estimate"] == pytest.approx(0.9 / 0.2)
    assert found["lr_negative"]["estimate"] == pytest.approx(0.1 / 0.8)
    assert found["odds_ratio"]["estimate"] == pytest.approx(90 * 160 / (10 * 40))
    half = 1.959963984540054 * np.sqrt(1 / 90 - 1 / 100 + 1 / 40 - 1 / 200)
    assert found["lr_positive"]["ci"] == pytest.approx(4.5 * np.exp([-half, half]), rel=1e-9)
    half = 1.959963984540054 * np.sqrt(1 / 10 - 1 / 100 + 1 / 160 - 1 / 200)
    assert found["lr_negative"]["ci"] == pytest.approx(0.125 * np.exp([-half, half]), rel=1e-9)
    half = 1.959963984540054 * np.sqrt(1 / 90 + 1 / 10 + 1 / 40 + 1 / 160)
    assert found["odds_ratio"]["ci"] == pytest.approx(36 * np.exp([-half, half]), rel=1e-9)


@pytest.mark.parametrize("counts", [(5, 5, 0, 10), (10, 0, 0, 10), (0, 5, 3, 2), (5, 0, 5, 0), (0, 5, 0, 5)])
def test_likelihood_ratios_with_zeros_are_null_or_have_an_interval(counts):
    for value in likelihood_ratios(*crossed(*counts), level=0.95).values():
        if value["estimate"] is None:
            assert value["reason"]
        else:
            assert 0 <= value["ci"][0] <= value["estimate"] <= value["ci"][1]
    infinite = likelihood_ratios(*crossed(5, 5, 0, 10), level=0.95)["lr_positive"]
    assert infinite["estimate"] is None
    assert infinite["bound"] > 0
    assert likelihood_ratios(*crossed(5, 5, 0, 0), level=0.95)["lr_positive"]["reason"] == "no negative case"
