"""Intervals of fitted parameters: against the jackknife over patients, and how often they hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from medcli.calibration.calibrator import fit
from medcli.calibration.uncertainty import with_intervals

FACTS = {"kind": "logit", "exclusive": False}


def drawn(seed, *, labels=3, patients=120):
    """Logits that are too far apart by 1.6 and shifted, of patients with one to three images."""
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(patients), generator.integers(1, 4, patients))
    own = generator.normal(size=(patients, labels))[clusters]
    line = 0.7 * own + 0.7 * generator.normal(size=(len(clusters), labels))
    targets = (generator.random(line.shape) < expit(line - 0.4)).astype(float)
    targets[generator.random(line.shape) < 0.05] = np.nan
    return 1.6 * line, targets, clusters


def fitted(logits, targets, method, *, exclusive=False):
    classes = [f"label {k}" for k in range(logits.shape[1])]
    return fit(logits, targets, classes=classes, kind="logit", exclusive=exclusive, method=method)


def left_out(logits, targets, clusters, method, names, *, exclusive=False):
    """Jackknife errors over patients of each parameter of the first class."""
    values = []
    for patient in np.unique(clusters):
        rows = clusters != patient
        entry = fitted(logits[rows], targets[rows], method, exclusive=exclusive)[0]
        values.append([entry[name] for name in names])
    size = len(values)
    return np.sqrt((size - 1) ** 2 / size * np.var(values, axis=0, ddof=1))


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("temperature", ("temperature",)),
        ("platt", ("slope", "intercept")),
        ("bias-temperature", ("temperature", "bias")),
    ],
)
def test_errors_are_those_of_leaving_patients_out(method, names):
    logits, targets, clusters = drawn(1)
    entries = with_intervals(fitted(logits, targets, method), logits, targets, clusters, **FACTS, level=0.95)
    found = entries[0]["intervals"]
    assert tuple(found) == names
    errors = left_out(logits, targets, clusters, method, names)
    assert [found[name]["se"] for name in names] == pytest.approx(errors, rel=0.05)
    for name in names:
        low, high = found[name]["ci"]
        assert low < found[name]["estimate"] == entries[0][name] < high
        assert found[name]["n_clusters"] <= 120 < found[name]["n"]


def test_the_temperature_of_a_softmax_holds_what_was_planted():
    generator = np.random.default_rng(5)
    logits = generator.normal(size=(500, 4)) * 1.5
    labels = [generator.choice(4, p=row) for row in softmax(logits, axis=1)]
    targets, clusters = np.eye(4)[labels], np.arange(500) // 2
    entries = fitted(2.3 * logits, targets, "temperature", exclusive=True)
    found = with_intervals(entries, 2.3 * logits, targets, clusters, kind="logit", exclusive=True, level=0.95)
    value = found[0]["intervals"]["temperature"]
    assert value["ci"][0] < 2.3 < value["ci"][1]
    errors = left_out(2.3 * logits, targets, clusters, "temperature", ("temperature",), exclusive=True)
    assert value["se"] == pytest.approx(errors[0], rel=0.05)
    assert found[3]["intervals"] == found[0]["intervals"]


def test_intervals_hold_as_often_as_they_promise():
    held = []
    for seed in range(300):
        generator = np.random.default_rng(seed)
        clusters = np.repeat(np.arange(60), 2)
        line = generator.normal(size=60)[clusters] + 0.5 * generator.normal(size=120)
        targets = (generator.random(120) < expit(line)).astype(float)[:, None]
        logits = 1.5 * line[:, None]
        entry = with_intervals(
            fitted(logits, targets, "temperature"), logits, targets, clusters, **FACTS, level=0.95
        )[0]
        low, high = entry["intervals"]["temperature"]["ci"]
        held.append(low <= 1.5 <= high)
    assert np.mean(held) >= 0.92


def test_a_parameter_at_its_bound_has_no_interval():
    logits = np.array([-2.0, -1.0, 1.0, 2.0])[:, None]
    targets = np.array([0.0, 0.0, 1.0, 1.0])[:, None]
    for method in ("temperature", "platt"):
        entry = with_intervals(
            fitted(logits, targets, method), logits, targets, np.arange(4), **FACTS, level=0.95
        )[0]
        for value in entry["intervals"].values():
            assert value["ci"] is None
            assert value["reason"].startswith("no interval: ")
    rare = with_intervals(
        fitted(logits, np.zeros((4, 1)), "platt"), logits, np.zeros((4, 1)), np.arange(4), **FACTS, level=0.95
    )
    assert rare[0]["intervals"] == {}
