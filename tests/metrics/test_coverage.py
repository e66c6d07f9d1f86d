"""Intervals hold what they promise: the truth is inside in at least 92 of 100 simulated studies."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from medcli.metrics.discrimination import auc_quantity
from medcli.metrics.intervals import proportion
from tests.metrics.coverage import DESIGNS, coverage

STUDIES = 250


def simulated(generator, positives, *, distance, clustered):
    """Binormal scores; clustered ones share half of their variance, and of the label's, within a patient."""
    if not clustered:
        targets = np.arange(4 * positives) < positives
        clusters = np.arange(len(targets))
        return targets, generator.normal(size=len(targets)) + distance * targets, clusters
    sizes = generator.integers(1, 6, size=positives * 4 // 3 + 3)
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    shared = generator.normal(size=(2, len(sizes)))[:, clusters]
    latent, noise = np.sqrt(0.5) * (shared + generator.normal(size=shared.shape))
    targets = latent < ndtri(0.25)
    return targets, noise + distance * targets, clusters


@pytest.mark.parametrize("clustered", [False, True], ids=["images", "patients"])
@pytest.mark.parametrize(("positives", "area"), [(10, 0.97), (30, 0.75), (100, 0.9)])
def test_truth_is_inside(positives, area, clustered):
    generator = np.random.default_rng([positives, clustered])
    distance = np.sqrt(2) * ndtri(area)
    hits, found, defined = 0, 0, 0
    for _ in range(STUDIES):
        targets, scores, clusters = simulated(generator, positives, distance=distance, clustered=clustered)
        value = auc_quantity(targets.astype(float), scores, clusters, level=0.95)
        if value["estimate"] is None:
            continue
        rate = proportion((scores >= distance / 2)[targets], clusters[targets], level=0.95)
        defined += 1
        hits += value["ci"][0] <= area <= value["ci"][1]
        found += rate["ci"][0] <= ndtr(distance / 2) <= rate["ci"][1]
    assert defined > 0.95 * STUDIES
    assert hits / defined >= 0.92
    assert found / defined >= 0.92


@pytest.mark.slow
@pytest.mark.skipif("MEDCLI_SLOW" not in os.environ, reason="takes an hour; MEDCLI_SLOW=1 runs it")
@pytest.mark.parametrize("clustered", [False, True], ids=["images", "patients"])
@pytest.mark.parametrize("positives", [10, 30, 300])
@pytest.mark.parametrize("design", DESIGNS)
def test_every_default_interval_holds_the_truth(design, positives, clustered):
    """In 92 of 100 studies at least, but for the error of a simulation of so many."""
    for row in coverage(design, positives, clustered=clustered, studies=400):
        error = np.sqrt(0.92 * 0.08 / row["defined"])
        assert row["coverage"] >= 0.92 - 2 * error, row
