"""Rates at a threshold: against published intervals, R, and hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.metrics.classification import count_calls, rates_at_threshold
from medcli.metrics.intervals import effective_size, mean_value, proportion, wilson
from tests.metrics.oracles import expected

PROPORTIONS = expected("05_proportion_ci")["single"]


@pytest.mark.parametrize("case", PROPORTIONS, ids=lambda case: f"{case['x']}of{case['n']}")
def test_wilson_agrees_with_newcombe(case):
    share = case["x"] / case["n"]
    assert wilson(share, case["n"], level=0.95) == pytest.approx(case["wilson95"], rel=1e-9, abs=1e-12)
    assert wilson(share, case["n"], level=0.90) == pytest.approx(case["wilson90"], rel=1e-9, abs=1e-12)


def test_no_cases_is_null_with_the_reason():
    found = proportion(np.zeros(0, dtype=bool), np.zeros(0, dtype=int), level=0.95)
    assert found["estimate"] is None
    assert found["ci"] is None
    assert found["reason"] == "no cases"


@given(st.lists(st.booleans(), min_size=2, max_size=30), st.integers(2, 4))
def test_repeats_of_an_image_within_a_patient_do_not_count(successes, times):
    values = np.array(successes, dtype=float)
    clusters = np.arange(len(values))
    assert effective_size(values, clusters) == len(values)
    repeated = effective_size(np.tile(values, times), np.tile(clusters, times))
    assert repeated == pytest.approx(len(values))


def test_effective_size_worked_by_hand():
    # Two patients, 3 of 4 and 1 of 4: p = 1/2, sum of squared deviations (1, -1) is 2, so 2 / (8 / 4) = 1.
    # Few patients: a standard error more, 1 + sqrt(2 / (2 - 1)).
    few = effective_size(np.array([1, 1, 1, 0, 1, 0, 0, 0.0]), np.repeat([0, 1], 4))
    assert few == pytest.approx(8 / (1 + np.sqrt(2)))
    many = effective_size(np.tile([1, 1, 1, 0, 1, 0, 0, 0.0], 25), np.repeat(np.arange(50), 4))
    assert many == 200
    # All of one, none of the other: deviations 2 and -2, design effect 4, two patients' worth.
    assert effective_size(np.array([1, 1, 1, 1, 0, 0, 0, 0.0]), np.repeat([0, 1], 4)) == 2
    # All alike: as many as patients.
    assert effective_size(np.ones(8), np.repeat([0, 1], 4)) == 2
    # All of one patient: nothing is known of how patients differ.
    assert effective_size(np.array([1, 1, 0, 0.0]), np.zeros(4, dtype=int)) == 1


def test_rates_and_their_baselines():
    targets = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    is_called = np.array([1, 1, 0, 1, 0, 0, 0, 0], dtype=bool)
    found = rates_at_threshold(targets, is_called, np.arange(8), level=0.95)
    estimates = {name: value["estimate"] for name, value in found.items()}
    assert estimates == pytest.approx(
        {"sensitivity": 2 / 3, "specificity": 4 / 5, "ppv": 2 / 3, "npv": 4 / 5, "accuracy": 6 / 8}
    )
    assert found["sensitivity"]["baseline"]["estimate"] == 3 / 8
    assert found["specificity"]["baseline"]["estimate"] == 5 / 8
    assert found["accuracy"]["baseline"] == {"rule": "always no", "estimate": 5 / 8}
    assert found["sensitivity"]["n"] == 3
    assert count_calls(targets, is_called) == {
        "true_positives": 2, "false_positives": 1, "false_negatives": 1, "true_negatives": 4,
    }  # fmt: skip


def test_mean_over_patients():
    alone = mean_value(np.array([1.0, 2.0, 3.0, 4.0]), np.arange(4), level=0.95, what="mean")
    assert alone["estimate"] == 2.5
    assert alone["se"] == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)
    # Every image doubled within its patient: the same mean with the same error.
    doubled = mean_value(
        np.array([1.0, 1, 2, 2, 3, 3, 4, 4]), np.repeat(np.arange(4), 2), level=0.95, what="mean"
    )
    assert doubled["ci"] == pytest.approx(alone["ci"])
