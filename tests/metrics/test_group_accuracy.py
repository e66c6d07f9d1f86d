"""Accuracy of the most likely class by group: a case worked by hand, and patients in two groups."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medcli.metrics.group_accuracy import compare_accuracy
from medcli.metrics.intervals import wilson
from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings

SETTINGS = Settings(level=0.95, num_bins=15, seed=1, resamples=100)


def exclusive(is_right, clusters=None):
    """Three classes; the first is true of every image, and called where `is_right`."""
    n = len(is_right)
    p = np.where(np.asarray(is_right, dtype=bool)[:, None], [0.7, 0.2, 0.1], [0.2, 0.7, 0.1])
    return Scored(
        classes=["nv", "mel", "bkl"],
        exclusive=True,
        targets=np.tile([1.0, 0, 0], (n, 1)),
        ranks=p,
        before=p,
        after=None,
        thresholds=[{"threshold": 0.5}] * 3,
        clusters=np.arange(n) if clusters is None else np.asarray(clusters),
    )


def test_accuracy_of_two_groups_by_hand():
    right = [1] * 40 + [0] * 10 + [1] * 60 + [0] * 40 + [1] * 5
    codes = [0] * 50 + [1] * 100 + [2] * 5
    found = compare_accuracy(exclusive(right), np.array(codes), ["F", "M", "O"], listed={}, settings=SETTINGS)
    assert [group["accuracy"]["estimate"] for group in found["groups"]] == pytest.approx([0.8, 0.6, 1])
    assert found["reference"] == "M"
    assert found["groups"][2]["reason"] == "5 patients, fewer than 10: listed, not tested"
    (row,) = found["gaps"]["accuracy"]
    assert row["group"] == "F"
    (low, _), (_, high) = wilson(0.8, 50, level=0.95), wilson(0.6, 100, level=0.95)
    assert row["gap"]["ci"][0] == pytest.approx(0.2 - math.hypot(0.8 - low, high - 0.6))


def test_patients_of_both_groups_err_alike():
    generator = np.random.default_rng(1)
    right = generator.random(200) < 0.7
    both = np.concatenate([right, right ^ (generator.random(200) < 0.05)])
    codes, owners = np.repeat([0, 1], 200), np.tile(np.arange(200), 2)
    tied = compare_accuracy(exclusive(both, owners), codes, ["x", "y"], listed={}, settings=SETTINGS)
    apart = compare_accuracy(exclusive(both), codes, ["x", "y"], listed={}, settings=SETTINGS)
    one, two = (found["gaps"]["accuracy"][0]["gap"] for found in (tied, apart))
    assert one["estimate"] == two["estimate"]
    assert one["se"] < 0.5 * two["se"]
    assert tied["heterogeneity"]["accuracy"]["test"]["p"] < apart["heterogeneity"]["accuracy"]["test"]["p"]


def test_groups_without_errors_are_compared_by_their_intervals():
    right = [1] * 30 + [1] * 15 + [0] * 15
    found = compare_accuracy(
        exclusive(right), np.repeat([0, 1], 30), ["F", "M"], listed={}, settings=SETTINGS
    )
    assert found["groups"][0]["accuracy"]["estimate"] == 1
    assert found["gaps"]["accuracy"][0]["gap"]["test"]["p"] < 0.001
    assert found["heterogeneity"]["accuracy"]["test"]["p"] < 0.001
    listed = {"M": "the value is unknown: listed, not tested"}
    alone = compare_accuracy(
        exclusive(right), np.repeat([0, 1], 30), ["F", "M"], listed=listed, settings=SETTINGS
    )
    assert alone["gaps"] == {}
    assert alone["reason"] == "fewer than two groups have ten patients"
