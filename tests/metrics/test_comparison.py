"""Comparing models, groups and sites: against published examples, brute force, and what must not change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.errors import UsageError
from medcli.metrics.black_box_shift import Called, black_box_shift
from medcli.metrics.bootstrap import Resamples, bootstrap_aucs, ranking
from medcli.metrics.classification import rates_at_threshold
from medcli.metrics.delong_tests import delong_test
from medcli.metrics.mcnemar import clustered_mcnemar, mcnemar_test, newcombe_paired, paired_proportions
from medcli.metrics.model_differences import Setting, compare_label
from medcli.metrics.noninferiority import judge
from medcli.metrics.paired_differences import metric_difference, patient_sums, rank_metric, sum_metric
from medcli.metrics.proportions import newcombe_difference
from medcli.metrics.resampling_kernels import areas
from medcli.metrics.shift import (
    chi_square,
    kolmogorov_smirnov,
    population_stability_index,
)
from medcli.metrics.tallies import LabelScores
from medcli.quantity import quantity, undefined


def pairs(both, only_first, only_second, neither):
    times = [both, only_first, only_second, neither]
    return np.repeat([True, True, False, False], times), np.repeat([True, False, True, False], times)


@pytest.mark.parametrize(
    ("only_first", "only_second", "wanted"),
    # Fagerland, Lydersen & Laake 2013: Bentur 2009, Cavo 2012, Ezra 2010.
    [(1, 7, 0.0391), (6, 16, 0.0347), (25, 2, 0.000003)],
)
def test_mid_p_of_published_pairs(only_first, only_second, wanted):
    assert mcnemar_test(only_first, only_second)["p"] == pytest.approx(wanted, abs=5e-5)
    assert mcnemar_test(only_second, only_first)["p"] == pytest.approx(wanted, abs=5e-5)


def test_kinds_of_mcnemar():
    assert mcnemar_test(6, 16, kind="exact")["p"] == pytest.approx(0.0525, abs=5e-5)
    assert mcnemar_test(6, 16, kind="asymptotic")["statistic"] == pytest.approx(100 / 22)
    assert mcnemar_test(0, 0)["p"] == 1
    # Equal counts: one less half the chance of exactly these.
    assert mcnemar_test(1, 1)["p"] == pytest.approx(1 - 0.5 * 0.5)


def test_paired_difference_of_newcombe():
    # Newcombe 1998, Statistics in Medicine 17:2635, table II, method 10.
    assert newcombe_paired(*pairs(36, 12, 2, 0), np.arange(50), level=0.95) == pytest.approx(
        (0.0569, 0.3404), abs=5e-5
    )
    found = paired_proportions(*pairs(36, 12, 2, 0), np.arange(50), level=0.95)
    assert found["estimate"] == pytest.approx(0.2)
    assert found["discordant"] == [12, 2]
    assert found["test"]["test"] == "McNemar mid-p"


def test_repeated_patients_change_the_test():
    first, second = pairs(20, 12, 4, 14)
    once = paired_proportions(first, second, np.arange(50), level=0.95)
    twice = paired_proportions(np.tile(first, 2), np.tile(second, 2), np.tile(np.arange(50), 2), level=0.95)
    assert twice["estimate"] == once["estimate"]
    assert twice["se"] == pytest.approx(once["se"])
    assert "Obuchowski" in twice["test"]["test"]
    # Without repeats Obuchowski's statistic is McNemar's, less one patient in all.
    alone = clustered_mcnemar(first, second, np.arange(50))
    mcnemars = mcnemar_test(12, 4, kind="asymptotic")["statistic"]
    assert alone["statistic"] == pytest.approx(49 / 50 * mcnemars)
    assert clustered_mcnemar(np.tile(first, 2), np.tile(second, 2), np.tile(np.arange(50), 2))[
        "p"
    ] == pytest.approx(alone["p"])
    # 100 images that are 50 twice say as much as 50.
    assert twice["ci"] == pytest.approx(once["ci"])
    none = paired_proportions(first[:0], second[:0], np.zeros(0), level=0.95)
    assert none["estimate"] is None


# Of each of 29: both say yes, the patient alone, the psychiatrist alone, neither.
PSYCHIATRISTS = """
1042 1122 3130 2121 2011 0330 0302 0323 0121 0043 1020 1140 1033 2022 2012 1030 2013 1022 0301 2100 1103 0220
1012 0020 0021 0002 0002 1011 0010
"""


def test_psychiatrists_and_their_patients():
    """Donner & Petryshen, Psychiatry Research 1989; 28:41; Obuchowski's 7.19 is in Durkalski et al. 2003."""
    parts = [pairs(*map(int, row)) for row in PSYCHIATRISTS.split()]
    patients, psychiatrists = (np.concatenate(column) for column in zip(*parts, strict=True))
    who = np.repeat(np.arange(29), [len(first) for first, _ in parts])
    found = paired_proportions(patients, psychiatrists, who, level=0.95)
    assert (found["n"], found["n_clusters"], found["discordant"]) == (135, 29, [21, 50])
    assert found["test"]["statistic"] == pytest.approx(7.19, abs=5e-3)
    assert mcnemar_test(21, 50, kind="asymptotic")["statistic"] == pytest.approx(11.8451, abs=5e-5)


