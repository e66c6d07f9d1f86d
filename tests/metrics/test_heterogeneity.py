"""Differences between groups: Cochran's Q, gaps, and patients dealt into groups by chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from medcli.metrics.cochran import cochran_q, interval_error
from medcli.metrics.discrimination import auc_quantity
from medcli.metrics.equalised_odds import equalised_odds, largest_gap
from medcli.metrics.heterogeneity import (
    PERMUTED,
    gap,
    permutation_tests,
    standard_error,
    too_few,
)
from medcli.metrics.intervals import proportion
from medcli.metrics.roc import auc


def spread_of(estimates, errors, **options):
    return cochran_q(estimates, errors, **{"level": 0.95, "n": 200, "n_clusters": 90, **options})


def test_heterogeneity_worked_by_hand():
    # Two estimates 1 and 3 with errors 1: mean 2, Q = 2, one degree of freedom, half of it no chance.
    found = spread_of([1.0, 3.0], [1.0, 1.0])
    assert found["pooled"] == pytest.approx(2)
    assert found["test"]["statistic"] == pytest.approx(2)
    assert found["test"]["p"] == pytest.approx(0.157299207, rel=1e-6)
    assert found["i_squared"]["estimate"] == pytest.approx(0.5)
    assert found["tau_squared"]["estimate"] == pytest.approx(1)
    # Q is 4 / (2 (1 + tau squared)), and chi-square's quantiles of one degree 0.00098207 and 5.0239.
    assert found["tau_squared"]["ci"] == pytest.approx([0, 2 / 0.00098207 - 1], rel=1e-4)
    # The typical variance of equal errors is theirs.
    assert found["i_squared"]["ci"] == pytest.approx([0, 1 - 0.00098207 / 2], rel=1e-6)
    same = spread_of([0.8, 0.8, 0.8], [0.02, 0.03, 0.04], scale="logit")
    assert same["pooled"] == pytest.approx(0.8)
    assert same["test"]["p"] == pytest.approx(1)
    ratios = spread_of([0.5, 2.0], [0.5, 2.0], scale="log")
    # Logarithms -0.693 and 0.693, each with error 1.
    assert ratios["pooled"] == pytest.approx(1)
    assert ratios["test"]["statistic"] == pytest.approx(2 * np.log(2) ** 2)
    assert spread_of([0.8], [0.1])["test"]["p"] is None
    assert spread_of([0.8, 1.0], [0.1, 0.1], scale="logit")["test"]["reason"]


def test_heterogeneity_of_correlated_estimates_worked_by_hand():
    # The variance of the difference is 1 + 1 - 2 * 0.5 = 1, so Q = 2 * 2 / 1.
    found = spread_of([1.0, 3.0], [1.0, 1.0], correlations=np.array([[1, 0.5], [0.5, 1]]))
    assert found["test"]["statistic"] == pytest.approx(4)
    # Errors that go together by a half leave half their variance to the difference: Q falls as 4 / (1 + 2 t).
    assert found["tau_squared"]["estimate"] == pytest.approx(1.5)
    assert found["tau_squared"]["ci"] == pytest.approx([0, (4 / 0.00098207 - 1) / 2], rel=1e-4)
    plain = spread_of([1.0, 3.0, 2.5], [1.0, 0.5, 2.0])
    assert spread_of([1.0, 3.0, 2.5], [1.0, 0.5, 2.0], correlations=np.eye(3))["test"] == plain["test"]


def shares(counts):
    return {
        name: proportion(np.arange(size) < x, np.arange(size), level=0.95)
        for name, (x, size) in counts.items()
    }


def test_gaps_between_groups():
    groups = shares({"F": (56, 70), "M": (48, 80), "all": (20, 20)})
    found = gap(groups["F"], groups["M"], level=0.95)
    # Square and add of Wilson's intervals is Newcombe's method 10.
    assert found["ci"] == pytest.approx([0.0524, 0.3339], abs=5e-5)
    assert found["se"] == pytest.approx(np.sqrt(0.16 / 70 + 0.24 / 80))
    # p is the level at which the interval ends at zero.
    assert found["test"]["statistic"] == pytest.approx(1.959964 * 0.2 / (0.2 - 0.0524), rel=1e-3)
    backwards = gap(groups["M"], groups["F"], level=0.95)
    assert backwards["test"]["statistic"] == pytest.approx(-found["test"]["statistic"])
    assert backwards["test"]["p"] == pytest.approx(found["test"]["p"])
    tied = gap(groups["F"], groups["M"], correlation=0.6, level=0.95)
    assert tied["se"] < found["se"]
    assert tied["ci"][0] > found["ci"][0]
    # A share of 1 has no error of its own: its interval stands in.
    assert standard_error(groups["all"]) == pytest.approx((1 - groups["all"]["ci"][0]) / (2 * 1.959964))


def test_the_largest_gap_of_two_groups_is_their_gap_without_its_sign():
    found = shares({"F": (56, 70), "M": (48, 80)})
    for values in (list(found.values()), list(found.values())[::-1]):
        largest = largest_gap([(values, None)], level=0.95)
        assert largest["estimate"] == pytest.approx(0.2)
        assert largest["ci"] == pytest.approx([0.0524, 0.3339], abs=5e-5)
    near = list(shares({"F": (50, 100), "M": (49, 100)}).values())
    low, high = gap(near[1], near[0], level=0.95)["ci"]
    assert largest_gap([(near, None)], level=0.95)["ci"] == pytest.approx([0, max(-low, high)])


def test_equalised_odds_take_the_larger_gap_of_both_rates():
    hits = list(shares({"F": (56, 70), "M": (48, 80), "O": (20, 20)}).values())
    alarms = list(shares({"F": (90, 100), "M": (85, 100), "O": (88, 100)}).values())
    odds = equalised_odds(hits, alarms, level=0.95)
    assert [round(value["estimate"], 9) for value in odds.values()] == [0.4, 0.05, 0.4]
    # Six gaps in all: those of the two that are farthest apart, at a level of 1 - 0.05 / 6.
    farthest = gap(hits[2], hits[1], level=0.95)
    reach = ndtri(1 - 0.025 / 6) / ndtri(0.975)
    assert odds["equalised_odds_gap"]["ci"] == pytest.approx(
        [0.4 - reach * (0.4 - farthest["ci"][0]), 0.4 + reach * (farthest["ci"][1] - 0.4)]
    )
    assert odds["equalised_odds_gap"]["n"] == 300
    alone = equalised_odds(hits[:1], alarms, level=0.95)
    assert alone["sensitivity_gap"]["estimate"] is None
    assert alone["equalised_odds_gap"]["reason"] == "fewer than two groups have both kinds of case"


@pytest.mark.parametrize("rates", [(0.8, 0.8), (0.9, 0.7), (0.8, 0.8, 0.8, 0.8), (0.9, 0.9, 0.8, 0.7)])
def test_the_interval_of_the_largest_gap_covers_it(rates):
    generator = np.random.default_rng(4)
    covered = 0
    for _ in range(300):
        counts = generator.binomial(60, rates)
        values = list(shares({str(place): (count, 60) for place, count in enumerate(counts)}).values())
        low, high = largest_gap([(values, None)], level=0.95)["ci"]
        covered += low - 1e-12 <= max(rates) - min(rates) <= high
    assert covered >= 0.93 * 300


def test_errors_are_those_of_the_interval_where_it_is_symmetric():
    targets, scores = np.tile([0, 1], 100), np.random.default_rng(1).normal(size=200)
    value = auc_quantity(targets, scores + targets, np.arange(200), level=0.9)
    assert value["method"] == "DeLong, logit scale"
    assert interval_error(value, scale="logit") == pytest.approx(value["se"], rel=1e-9)
    perfect = auc_quantity(targets, targets.astype(float), np.arange(200), level=0.9)
    assert interval_error(perfect, scale="logit") == 0


def test_equal_groups_seem_different_as_often_as_they_should():
    """Shares near 1 of few cases, where errors of the estimates themselves are too small."""
    generator = np.random.default_rng(3)
    p_values = []
    for _ in range(1500):
        groups = shares({name: (int(generator.binomial(14, 0.9)), 14) for name in "ab"})
        found = spread_of(
            [value["estimate"] for value in groups.values()], [interval_error(v) for v in groups.values()]
        )
        p_values.append([found["test"]["p"], gap(groups["a"], groups["b"], level=0.95)["test"]["p"]])
    assert (np.mean(np.array(p_values) < 0.05, axis=0) < 0.07).all()


def test_few_patients_are_listed_not_tested():
    targets = np.array([1] * 12 + [0] * 30)
    assert too_few(targets, np.arange(42)) is None
    assert "positive" in too_few(targets, np.arange(42) // 2)
    assert "negative" in too_few(1 - targets, np.arange(42) // 2)


def drawn(seed, *, patients=120, images=1, shared=False):
    """Truth, scores, patients and groups; prevalence differs between groups, the scores do not."""
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(patients), images)
    groups = generator.integers(3, size=patients)[clusters]
    sick = generator.random(patients) < np.array([0.2, 0.5, 0.8])[groups[::images]]
    targets = (sick[clusters] & (generator.random(len(clusters)) < 0.9)).astype(float)
    if shared:
        groups = np.where(generator.random(len(clusters)) < 0.2, (groups + 1) % 3, groups)
    scores = targets + generator.normal(size=patients)[clusters] + generator.normal(size=len(clusters))
    return targets, np.round(scores, 1), clusters, groups


@pytest.mark.parametrize(("images", "shared"), [(1, False), (3, False), (3, True)])
def test_observed_gaps_are_those_of_each_group_counted_alone(images, shared):
    targets, scores, clusters, groups = drawn(1, images=images, shared=shared)
    called = scores >= 0.7
    found = permutation_tests(groups, targets, scores, called, clusters, seed=1, permutations=20)
    parts = [groups == code for code in range(3)]
    direct = {
        "auc": [auc(targets[rows], scores[rows]) for rows in parts],
        "sensitivity": [called[rows & (targets == 1)].mean() for rows in parts],
        "specificity": [1 - called[rows & (targets == 0)].mean() for rows in parts],
    }
    for name, values in direct.items():
        assert found[name]["statistic"] == pytest.approx(max(values) - min(values), abs=1e-12)
    rates = found["sensitivity"]["statistic"], found["specificity"]["statistic"]
    assert found["equalised_odds"]["statistic"] == max(rates)


@pytest.mark.parametrize(("images", "shared"), [(1, False), (3, False), (3, True)])
def test_chance_alone_is_found_as_often_as_it_should_be(images, shared):
    """Groups that differ in prevalence, and patients in two of them, are no reason to see a gap."""
    p_values = []
    for seed in range(400):
        targets, scores, clusters, groups = drawn(seed, patients=90, images=images, shared=shared)
        found = permutation_tests(
            groups, targets, scores, scores >= 0.7, clusters, seed=seed, permutations=99
        )
        p_values.append([found[name]["p"] for name in PERMUTED])
    values = np.array(p_values, dtype=float)
    # Bounds are four standard errors of a share of 400 around what is claimed.
    assert (np.mean(values <= 0.05, axis=0) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)).all()
    assert (np.abs(np.mean(values <= 0.5, axis=0) - 0.5) < 4 * 0.025).all()


def test_a_planted_gap_is_found_and_the_seed_decides():
    targets, scores, clusters, groups = drawn(3, patients=400)
    worse = np.where((groups == 2) & (targets == 1), scores - 2, scores)
    found = permutation_tests(groups, targets, worse, worse >= 0.7, clusters, seed=1, permutations=199)
    assert all(found[name]["p"] == 1 / 200 for name in ("auc", "sensitivity", "equalised_odds"))
    assert found["auc"]["statistic"] > found["auc"]["null"]
    again, other = (
        permutation_tests(groups, targets, scores, None, clusters, seed=seed, permutations=199)["auc"]
        for seed in (1, 2)
    )
    assert (
        again == permutation_tests(groups, targets, scores, None, clusters, seed=1, permutations=199)["auc"]
    )
    assert again["null"] != other["null"]


def test_without_a_threshold_only_ranks_are_permuted():
    targets, scores, clusters, groups = drawn(4)
    found = permutation_tests(groups, targets, scores, None, clusters, seed=1, permutations=20)
    assert found["auc"]["p"] is not None
    assert found["sensitivity"]["p"] is None
    assert found["sensitivity"]["reason"] == "no threshold"
