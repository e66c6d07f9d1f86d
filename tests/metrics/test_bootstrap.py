"""Resampled patients: the same as recomputing, the exact distribution where it is known, repeatable."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.metrics import bootstrap
from medcli.metrics.average_precision import average_precision
from medcli.metrics.bootstrap import (
    PatientSums,
    Resamples,
    bca_interval,
    bootstrap_aucs,
    bootstrap_p,
    defined,
    percentile_interval,
    ranking,
)
from medcli.metrics.discrimination import auc_quantity
from medcli.metrics.fixed_rates import sensitivity_at_specificity
from medcli.metrics.intervals import expanded_level, expanded_p
from medcli.metrics.partial_auc import partial_area
from medcli.metrics.resampling_kernels import average_precisions, partial_areas
from medcli.metrics.roc import auc
from medcli.metrics.settings import Settings
from tests.metrics.oracles import codes, expected, numbers, table


def drawn_counts(resamples):
    return np.concatenate([draw() for _, draw in resamples.blocks()])


@st.composite
def cohorts(draw):
    size = draw(st.integers(2, 40))
    columns = [draw(st.lists(st.integers(0, top), min_size=size, max_size=size)) for top in (1, 6, 8)]
    targets, scores, clusters = (np.array(column) for column in columns)
    return targets, scores.astype(float), np.unique(clusters, return_inverse=True)[1]


@given(cohorts(), st.integers(0, 2**62))
def test_a_walk_with_weights_is_scoring_the_drawn_images_anew(cohort, seed):
    targets, scores, clusters = cohort
    resamples = Resamples(int(clusters.max()) + 1, seed, 5)
    order = ranking(targets, scores, clusters)
    areas = bootstrap_aucs([order], resamples)[:, 0]
    walk = order.reversed()
    arguments = (walk.owners, walk.positive, walk.is_last)
    for number, counts in enumerate(drawn_counts(resamples)):
        assert counts.sum() == resamples.num_clusters
        times = counts[clusters]
        y, s = np.repeat(targets, times), np.repeat(scores, times)
        wanted, row = auc(y, s), counts[None]
        if wanted is None:
            assert np.isnan(areas[number])
        else:
            assert areas[number] == pytest.approx(wanted, abs=1e-15)
            again = ranking(y, s, np.zeros(len(y), dtype=int))
            assert partial_areas(*arguments, row, (0.1, 0.6))[0] == pytest.approx(
                partial_area(again, low=0.4, high=0.9), abs=1e-12
            )
        if y.any():
            assert average_precisions(*arguments, row)[0] == pytest.approx(average_precision(y, s), abs=1e-12)


def test_resamples_do_not_depend_on_blocks_or_threads():
    generator = np.random.default_rng(2)
    scores, clusters = generator.normal(size=9000), np.repeat(np.arange(3000), 3)
    order = ranking(scores + generator.normal(size=9000) > 1, scores, clusters)
    one = bootstrap_aucs([order, order.mirrored()], Resamples(3000, 5, 2000))
    two = bootstrap_aucs([order, order.mirrored()], Resamples(3000, 5, 2000), threads=2)
    assert (one == two).all()
    assert one[:, 0] == pytest.approx(one[:, 1], abs=1e-15)
    assert (one[:100] == bootstrap_aucs([order, order], Resamples(3000, 5, 100))).all()
    assert (one[:, 0] != bootstrap_aucs([order], Resamples(3000, 6, 2000))[:, 0]).any()


@pytest.mark.parametrize("patients", [2, 7, 40, 10**6])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_expanded_percentiles_and_their_p_are_one(patients, level):
    assert expanded_p(1 - expanded_level(level, patients), patients) == pytest.approx(1 - level)


def test_every_patient_is_drawn_as_often_as_another():
    counts = drawn_counts(Resamples(7, 11, 20_000))
    assert counts.mean(axis=0) == pytest.approx(np.ones(7), abs=0.03)
    assert counts.var(axis=0) == pytest.approx(np.full(7, 6 / 7), abs=0.05)
    assert np.corrcoef(counts.T)[0, 1:] == pytest.approx(np.full(6, -1 / 6), abs=0.03)


def test_clustered_errors_agree_with_those_of_r():
    data, wanted = table("03_syn_clustered_two_models"), expected("03_syn_clustered_two_models")
    wanted = wanted["cluster_bootstrap"]
    targets, clusters = numbers(data["y"]), codes(data["patient_id"])
    orders = [ranking(targets, numbers(data[name]), clusters) for name in ("prob_a", "prob_b")]
    values = bootstrap_aucs(orders, Resamples(160, 1, 4000))
    found = [*values.std(axis=0, ddof=1), (values[:, 0] - values[:, 1]).std(ddof=1)]
    assert found == pytest.approx([wanted[key] for key in ("se_a", "se_b", "se_diff")], rel=0.1)
    assert bootstrap_p(values[:, 0] - values[:, 1]) < 0.05
    assert bootstrap_p(values[:, 0] - values[:, 0]) == 1


def test_all_stratified_resamples_of_six_images():
    wanted = expected("24b_exact_bootstrap_auc")
    targets, scores = np.array([1, 1, 1, 0, 0, 0]), np.array(wanted["pos"] + wanted["neg"])
    half = [np.bincount(draw, minlength=3) for draw in itertools.product(range(3), repeat=3)]
    counts = np.array([np.append(a, b) for a in half for b in half], dtype=np.uint8)
    order = ranking(targets, scores, np.arange(6))

    from medcli.metrics.resampling_kernels import areas

    values = areas(order.owners, order.positive, order.is_last, counts)
    delong = auc_quantity(targets, scores, np.arange(6), level=0.95)
    assert delong["estimate"] == pytest.approx(wanted["auc"], rel=1e-9)
    assert delong["se"] ** 2 == pytest.approx(wanted["delong_var"], rel=1e-9)
    assert values.mean() == pytest.approx(wanted["exact_bootstrap_mean"], rel=1e-9)
    assert values.var() == pytest.approx(wanted["exact_bootstrap_variance"], rel=1e-9)
    assert len(np.unique(values.round(9))) == wanted["n_distinct"]
    assert percentile_interval(values, level=0.95) == pytest.approx(
        wanted["percentile95_of_exact_distribution"]
    )
    drawn = [np.repeat(np.arange(6), row) for row in counts]
    shares = [
        sensitivity_at_specificity(targets[rows], scores[rows], rows, specificity=0.66, level=0.95)[
            "estimate"
        ]
        for rows in drawn
    ]
    wanted = wanted["sens_at_spec_0.66"]
    whole = sensitivity_at_specificity(targets, scores, np.arange(6), specificity=0.66, level=0.95)
    assert whole["estimate"] == pytest.approx(wanted["estimate"], rel=1e-9)
    assert np.mean(shares) == pytest.approx(wanted["mean"], rel=1e-9)
    times = {key: int(np.isclose(shares, float(key), atol=1e-5).sum()) for key in wanted["table"]}
    assert times == wanted["table"]


def test_bca_of_a_mean_leans_the_way_of_the_skewness():
    generator = np.random.default_rng(8)
    values = generator.exponential(size=40)
    means = values[generator.integers(40, size=(20_000, 40))].mean(axis=1)
    plain = percentile_interval(means, level=0.95)
    better = bca_interval(means, values.mean(), influences=values - values.mean(), level=0.95)
    assert better[0] > plain[0]
    assert better[1] > plain[1]
    # Without skewness or bias they are the same.
    symmetric = np.linspace(-1, 1, 2001)
    flat = bca_interval(symmetric, 0.0, influences=np.array([-1.0, 1.0]), level=0.9)
    assert flat == pytest.approx(percentile_interval(symmetric, level=0.9), abs=1e-3)


def test_bca_of_efron_and_tibshirani():
    """Variance of 26 children's spatial test: An Introduction to the Bootstrap, 1993, tables 14.1 and 14.2.

    They print 171.5, an acceleration of 0.061, and of 2,000 resamples limits (5 % and 95 %) of 115.8 and
    259.6, or 100.8 and 233.9 for percentiles: with so few, limits move by a few units.
    """
    scores = "48 36 20 29 42 42 20 42 22 41 45 14 6 0 33 28 34 4 32 24 47 41 24 26 30 41"
    values = np.array(scores.split(), dtype=float)
    sums = np.stack([np.ones(26), values, values**2], axis=1)

    def variance(totals):
        n, first, second = totals.T
        return second / n - (first / n) ** 2

    estimate = variance(sums.sum(axis=0, keepdims=True))[0]
    assert estimate == pytest.approx(171.5, abs=0.05)
    left_out = estimate - variance(sums.sum(axis=0) - sums)
    centred = left_out - left_out.mean()
    assert np.sum(centred**3) / (6 * np.sum(centred**2) ** 1.5) == pytest.approx(0.061, abs=5e-4)
    drawn = variance(Resamples(26, 1, 40_000).sums(sums))
    assert percentile_interval(drawn, level=0.9) == pytest.approx((100.8, 233.9), abs=4)
    assert bca_interval(drawn, estimate, influences=left_out, level=0.9) == pytest.approx(
        (115.8, 259.6), abs=5
    )


def test_resamples_without_variation_give_no_interval():
    assert percentile_interval(np.full(50, 0.5), level=0.95) is None
    assert defined(np.append(np.full(60, np.nan), np.arange(40))) is None
    assert bca_interval(np.full(50, 0.5), 0.5, influences=np.zeros(3), level=0.95) is None


def test_sums_resample_patients_and_repeat_with_their_seed():
    counts = np.stack([np.repeat([0, 3], 20), np.full(40, 3)], axis=1)
    settings = Settings(level=0.95, num_bins=15, seed=0, resamples=1000)

    def share(seed):
        sums = PatientSums(counts, Resamples(40, seed, 1000), n=120, n_clusters=40, fewest=40)
        return sums.quantity(
            lambda rows: rows[:, 0] / rows[:, 1], name="share", settings=settings, none_reason="none"
        )

    assert share(7) == share(7)
    assert share(7)["se"] != share(8)["se"]
    # 40 patients, half of them yes: the standard error is that of 40 draws, not of 120 images.
    assert share(7)["se"] == pytest.approx(np.sqrt(0.25 / 40), rel=0.1)
    assert share(7)["method"] == "share, bootstrap over patients, percentile, 1000 resamples"
    assert share(7)["defined"] == 1000


def test_kept_draws_are_those_drawn_block_by_block(monkeypatch):
    values = np.arange(60.0).reshape(30, 2)
    kept = Resamples(30, 5, 40).sums(values)
    monkeypatch.setattr(bootstrap, "_MOST_KEPT", 0)
    assert (Resamples(30, 5, 40).sums(values) == kept).all()