def test_rates_of_other_patients_differ_by_newcombes_hybrid_interval():
    generator = np.random.default_rng(4)
    models, first = [], 0
    for size in (80, 60):
        truth, called = (generator.random((2, size)) < 0.4).astype(float)
        patients = first + np.arange(size)
        models.append(LabelScores(truth, called, called == 1, None, patients))
        first += size
    setting = Setting(is_paired=False, resamples=Resamples(140, 1, 10), level=0.95)
    names = ("sensitivity", "specificity", "ppv", "npv", "accuracy")
    found = compare_label(models, setting, measures=names)["pairs"][0]["measures"]
    rates = [rates_at_threshold(m.targets, m.called, m.clusters, level=0.95) for m in models]
    for name in names:
        shares, sizes = ([own[name][key] for own in rates] for key in ("estimate", "n"))
        assert found[name]["values"] == shares
        assert found[name]["ci"] == pytest.approx(newcombe_difference(*shares, *sizes, level=0.95)), name
        is_outside = not found[name]["ci"][0] <= 0 <= found[name]["ci"][1]
        assert (found[name]["test"]["p"] < 0.05) == is_outside


def test_images_doubled_within_a_patient_add_nothing_to_differences():
    targets, first, second, _ = sample(patients=200)
    patients = np.arange(len(targets))
    setting = Setting(is_paired=True, resamples=Resamples(len(targets), 1, 10), level=0.95)
    once, twice = (
        compare_label(
            [
                LabelScores(*(np.tile(values, k) for values in (targets, scores, scores >= 1)), None, owners)
                for scores in (first, second)
            ],
            setting,
            measures=("ppv", "npv", "balanced_accuracy", "sensitivity"),
        )["pairs"][0]["measures"]
        for k, owners in ((1, patients), (2, np.tile(patients, 2)))
    )
    for name, value in once.items():
        assert twice[name]["estimate"] == pytest.approx(value["estimate"])
        assert twice[name]["ci"] == pytest.approx(value["ci"]), name


def sample(seed=0, patients=120):
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(patients), 2)
    targets = (generator.random(patients) < 0.4)[clusters].astype(float)
    shared = generator.normal(size=patients)[clusters]
    scores = [shared + 1.2 * targets + generator.normal(size=2 * patients) for _ in range(2)]
    return targets, scores[0] + 0.8 * targets, scores[1], clusters


def test_differences_of_ranks_agree_with_delong():
    targets, first, second, clusters = sample()
    orders = [ranking(targets, scores, clusters) for scores in (first, second)]
    metrics = [rank_metric(areas, o.owners, o.positive, o.is_last) for o in orders]
    resamples = Resamples(120, 3, 4000)
    found = metric_difference(*metrics, name="AUC", resamples=resamples, n=240, n_clusters=120, level=0.95)
    wanted = delong_test(targets, first, second, clusters, level=0.95)
    assert found["estimate"] == pytest.approx(wanted["estimate"])
    assert found["se"] == pytest.approx(wanted["se"], rel=0.08)
    assert found["ci"] == pytest.approx(wanted["ci"], abs=0.01)
    assert found["values"] == pytest.approx(wanted["aucs"])
    both = bootstrap_aucs(orders, resamples)
    assert found["se"] == pytest.approx(np.std(both[:, 0] - both[:, 1], ddof=1))
    same = metric_difference(
        metrics[0], metrics[0], name="AUC", resamples=resamples, n=240, n_clusters=120, level=0.95
    )
    assert (same["estimate"], same["ci"], same["test"]["p"]) == (0, None, 1)


