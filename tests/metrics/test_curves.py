"""Curves that figures are drawn from: short, and still the curves; the worst errors are the worst."""

from __future__ import annotations

import json

import numpy as np
import pytest

from medcli.metrics.curves import MAX_POINTS, class_curves, thinned
from medcli.metrics.resampling_kernels import roc_heights
from medcli.metrics.roc import auc, roc_curve
from medcli.metrics.scored import Scored
from medcli.metrics.worst_errors import worst_errors


def scored(targets, ranks, *, exclusive=False, threshold=0.5, clusters=None, probabilities=True):
    targets, ranks = np.asarray(targets, dtype=float), np.asarray(ranks, dtype=float)
    names = [f"class {column}" for column in range(targets.shape[1])]
    return Scored(
        classes=names,
        exclusive=exclusive,
        targets=targets,
        ranks=ranks,
        before=ranks if probabilities else None,
        after=None,
        thresholds=[{"class": name, "threshold": threshold} for name in names],
        clusters=np.arange(len(targets)) if clusters is None else np.asarray(clusters),
    )


def drawn(n=3000, patients=500, seed=0):
    generator = np.random.default_rng(seed)
    truth = (generator.random((n, 1)) < 0.2).astype(float)
    values = 1 / (1 + np.exp(-generator.normal(size=(n, 1)) - 1.5 * truth))
    return scored(truth, values, clusters=generator.integers(patients, size=n))


def test_a_thinned_curve_is_short_and_has_the_same_area():
    whole = drawn()
    curve = class_curves(whole, level=0.95, seed=0)[0]
    roc = curve["roc"]
    assert 100 < len(roc["false_rates"]) <= MAX_POINTS
    assert (roc["false_rates"][0], roc["sensitivities"][-1]) == (0, 1)
    area = np.trapezoid(roc["sensitivities"], roc["false_rates"])
    assert area == pytest.approx(auc(whole.targets[:, 0], whole.ranks[:, 0]), abs=2e-3)
    assert len(curve["precision_recall"]["recalls"]) <= MAX_POINTS
    assert len(curve["sweep"]["thresholds"]) <= MAX_POINTS
    json.dumps(curve, allow_nan=False)


def test_thinning_keeps_every_corner_that_there_is_room_for():
    across, up = np.array([0, 0, 0, 0.5, 0.5, 1.0]), np.array([0, 0.2, 0.4, 0.4, 1.0, 1.0])
    assert thinned(across, up).tolist() == [0, 2, 3, 4, 5]


def test_the_sweep_says_what_calling_at_each_threshold_gives():
    whole = drawn(n=200, patients=200)
    sweep = class_curves(whole, level=0.95, seed=0)[0]["sweep"]
    truth, values = whole.targets[:, 0] == 1, whole.ranks[:, 0]
    assert sweep["thresholds"] == sorted(sweep["thresholds"])
    for place in (0, 20, len(sweep["thresholds"]) - 1):
        called = values >= sweep["thresholds"][place]
        assert sweep["sensitivities"][place] == pytest.approx(called[truth].mean(), abs=1e-6)
        assert sweep["specificities"][place] == pytest.approx(1 - called[~truth].mean(), abs=1e-6)
        assert sweep["ppvs"][place] == pytest.approx(truth[called].mean(), abs=1e-6)
        npv = None if called.all() else pytest.approx(1 - truth[~called].mean(), abs=1e-6)
        assert sweep["npvs"][place] == npv


def test_the_band_is_that_of_curves_of_resampled_patients():
    generator = np.random.default_rng(4)
    truth, values = np.array([1, 0, 1, 0, 0, 1, 0, 1, 0, 0]), generator.permutation(10) // 2
    owners = np.array([0, 0, 1, 1, 2, 3, 4, 4, 5, 5])
    weights = generator.integers(0, 3, size=(50, 6)).astype(np.uint8)
    order = np.argsort(-values, kind="stable")
    is_last = np.append(np.diff(values[order]) != 0, True)
    grid = np.linspace(0, 1, 7)
    found = roc_heights(owners[order], truth[order], is_last, weights, grid)
    for row, counts in zip(found, weights, strict=True):
        repeated = np.repeat(np.arange(10), counts[owners])
        if len(set(truth[repeated])) < 2:
            assert np.isnan(row).all()
            continue
        false_rates, sensitivities, _ = roc_curve(truth[repeated], values[repeated])
        expected = [
            max(np.interp(place, false_rates, sensitivities), *sensitivities[false_rates == place], 0)
            for place in grid
        ]
        assert row == pytest.approx(expected)


def test_the_band_holds_the_curve():
    roc = class_curves(drawn(), level=0.95, seed=0)[0]["roc"]
    heights = np.interp(roc["band"]["false_rates"], roc["false_rates"], roc["sensitivities"])
    inner = slice(1, -1)
    assert (np.asarray(roc["band"]["low"])[inner] <= heights[inner] + 5e-3).all()
    assert (np.asarray(roc["band"]["high"])[inner] >= heights[inner] - 5e-3).all()


@pytest.mark.parametrize("values", [[0.1, 0.4, np.inf, -np.inf], [3.0, 3.0, 3.0, 3.0], [0.0, 1.0, 0.2, 0.7]])
def test_every_score_is_in_the_densities(values):
    whole = scored([[1], [0], [1], [0]], np.asarray(values)[:, None], probabilities=False)
    found = class_curves(whole, level=0.95, seed=0)[0]["densities"]
    assert (sum(found["with"]), sum(found["without"])) == (2, 2)
    assert found["edges"] == sorted(set(found["edges"]))


def test_one_kind_of_case_has_no_curve():
    curve = class_curves(scored([[1], [1]], [[0.2], [0.3]]), level=0.95, seed=0)[0]
    assert (curve["roc"], curve["precision_recall"], curve["sweep"]) == (None, None, None)
    assert sum(curve["densities"]["with"]) == 2


def test_the_worst_errors_of_a_label_are_the_furthest_from_its_threshold():
    truth = [[0], [0], [1], [1], [0], [np.nan], [1]]
    values = [[0.99], [0.6], [0.01], [0.45], [0.2], [0.9], [0.8]]
    found = worst_errors(scored(truth, values), list("abcdefg"))
    assert {row["id"] for row in found[:2]} == {"a", "c"}
    assert {row["id"] for row in found[2:]} == {"b", "d"}
    assert found[0] == {
        "class": "class 0", "id": "a", "truth": "no", "called": "yes", "score": 0.99, "threshold": 0.5,
    }  # fmt: skip
    assert len(worst_errors(scored(truth, values), list("abcdefg"), most=1)) == 1
    assert worst_errors(scored(truth, values, threshold=None), list("abcdefg")) == []


def test_the_worst_errors_of_classes_are_the_most_probable_wrong_calls():
    truth = [[1, 0], [0, 1], [1, 0]]
    found = worst_errors(scored(truth, [[0.4, 0.6], [0.9, 0.1], [0.7, 0.3]], exclusive=True), ["a", "b", "c"])
    assert [(row["id"], row["truth"], row["called"], row["score"]) for row in found] == [
        ("b", "class 1", "class 0", 0.9),
        ("a", "class 0", "class 1", 0.6),
    ]
