"""Intervals hold what they promise: the truth is inside in at least 92 of 100 simulated studies."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from medcli.metrics.discrimination import auc_quantity
from medcli.metrics.intervals import proportion
from medcli.quantity import quantity
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
@pytest.mark.skipif("MEDCLI_SLOW" not in os.environ, reason="takes hours; MEDCLI_SLOW=1 runs it")
@pytest.mark.parametrize("clustered", [False, True], ids=["images", "patients"])
@pytest.mark.parametrize("positives", [10, 30, 300])
@pytest.mark.parametrize("design", DESIGNS)
def test_every_default_interval_holds_the_truth(design, positives, clustered):
    """In 92 of 100 studies at least, but for the error of a simulation of so many; or it carries a flag."""
    for row in coverage(design, positives, clustered=clustered, studies=400):
        error = np.sqrt(0.92 * 0.08 / row["defined"])
        is_flagged = row["flagged"] == row["defined"]
        assert is_flagged or row["coverage"] >= 0.92 - 3 * error, row


def makers_of_intervals():
    """Functions of the measures that give a quantity an interval, by file and name."""
    folder = Path(__file__).resolve().parents[2] / "medcli" / "metrics"
    for path in sorted(folder.glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
                names = [call for call in calls if getattr(call.func, "id", None) == "quantity"]
                if any(word.arg == "ci" for call in names for word in call.keywords):
                    yield path.name, function.name


def test_every_function_that_makes_an_interval_is_simulated():
    """A measure with an interval belongs into a design, where its coverage is seen."""
    seen = set()

    def watch(frame, event, _):
        if event == "call" and frame.f_code is quantity.__code__ and frame.f_locals["ci"] is not None:
            caller = frame.f_back.f_code
            # Comprehensions and inner functions belong to the function around them.
            names = [name for name in caller.co_qualname.split(".") if not name.startswith("<")]
            seen.update((Path(caller.co_filename).name, name) for name in names)

    for design in DESIGNS.values():
        for size in (60, 160):
            data = design.draw(np.random.default_rng(0), size, clustered=False)
            sys.setprofile(watch)
            try:
                design.measure(data, 50, 0)
            finally:
                sys.setprofile(None)
    assert set(makers_of_intervals()) - seen == set()