def test_differences_of_counts_resample_their_sums():
    targets, first, second, clusters = sample()

    def accuracy(sums):
        return sums[:, 0] / sums[:, 1]

    metrics = []
    for scores in (first, second):
        right = (scores >= 0.6) == targets
        sums = patient_sums([right, np.ones(240)], clusters, num_clusters=120)
        metrics.append(sum_metric(sums, accuracy))
    found = metric_difference(
        *metrics, name="accuracy", resamples=Resamples(120, 3, 4000), n=240, n_clusters=120, level=0.95
    )
    wanted = paired_proportions((first >= 0.6) == targets, (second >= 0.6) == targets, clusters, level=0.95)
    assert found["estimate"] == pytest.approx(wanted["estimate"])
    assert found["se"] == pytest.approx(wanted["se"], rel=0.05)

    def nothing(counts):
        return np.full(len(counts), np.nan)

    none = metric_difference(
        metrics[0], nothing, name="F1", resamples=Resamples(120, 3), n=240, n_clusters=120, level=0.95
    )
    assert none["estimate"] is None
    assert none["values"][1] is None


def difference(low, high, se=0.01):
    return quantity((low + high) / 2, ci=(low, high), level=0.95, se=se, method="", n=9, n_clusters=9)


@pytest.mark.parametrize(
    ("low", "high", "verdict", "claims"),
    [
        (0.01, 0.03, "superior", ["superior", "equivalent", "non-inferior"]),
        (0.01, 0.09, "superior", ["superior", "non-inferior"]),
        (-0.03, -0.01, "inferior", ["inferior", "equivalent", "non-inferior"]),
        (-0.09, -0.01, "inferior", ["inferior"]),
        (-0.02, 0.02, "equivalent", ["equivalent", "non-inferior"]),
        (-0.02, 0.08, "non-inferior", ["non-inferior"]),
        (-0.08, 0.02, "not shown to be non-inferior", []),
        (-0.05, 0.02, "not shown to be non-inferior", []),
    ],
)
def test_claims_follow_from_the_interval(low, high, verdict, claims):
    found = judge(difference(low, high), margin=0.05)
    assert (found["verdict"], found["claims"]) == (verdict, claims)
    turned = judge(difference(-high, -low), margin=0.05, higher_is_better=False)
    assert turned["claims"] == claims


@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.1))
def test_one_sided_p_values_agree_with_the_interval(estimate, se):
    half = 1.959963984540054 * se
    found = judge(difference(estimate - half, estimate + half, se=se), margin=0.05)
    assert (found["p"]["superiority"] < 0.025) == ("superior" in found["claims"])
    assert (found["p"]["inferiority"] < 0.025) == ("inferior" in found["claims"])
    assert (found["p"]["noninferiority"] < 0.025) == ("non-inferior" in found["claims"])
    assert (found["p"]["equivalence"] < 0.025) == ("equivalent" in found["claims"])


def test_p_values_follow_an_interval_that_is_not_symmetric():
    lopsided = quantity(0.04, ci=(-0.01, 0.2), level=0.95, se=0.01, method="", n=9, n_clusters=9)
    found = judge(lopsided, margin=0.05)
    assert found["p"]["superiority"] > 0.025
    assert found["p"]["noninferiority"] < 0.025
    assert found["claims"] == ["non-inferior"]


def test_no_interval_no_claim_and_no_margin_after_the_fact():
    found = judge(undefined("no positive case", method="", n=3, n_clusters=3), margin=0.05)
    assert (found["verdict"], found["reason"]) == ("no claim", "no positive case")
    assert judge(difference(-0.02, 0.02), margin=None)["verdict"] == "no claim"
    with pytest.raises(UsageError, match="margin"):
        judge(difference(-0.02, 0.02), margin=0)


