"""Legal input at its worst: every measure gives a number or says why not, without a warning."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from medcli.metrics.agreement import agreement, kind_of_ratings
from medcli.metrics.arms import compare_arms
from medcli.metrics.bootstrap import Resamples
from medcli.metrics.model_differences import Setting, compare_label, compare_macro
from medcli.metrics.reader_figures import Sitting
from medcli.metrics.reader_summary import compare_with_readers
from medcli.metrics.subgroups import compare_groups
from medcli.metrics.summary import summarize
from medcli.metrics.tallies import LabelScores
from tests.metrics.coverage import quantities
from tests.metrics.evaluated import scored, settings

RANKS = ([0.0], [1e300, -1e300, 0.0], [math.inf, -math.inf, 0.0], [5e-324, 0.0], [0.0, 1.0, 2.0])
CHANCES = ([0.3], [0.0, 1.0], [1e-300, 1 - 1e-16, 0.5], [0.2, 0.5, 0.7, 0.9])


def draw(generator, *, ranks):
    """A few images of any patients with any truth, and two sets of scores."""
    size = int(generator.choice([1, 2, 3, 8, 30]))
    clusters = generator.integers(0, generator.choice([1, 2, size]), size=size)
    share = generator.choice([0.0, 0.4, 1.0])
    targets = (generator.random(size) < share).astype(float)
    values = [*RANKS, *CHANCES] if ranks else CHANCES
    scores = [generator.choice(values[generator.integers(len(values))], size=size) for _ in range(2)]
    return targets, scores, np.unique(clusters, return_inverse=True)[1]


def hold(found):
    """Numbers are finite, inside their intervals, and what is missing has a reason."""
    for name, value in quantities(found):
        low, high = value["ci"] or (None, None)
        assert (value["estimate"] is not None and value["ci"] is not None) or value["reason"], name
        if value["estimate"] is not None:
            assert math.isfinite(value["estimate"]), name
        if value["ci"] is not None:
            assert np.isfinite([low, high]).all(), name
            assert low - 1e-9 <= value["estimate"] <= high + 1e-9, name
        assert not isinstance(value.get("threshold"), float) or math.isfinite(value["threshold"]), name


@pytest.mark.parametrize("seed", range(40))
def test_every_measure_says_a_number_or_a_reason(seed):
    generator = np.random.default_rng(seed)
    ranks = seed % 2 == 1
    targets, scores, clusters = draw(generator, ranks=ranks)
    chosen = settings(resamples=20, bootstrap=("percentile", "bca")[seed % 4 // 2])
    data = scored(targets, scores[0], clusters, threshold=None if seed % 5 == 0 else 0.5, ranks=ranks)
    exclusive = scored(
        np.stack([1 - targets, targets], axis=1),
        np.stack([1 - scores[0], scores[0]], axis=1),
        clusters,
        exclusive=True,
        ranks=ranks,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hold(summarize(data, chosen))
        hold(summarize(exclusive, chosen))
        codes = np.arange(len(targets)) % 2
        hold(compare_groups(data, codes, ["even", "odd"], listed={}, settings=chosen))
        for half in (np.ones(len(targets), dtype=bool), codes == 0):
            sides = [
                LabelScores(
                    targets[rows],
                    values[rows],
                    values[rows] >= 0.5,
                    None if ranks else values[rows],
                    clusters[rows],
                )
                for rows, values in zip((half, half if half.all() else ~half), scores, strict=True)
            ]
            setting = Setting(half.all(), Resamples(int(clusters.max()) + 1, seed, 20), level=0.95)
            if all(len(side.targets) for side in sides):
                hold([compare_label(sides, setting), compare_macro([[side] for side in sides], setting)])


@pytest.mark.parametrize("seed", range(40))
def test_every_figure_of_readers_says_a_number_or_a_reason(seed):
    generator = np.random.default_rng(seed)
    targets, (scores, _), clusters = draw(generator, ranks=True)
    readers = int(generator.integers(1, 4))
    values = ([0.0, 1.0], [0.0, 1.0, 2.0, 3.0], [1e300, -1e300, 0.5], [0.1, 0.35, 5e-324])[seed % 4]
    ratings = generator.choice(values, size=(readers, len(targets)))
    ratings[generator.random(ratings.shape) < generator.choice([0, 0.3])] = np.nan
    names, calls = [str(row) for row in range(readers)], seed % 4 == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sitting = Sitting(np.tile(targets, (readers, 1)), ratings.copy(), scores, clusters)
        hold(
            compare_with_readers(
                sitting,
                names,
                is_called=scores >= 0.5,
                are_calls=calls,
                positive_from=None if calls else 0.5,
                resamples=Resamples(int(clusters.max()) + 1, seed, 20),
                margin=0.1,
                level=0.95,
            )
        )
        arms = np.stack([ratings, ratings[:, ::-1]])
        options = {"arms": ["a", "b"], "readers": names, "are_calls": calls, "level": 0.95}
        hold(compare_arms(targets, arms, clusters, **options))
        if readers > 1 and not np.isnan(ratings).all():
            kind = kind_of_ratings(ratings)
            hold(agreement(ratings.T, clusters, readers=names, kind=kind, level=0.95, seed=seed))
