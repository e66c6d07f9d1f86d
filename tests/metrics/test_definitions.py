"""Figures counted out from their definitions on small cases with ties, gaps, repeats and empty classes."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.calibration.conformal import largest_usual
from medcli.metrics.average_precision import average_precision
from medcli.metrics.bins import Bins, bin_codes
from medcli.metrics.chance_corrected import brennan_prediger, fleiss_kappa, gwet_ac1, rating_counts
from medcli.metrics.ece import binned_errors
from medcli.metrics.hand_till import hand_till_auc
from medcli.metrics.kappa import Weights, cohen_kappa
from medcli.metrics.krippendorff import krippendorff_alpha
from medcli.metrics.obuchowski_rockette import GENERALISATIONS, Design, compare_modalities
from medcli.metrics.probability import expected_calibration_error
from medcli.metrics.reader_covariances import METHODS, auc_covariances
from medcli.metrics.roc import auc_covariance, roc_components

SEEDS = st.integers(0, 10**6)


def optional(value):
    return None if value is None else pytest.approx(value, abs=1e-10)


def wins(above, below):
    return (above[:, None] > below) + (above[:, None] == below) / 2


def obuchowski(targets, first, second, patients):
    """Covariance of two clustered AUCs, sum by sum as in Obuchowski, Biometrics 1997; 53:567, section 3."""
    everyone, above, below = np.unique(patients), patients[targets == 1], patients[targets == 0]
    sums = []
    for scores in (first, second):
        won = wins(scores[targets == 1], scores[targets == 0])
        excess = won - won.mean()
        by_positive = [excess.mean(axis=1)[above == patient].sum() for patient in everyone]
        by_negative = [excess.mean(axis=0)[below == patient].sum() for patient in everyone]
        sums.append((np.array(by_positive), np.array(by_negative)))
    (p, n), (q, m) = sums
    size, positives, negatives = len(everyone), len(np.unique(above)), len(np.unique(below))
    return (
        positives / (positives - 1) * (p @ q) / len(above) ** 2
        + negatives / (negatives - 1) * (n @ m) / len(below) ** 2
        + size / (size - 1) * (p @ m + n @ q) / (len(above) * len(below))
    )


@given(SEEDS, st.booleans())
def test_covariances_are_the_sums_over_patients(seed, repeats):
    generator = np.random.default_rng(seed)
    size = int(generator.integers(4, 25))
    targets, scores = np.arange(size) % 2, generator.integers(-3, 4, (2, size)).astype(float)
    generator.shuffle(targets)
    patients = np.unique(
        generator.integers(0, 12, size) if repeats else np.arange(size), return_inverse=True
    )[1]
    if min(len(np.unique(patients[targets == kind])) for kind in (0, 1)) < 2:
        return
    parts = [roc_components(targets, row, patients, num_clusters=patients.max() + 1) for row in scores]
    for a, b in itertools.product((0, 1), repeat=2):
        wanted = obuchowski(targets, scores[a], scores[b], patients)
        assert auc_covariance(parts[a], parts[b]) == pytest.approx(wanted, abs=1e-12)


@given(SEEDS, st.sampled_from(["mixed", "constant", "one positive", "no positive", "no negative"]))
def test_average_precision_is_precision_at_each_gain_of_recall(seed, kind):
    generator = np.random.default_rng(seed)
    size = int(generator.integers(1, 15))
    targets, scores = generator.integers(0, 2, size), generator.integers(-3, 4, size).astype(float)
    if kind == "constant":
        scores[:] = -1
    elif kind != "mixed":
        targets[:] = kind == "no negative"
        targets[0] = kind != "no positive"
    found, total, wanted = average_precision(targets, scores), targets.sum(), 0.0
    for threshold in np.unique(scores):
        called, tied = scores >= threshold, targets[scores == threshold].sum()
        wanted += tied / max(1, total) * targets[called].mean()
    assert found == (optional(wanted) if total else None)
    if kind == "constant" and total:
        assert found == pytest.approx(targets.mean())


@given(SEEDS, st.sampled_from(["none", "linear", "quadratic"]), st.sampled_from(["any", "one", "alike"]))
def test_weighted_kappa_is_one_less_the_ratio_of_disagreements(seed, weights, kind):
    generator = np.random.default_rng(seed)
    categories, size = int(generator.integers(2, 5)), int(generator.integers(1, 25))
    first, second = generator.integers(0, categories, (2, size))
    if kind != "any":
        first[:] = 0
        second = first if kind == "alike" else second
    found = cohen_kappa(
        first, second, np.arange(size), num_categories=categories, weights=Weights(weights), level=0.95
    )
    power = {"none": 0, "linear": 1, "quadratic": 2}[weights]

    def apart(a, b):
        return float(a != b) if power == 0 else abs(int(a) - int(b)) ** power

    seen = np.mean([apart(a, b) for a, b in zip(first, second, strict=True)])
    chance = np.mean([apart(a, b) for a, b in itertools.product(first, second)])
    assert found["estimate"] == optional(1 - seen / chance if chance else None)
    assert (found["reason"] is not None) or chance > 0


@given(SEEDS, st.booleans())
def test_agreement_of_many_readers_is_counted_pair_by_pair(seed, alike):
    generator = np.random.default_rng(seed)
    categories, images, readers = (
        int(generator.integers(low, high)) for low, high in ((2, 4), (1, 8), (2, 5))
    )
    ratings = generator.integers(0, categories, (images, readers)).astype(float)
    if alike:
        ratings[:] = ratings[0, 0]
    counts = rating_counts(ratings, num_categories=categories)
    pairs = [row[i] == row[j] for row in ratings for i, j in itertools.permutations(range(readers), 2)]
    seen, shares = (
        np.mean(pairs),
        np.bincount(ratings.ravel().astype(int), minlength=categories) / ratings.size,
    )
    by_chance = {
        fleiss_kappa: np.sum(shares**2),
        gwet_ac1: np.sum(shares * (1 - shares)) / (categories - 1),
        brennan_prediger: 1 / categories,
    }
    for function, chance in by_chance.items():
        found = function(counts, np.arange(images), level=0.95)
        undefined = chance > 1 - 1e-12
        assert found["estimate"] == optional(None if undefined else (seen - chance) / (1 - chance))
    ratings[generator.random(ratings.shape) < 0.25] = np.nan
    paired = [row[~np.isnan(row)] for row in ratings if np.sum(~np.isnan(row)) > 1]
    alpha = krippendorff_alpha(ratings, np.arange(images), level=0.95, seed=1, resamples=20)["estimate"]
    every = np.concatenate(paired) if paired else np.zeros(0)
    expected = np.sum(every[:, None] != every) / max(1, len(every) * (len(every) - 1))
    observed = sum(np.sum(row[:, None] != row) / (len(row) - 1) for row in paired) / max(1, len(every))
    assert alpha == optional(1 - observed / expected if expected else None)


@given(SEEDS)
def test_hand_till_is_the_mean_over_pairs_of_classes_that_occur(seed):
    generator = np.random.default_rng(seed)
    labels, scores = generator.integers(0, 4, 9), generator.integers(0, 3, (9, 4)).astype(float)
    pairs = [
        wins(scores[labels == a, a], scores[labels == b, a]).mean()
        for a, b in itertools.permutations(np.unique(labels), 2)
    ]
    found = hand_till_auc(labels, scores, np.arange(9), level=0.95)
    assert found["estimate"] == optional(np.mean(pairs) if pairs else None)
    assert bool(found["flags"]) or len(np.unique(labels)) == 4


@pytest.mark.parametrize("num_bins", [5, 7, 10, 15, 20, 30])
@pytest.mark.parametrize("parts", [10, 15, 20, 30, 100, 1000])
def test_a_probability_on_an_edge_is_in_the_bin_that_is_closed_there(num_bins, parts):
    """Rounded probabilities lie on edges, which binary fractions miss: compared with exact ones."""
    places = [Fraction(k, parts) * num_bins for k in range(parts + 1)]
    p = np.arange(parts + 1) / parts
    right = [max(0, math.ceil(place) - 1) for place in places]
    assert bin_codes(p, num_bins=num_bins).tolist() == right
    left = [min(num_bins - 1, math.floor(place)) for place in places]
    assert bin_codes(p, num_bins=num_bins, closed="left").tolist() == left
    outcomes = np.random.default_rng(parts).integers(0, 2, parts + 1)
    found = expected_calibration_error(p, outcomes, num_bins=num_bins)
    assert found == pytest.approx(
        binned_errors(p, outcomes, Bins(np.array(right), np.zeros((0, num_bins))))["ece"], abs=1e-12
    )


def test_limits_of_sets_are_exact_ranks_for_every_size():
    """ceil((n + 1)(1 - alpha)) in whole numbers: 0.9 times 10 is not 9.000000000000002."""
    for alpha in ("0.01", "0.02", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.4", "0.5", "0.7", "0.9"):
        for size in range(1, 120):
            rank = math.ceil((size + 1) * (1 - Fraction(alpha)))
            found = largest_usual(np.arange(1.0, size + 1), np.arange(size), coverage=1 - float(alpha))
            assert found == (math.inf if rank > size else rank), (size, alpha)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("to", GENERALISATIONS)
@pytest.mark.parametrize("kind", ["same arms", "same readers", "perfect", "constant"])
def test_readers_without_variation_give_no_interval_and_no_p(method, to, kind):
    generator = np.random.default_rng(2)
    truth = np.repeat([1.0, 0.0], [12, 15])
    noise = generator.normal(size=(2, 4, 27)) * (kind not in ("perfect", "constant"))
    readings = noise + truth * (kind != "constant")
    if kind == "same arms":
        readings[1] = readings[0]
    elif kind == "same readers":
        readings[:] = readings[:, :1]
    figures, covariances = auc_covariances(truth, readings.reshape(8, 27), np.arange(27), method=method)
    design = Design(figures.reshape(2, 4), covariances.reshape(2, 4, 2, 4), n=27, n_clusters=27)
    found = compare_modalities(design, to=to, level=0.95)
    (difference,) = found["differences"]
    assert (difference["estimate"] == 0) == (kind != "same readers")
    if kind == "same readers" and to != "readers":
        # Cases still vary, and one reader is as good as four who always agree.
        assert difference["se"] ** 2 == pytest.approx(
            covariances[0, 0] + covariances[4, 4] - 2 * covariances[0, 4], rel=1e-9
        )
        return
    assert (difference["se"], difference["ci"], difference["test"]["p"]) == (0, None, None)
    assert difference["reason"]
    assert found["test"]["p"] is None