def test_distances_of_distributions():
    generator = np.random.default_rng(2)
    old, new = generator.normal(size=300), generator.normal(0.5, size=200)
    options = {"first_clusters": np.arange(300), "second_clusters": np.arange(200)}
    found = kolmogorov_smirnov(old, new, **options)
    points = np.concatenate([old, new])
    wanted = max(abs(np.mean(old <= x) - np.mean(new <= x)) for x in points)
    assert found["statistic"] == pytest.approx(wanted)
    assert found["p"] < 0.001
    fewer = kolmogorov_smirnov(
        old, new, first_clusters=np.arange(300) // 10, second_clusters=np.arange(200) // 10
    )
    assert fewer["statistic"] == found["statistic"]
    assert fewer["p"] > found["p"]
    assert kolmogorov_smirnov(old[:0], new, first_clusters=old[:0], second_clusters=new)["p"] is None


def test_chi_square_worked_by_hand():
    found = chi_square(np.array([10, 20, 0]), np.array([20, 10, 0]))
    assert found["statistic"] == pytest.approx(20 / 3)
    assert found["df"] == 1
    assert found["cramers_v"] == pytest.approx(1 / 3)
    assert chi_square(np.array([5, 0]), np.array([7, 0]))["reason"] == "there is only one category"
    assert chi_square(np.array([0, 0]), np.array([7, 3]))["reason"] == "a set is empty"


def stability(old, new, **options):
    owners = {"first_clusters": np.arange(len(old)), "second_clusters": np.arange(len(new))}
    return population_stability_index(old, new, **owners, **options)


def test_population_stability_worked_by_hand():
    old = np.arange(100.0)
    found = stability(old, old[:50], num_bins=2)
    # Shares 1/2, 1/2 against 1 and nothing, which counts as 1e-4.
    wanted = 0.5 * np.log(2) + (1e-4 - 0.5) * np.log(1e-4 / 0.5)
    assert found["estimate"] == pytest.approx(wanted)
    assert found["baseline"]["estimate"] == pytest.approx(1 / 100 + 1 / 50)
    assert found["verdict"] == "large shift"
    assert stability(old, old)["estimate"] == pytest.approx(0)
    assert stability(old[:0], old)["reason"] == "a set is empty"


CONFUSION = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])


def called(generator, *, shares, n, first=0, images=1):
    """Images of patients who keep their class and their call."""
    labels = generator.choice(3, size=n, p=shares)
    calls = (CONFUSION[labels].cumsum(axis=1) < generator.random((n, 1))).sum(axis=1)
    owners = first + np.arange(n)
    return Called(*(np.repeat(values, images) for values in (calls, owners, labels)))


def test_black_box_shift_finds_planted_prevalences():
    generator = np.random.default_rng(4)
    source = called(generator, shares=[0.6, 0.3, 0.1], n=20_000)
    target = called(generator, shares=[0.2, 0.3, 0.5], n=20_000, first=20_000)
    options = {"names": ("a", "b", "c"), "resamples": Resamples(40_000, seed=1, count=200), "level": 0.95}
    found = black_box_shift(source, target, **options)
    told = {
        name: [entry[name]["estimate"] for entry in found["classes"]] for name in ("prevalence", "weight")
    }
    assert told["prevalence"] == pytest.approx([0.2, 0.3, 0.5], abs=0.02)
    assert told["weight"] == pytest.approx([1 / 3, 1, 5], rel=0.1)
    assert found["classes"][0]["source"]["estimate"] == np.mean(source.labels == 0)
    assert found["test"]["p"] < 1e-6
    useless = dataclasses.replace(source, calls=np.zeros(20_000, dtype=int))
    none = black_box_shift(useless, target, **options)
    assert none["classes"][0]["weight"]["estimate"] is None
    assert none["classes"][0]["weight"]["reason"] == "calls do not tell the classes apart"
    nobody = Called(*(values[:0] for values in (target.calls, target.clusters, target.labels)))
    assert black_box_shift(source, nobody, **options)["reason"] == "no target image"


