"""What resamples do not settle is what other seeds decide otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from medcli.metrics.bootstrap import bootstrap_p, percentile_interval
from medcli.metrics.gates import check_gates, parse_gate, unsettled
from medcli.metrics.monte_carlo import advice, bound_error, is_p_unsettled, unsettled_verdicts
from medcli.metrics.paired_differences import resampled_difference
from medcli.quantity import quantity


def draws(center, *, seed, count=2000):
    return np.random.default_rng(seed).normal(center, 1, count)


def difference(center, *, seed=0, count=2000):
    values = draws(center, seed=seed, count=count)
    facts = {"name": "AUC", "n": 100, "n_clusters": 100, "fewest": 10**6, "level": 0.95}
    return resampled_difference((center, 0.0), values, **facts)


def test_the_error_of_a_limit_is_its_spread_over_seeds():
    lows = [percentile_interval(draws(0, seed=seed), level=0.95)[0] for seed in range(400)]
    assert bound_error(difference(0.5)) == pytest.approx(np.std(lows), rel=0.12)
    plain = quantity(0.5, ci=(0.1, 0.9), level=0.95, se=0.2, method="Wilson", n=10, n_clusters=10)
    assert bound_error(plain) == 0


def test_a_p_value_is_unsettled_where_seeds_disagree():
    for center, is_near in ((1.96, True), (2.02, True), (1.6, False), (2.6, False)):
        found = [bootstrap_p(draws(center, seed=seed)) < 0.05 for seed in range(40)]
        assert (0 < np.mean(found) < 1) == is_near
        assert is_p_unsettled(difference(center)["test"], 2000, level=0.95) == is_near
    assert not is_p_unsettled({"p": 0.03, "p_holm": 0.15}, 2000, level=0.95)
    assert is_p_unsettled({"p": 0.01, "p_holm": 0.05}, 2000, level=0.95)
    assert not is_p_unsettled({"p": 0.01, "p_holm": 0.04}, 20_000, level=0.95)
    assert not is_p_unsettled({"p": None}, 2000, level=0.95)


@pytest.mark.parametrize(
    ("center", "margin", "wanted"),
    [(1.98, None, True), (3, None, False), (0, None, False), (1, 1.0, True), (1.5, 1.0, False)],
)
def test_a_verdict_is_unsettled_where_its_limit_is_near(center, margin, wanted):
    assert unsettled_verdicts([difference(center)], margin=margin, level=0.95) == [wanted]


def test_holms_correction_moves_the_limit_and_more_resamples_settle():
    # One-sided p of 0.0127 and 0.0126 times two stand beside 0.025.
    two = [difference(2.238), difference(0.0)]
    assert unsettled_verdicts(two[:1], margin=None, level=0.95) == [False]
    assert unsettled_verdicts(two, margin=None, level=0.95) == [True, False]
    clear = [difference(2.4, count=20_000), difference(0.0, count=20_000)]
    assert unsettled_verdicts(clear, margin=None, level=0.95) == [False, False]
    assert "20000" in advice(2000)
    assert "200000" in advice(20_000)


def test_a_gate_on_a_resampled_limit_says_that_it_is_near():
    value = difference(0.5)
    section = {"classes": [], "overall": {"macro_f1": value}}
    for limit, count in ((value["ci"][0] + 0.05, 1), (value["ci"][0] - 0.5, 0)):
        outcomes = check_gates([parse_gate(f"macro_f1>={limit}@ci_low")], section)
        assert len(unsettled(outcomes)) == count
