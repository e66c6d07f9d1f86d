"""Rates where a threshold was chosen against those elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from medcli.metrics.intervals import proportion
from medcli.metrics.optimism import independent_gap, optimism
from medcli.metrics.proportions import newcombe_difference


def share(successes, size):
    return proportion(np.arange(size) < successes, np.arange(size), level=0.95)


def test_the_gap_is_newcombes_example():
    """56 of 70 less 48 of 80: 0.2, 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    gap = independent_gap(share(56, 70), share(48, 80))
    assert gap["estimate"] == pytest.approx(0.2)
    assert gap["ci"] == pytest.approx([0.0524, 0.3339], abs=5e-5)
    assert gap["ci"] == pytest.approx(newcombe_difference(0.8, 0.6, 70, 80, level=0.95))


def test_thresholds_chosen_on_nothing_are_left_out():
    here = {"sensitivity": share(5, 10), "specificity": share(8, 10)}
    chosen = {"class": "a", "threshold": 0.4, "sensitivity": share(9, 10), "specificity": share(8, 10)}
    default = {"class": "b", "threshold": 0.5, "sensitivity": None, "specificity": None}
    (entry,) = optimism([chosen, default], [here, here])
    assert entry["class"] == "a"
    assert entry["sensitivity"]["estimate"] == pytest.approx(-0.4)
    assert entry["specificity"]["estimate"] == 0


def test_an_undefined_rate_leaves_the_gap_undefined():
    gap = independent_gap(share(0, 0), share(8, 10))
    assert gap["estimate"] is None
    assert gap["reason"] == "no cases"