def test_intervals_of_prevalences_from_calls_alone_cover_them():
    generator, covered = np.random.default_rng(5), 0
    for _ in range(120):
        source = called(generator, shares=[0.5, 0.3, 0.2], n=150, images=2)
        target = called(generator, shares=[0.3, 0.3, 0.4], n=100, first=150, images=3)
        resamples = Resamples(250, seed=2, count=300)
        found = black_box_shift(source, target, names=("a", "b", "c"), resamples=resamples, level=0.95)
        low, high = found["classes"][2]["prevalence"]["ci"]
        covered += low <= 0.4 <= high
    assert covered >= 0.9 * 120


def repeated(generator, patients, *, first=0):
    """Numbers of patients of whom a few have many images that are nearly alike, and the patient of each."""
    images = np.where(generator.random(patients) < 0.05, 30, 1)
    owners = np.repeat(np.arange(patients), images)
    return generator.normal(size=patients)[owners] + 0.1 * generator.normal(size=len(owners)), first + owners


def test_images_that_are_alike_count_once_in_a_shift():
    generator = np.random.default_rng(8)
    old, new = generator.normal(size=80), generator.normal(size=60)
    once = stability(old, new)
    ids = {"first_clusters": np.repeat(np.arange(80), 5), "second_clusters": np.repeat(np.arange(60), 5)}
    five = np.repeat(old, 5), np.repeat(new, 5)
    assert population_stability_index(*five, **ids)["baseline"]["estimate"] == pytest.approx(
        once["baseline"]["estimate"]
    )
    alone = kolmogorov_smirnov(old, new, first_clusters=np.arange(80), second_clusters=np.arange(60))
    found = kolmogorov_smirnov(*five, **ids)
    assert found["statistic"] == pytest.approx(alone["statistic"])
    assert found["noticeable"] == pytest.approx(alone["noticeable"])


def test_a_few_patients_of_many_images_are_no_shift():
    generator, claims, psi, told = np.random.default_rng(9), 0, [], []
    for _ in range(150):
        (old, owners), (new, others) = repeated(generator, 300), repeated(generator, 150, first=300)
        ids = {"first_clusters": owners, "second_clusters": others}
        claims += kolmogorov_smirnov(old, new, **ids)["p"] < 0.05
        index = population_stability_index(old, new, **ids)
        psi.append(index["estimate"])
        told.append(index["baseline"]["estimate"])
    assert claims <= 0.09 * 150
    assert np.mean(told) == pytest.approx(np.mean(psi), rel=0.25)


def test_black_box_shift_is_the_inverse_of_the_confusion():
    """Three classes worked with `numpy.linalg.inv`, as algorithm 1 of Lipton et al. states it."""
    counts = np.array([[40, 6, 1], [8, 30, 4], [2, 4, 25]])  # called, true
    calls, labels = np.repeat(np.indices((3, 3)).reshape(2, -1), counts.ravel(), axis=1)
    target = np.repeat([0, 1, 2], [20, 25, 55])
    weights = np.linalg.inv(counts / 120) @ (np.array([20, 25, 55]) / 100)
    prevalences = weights * counts.sum(axis=0) / 120
    found = black_box_shift(
        Called(calls, np.arange(120), labels),
        Called(target, 120 + np.arange(100), np.zeros(100, dtype=int)),
        names=("a", "b", "c"),
        resamples=Resamples(220, seed=1, count=100),
        level=0.95,
    )
    assert [entry["weight"]["estimate"] for entry in found["classes"]] == pytest.approx(weights, rel=1e-12)
    told = [entry["prevalence"]["estimate"] for entry in found["classes"]]
    assert told == pytest.approx(prevalences, rel=1e-12)
    assert sum(told) == pytest.approx(1)


def test_population_stability_by_chance_is_a_chi_square():
    generator, found = np.random.default_rng(6), []
    for _ in range(400):
        found.append(stability(generator.normal(size=1000), generator.normal(size=500)))
    chance = found[0]["baseline"]["estimate"]
    assert chance == pytest.approx(9 * (1 / 1000 + 1 / 500))
    values = [one["estimate"] for one in found]
    assert np.mean(values) == pytest.approx(chance, rel=0.08)
    # Its 95th percentile is that of chi-square with 9 degrees of freedom, 16.92, over the harmonic size.
    assert np.quantile(values, 0.95) == pytest.approx(16.92 * (1 / 1000 + 1 / 500), rel=0.12)
