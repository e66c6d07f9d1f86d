"""One truth from several readers: worked by hand, and found again where it was planted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.errors import DataError
from medcli.metrics.consensus import leave_one_out_references, majority, majority_of_categories, panel
from medcli.metrics.dawid_skene import dawid_skene

GAP = np.nan
READINGS = np.array([[1, 1, 0, 1], [1, 0, 1, 0], [0, 0, GAP, 1], [GAP, GAP, GAP, GAP], [1, GAP, GAP, 0]])


def test_majority_lists_its_ties():
    found = majority(READINGS)
    assert found.labels.tolist() == pytest.approx([1, GAP, 0, GAP, GAP], nan_ok=True)
    assert found.ties == [1, 4]
    assert found.unread == [3]
    assert found.share.tolist() == pytest.approx([0.75, 0.5, 1 / 3, GAP, 0.5], nan_ok=True)
    assert majority(READINGS, ties="positive").labels[[1, 4]].tolist() == [1, 1]
    assert majority(READINGS, ties="negative").ties == [1, 4]


def test_panel_leaves_open_what_missing_readings_could_turn():
    assert panel(READINGS, least=1).labels.tolist() == pytest.approx([1, 1, 1, GAP, 1], nan_ok=True)
    assert panel(READINGS, least=2).labels.tolist() == pytest.approx([1, 1, GAP, GAP, GAP], nan_ok=True)
    assert panel(READINGS, least=4).labels.tolist() == pytest.approx([0, 0, 0, GAP, 0], nan_ok=True)


def test_a_reader_is_not_compared_with_himself():
    references = leave_one_out_references(READINGS)
    assert len(references) == 4
    # Without the third reader the first image is unanimous, without the first the second is 0.
    assert references[2].share[0] == 1
    assert references[0].labels[1] == 0


def test_the_most_frequent_category():
    found = majority_of_categories(np.array([[2, 2, 0], [0, 1, 2], [1, GAP, GAP]]), num_categories=3)
    assert found.labels.tolist() == pytest.approx([2, GAP, 1], nan_ok=True)
    assert found.ties == [1]


def test_other_values_are_refused():
    with pytest.raises(DataError, match="not 2"):
        majority(np.array([[1, 2.0]]))
    with pytest.raises(DataError, match="ties"):
        majority(READINGS, ties="coin")
    with pytest.raises(DataError, match="4 readers"):
        panel(READINGS, least=5)


def test_dawid_and_skene_find_planted_errors():
    generator = np.random.default_rng(0)
    truth = generator.random(4000) < 0.3
    planted = [(0.9, 0.95), (0.8, 0.9), (0.7, 0.85), (0.95, 0.7), (0.6, 0.6)]
    ratings = np.stack(
        [np.where(truth, generator.random(4000) < se, generator.random(4000) > sp) for se, sp in planted],
        axis=1,
    ).astype(float)
    ratings[generator.random(ratings.shape) < 0.1] = np.nan
    found = dawid_skene(ratings, num_categories=2)
    assert found.prevalence[1] == pytest.approx(0.3, abs=0.03)
    assert found.confusion[:, 1, 1] == pytest.approx([se for se, _ in planted], abs=0.05)
    assert found.confusion[:, 0, 0] == pytest.approx([sp for _, sp in planted], abs=0.03)
    agreed = np.mean((found.probabilities[:, 1] > 0.5) == truth)
    by_count = majority(ratings, ties="negative").labels == truth
    assert agreed > by_count.mean()
    assert found.flags == []


@given(st.integers(0, 10**6))
def test_more_rounds_are_more_likely_and_beliefs_are_probabilities(seed):
    generator = np.random.default_rng(seed)
    ratings = generator.integers(0, 3, size=(12, 4)).astype(float)
    ratings[generator.random(ratings.shape) < 0.3] = np.nan
    short = dawid_skene(ratings, num_categories=3, tolerance=1.0)
    long = dawid_skene(ratings, num_categories=3)
    assert long.log_likelihood >= short.log_likelihood - 1e-9
    read = ~np.isnan(ratings).all(axis=1)
    assert np.isnan(long.probabilities[~read]).all()
    assert long.probabilities[read].sum(axis=1) == pytest.approx(np.ones(read.sum()))


def test_dawid_and_skene_without_disagreement_or_readings():
    found = dawid_skene(np.ones((5, 3)), num_categories=2)
    assert found.probabilities[:, 1].tolist() == [1] * 5
    assert dawid_skene(np.full((2, 3), np.nan), num_categories=2).flags == ["no reading"]
    assert "three" in dawid_skene(np.array([[0, 1.0], [1, 1]]), num_categories=2).flags[0]
