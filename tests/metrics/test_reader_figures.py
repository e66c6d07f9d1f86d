"""A model at a reader's operating point: counted by hand, unchanged by what must not matter, and covering."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import ndtr

from medcli.metrics.bootstrap import Resamples
from medcli.metrics.noninferiority import after_holm, judge
from medcli.metrics.obuchowski_rockette import model_against_readers
from medcli.metrics.reader_figures import Sitting, area_differences, matched_differences, rate_differences


def sitting(seed, *, readers=3, images=40, patients=20, missing=0.1):
    generator = np.random.default_rng(seed)
    truth = (np.arange(images) % 3 == 0).astype(float)
    calls = (generator.normal(size=(readers, images)) + truth > 0.5).astype(float)
    calls[generator.random(calls.shape) < missing] = np.nan
    scores = np.round(generator.normal(size=images) + truth, 1)
    return Sitting(np.tile(truth, (readers, 1)), calls, scores, np.arange(images) % patients)


def by_hand(targets, calls, scores):
    """The best sensitivity of the model that has no more false alarms than the reader, less the reader's."""
    known = ~np.isnan(calls)
    targets, calls, scores = targets[known], calls[known], scores[known]
    allowed = np.sum(calls[targets == 0])
    rates = [
        np.mean(scores[targets == 1] >= t)
        for t in [np.inf, *scores]
        if np.sum(scores[targets == 0] >= t) <= allowed
    ]
    return max(rates) - np.mean(calls[targets == 1])


@given(st.integers(0, 10**6))
def test_every_resample_is_what_scoring_the_drawn_images_gives(seed):
    cases, resamples = sitting(seed), Resamples(20, seed, 5)
    found = matched_differences(cases, kind="sensitivity", resamples=resamples)
    gaps = [by_hand(cases.targets[r], cases.ratings[r], cases.scores) for r in range(3)]
    assert found.model - found.readers == pytest.approx(gaps, abs=1e-12)
    drawn = resamples.evaluate(lambda counts: counts)
    for resample, times in enumerate(drawn):
        images = np.repeat(np.arange(40), times[cases.clusters])
        for r in range(3):
            wanted = by_hand(cases.targets[r, images], cases.ratings[r, images], cases.scores[images])
            assert found.drawn[resample, r] == pytest.approx(wanted, abs=1e-12)


@given(st.integers(0, 10**6))
def test_specificity_is_sensitivity_with_yes_and_no_exchanged(seed):
    cases, resamples = sitting(seed), Resamples(20, seed, 20)
    turned = Sitting(1 - cases.targets, 1 - cases.ratings, -cases.scores, cases.clusters)
    one = matched_differences(cases, kind="specificity", resamples=resamples)
    other = matched_differences(turned, kind="sensitivity", resamples=resamples)
    assert np.array_equal(one.drawn, other.drawn)
    assert np.array_equal(one.covariance, other.covariance)


@given(st.integers(0, 10**6))
def test_monotone_transforms_and_order_change_nothing(seed):
    cases, resamples = sitting(seed), Resamples(20, seed, 20)
    order = np.random.default_rng(seed).permutation(40)
    bent = Sitting(
        cases.targets[:, order], cases.ratings[:, order], np.exp(cases.scores[order]), cases.clusters[order]
    )
    one, other = (
        matched_differences(item, kind="sensitivity", resamples=resamples) for item in (cases, bent)
    )
    assert np.array_equal(one.drawn, other.drawn)
    swapped = matched_differences(cases.of(np.array([2, 0, 1])), kind="sensitivity", resamples=resamples)
    assert np.array_equal(swapped.drawn, one.drawn[:, [2, 0, 1]])


@given(st.integers(0, 10**6))
def test_balanced_accuracy_is_the_mean_of_both_rates(seed):
    cases = sitting(seed)
    called = cases.scores > 0.4
    area = area_differences(cases, called)
    rates = [rate_differences(cases, called, kind=kind) for kind in ("sensitivity", "specificity")]
    assert area.model == pytest.approx((rates[0].model + rates[1].model) / 2, abs=1e-12)
    assert area.readers == pytest.approx((rates[0].readers + rates[1].readers) / 2, abs=1e-12)


def test_images_doubled_within_a_patient_change_no_error():
    cases = sitting(1, missing=0)
    twice = Sitting(*(np.tile(a, (1, 2)) for a in (cases.targets, cases.ratings)), np.tile(cases.scores, 2),
                    np.tile(cases.clusters, 2))  # fmt: skip
    for function in (
        lambda item: area_differences(item, item.scores > 0.4),
        lambda item: rate_differences(item, item.scores > 0.4, kind="sensitivity"),
        lambda item: matched_differences(item, kind="sensitivity", resamples=Resamples(20, 1, 50)),
    ):
        assert function(twice).covariance == pytest.approx(function(cases).covariance, abs=1e-12)


def test_the_interval_for_readers_like_these_covers():
    """Readers of many skills and thresholds, and a model that on average finds as much as they do."""
    generator, readers, images = np.random.default_rng(3), 5, 200
    truth = (np.arange(images) < 60).astype(float)
    skills, limits = generator.normal(1.8, 0.3, 50_000), generator.normal(1.1, 0.35, 50_000)
    skill = brentq(lambda value: np.mean(ndtr(value - limits) - ndtr(skills - limits)), 1, 3)
    hits = 0
    for study in range(150):
        hard = 0.6 * generator.normal(size=images)
        scores = skill * truth + hard + 0.8 * generator.normal(size=images)
        own = generator.normal(1.8, 0.3, (readers, 1)) * truth + hard
        limit = generator.normal(1.1, 0.35, (readers, 1))
        calls = (own + 0.8 * generator.normal(size=own.shape) > limit).astype(float)
        cases = Sitting(np.tile(truth, (readers, 1)), calls, scores, np.arange(images))
        found = matched_differences(cases, kind="sensitivity", resamples=Resamples(images, study, 300))
        value = model_against_readers(
            found.model - found.readers, found.covariance, n=images, n_clusters=images, level=0.95
        )
        hits += value["ci"][0] <= 0 <= value["ci"][1]
    assert hits / 150 >= 0.92


def test_holm_keeps_the_stronger_claims():
    def difference(estimate, se):
        ci = [estimate - 1.96 * se, estimate + 1.96 * se]
        return {"estimate": estimate, "ci": ci, "level": 0.95, "se": se, "df": None, "reason": None}

    values = [difference(0.1, 0.02), difference(0.1, 0.045), difference(0.0, 0.01), difference(-0.2, 0.03)]
    judged = [judge(value, margin=0.05) for value in values]
    assert [item["verdict"] for item in judged] == ["superior", "superior", "equivalent", "inferior"]
    held = after_holm(judged, level=0.95)
    assert [item["verdict"] for item in held] == ["superior", "non-inferior", "equivalent", "inferior"]
    # Two-sided by doubling: 2 of 4 labels are left when the second is tested.
    assert held[1]["p"]["superiority"] == pytest.approx(2 * judged[1]["p"]["superiority"])
    assert held[1]["p"]["inferiority"] == 1.0
    undefined = judge({"estimate": None, "ci": None, "se": None, "reason": "none"}, margin=0.05)
    assert after_holm([undefined, judged[0]], level=0.95)[1]["p"] == judged[0]["p"] | {"inferiority": 1.0}
