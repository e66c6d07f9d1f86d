"""Label policies, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from medcli.cohorts.policies import targets_from_labels, undecided_shares
from medcli.errors import DataError

NAN = np.nan
RECORDS = [
    {"id": "a", "labels": {"Edema": 1, "Mass": 0}},
    {"id": "b", "labels": {"Edema": -1}},
    {"id": "c", "labels": {}},
    {"id": "d"},
]


@pytest.mark.parametrize(
    ("uncertain", "blank", "expected"),
    [
        ("ignore", "zero", [[1, 0], [NAN, 0], [0, 0], [NAN, NAN]]),
        ("zero", "ignore", [[1, 0], [0, NAN], [NAN, NAN], [NAN, NAN]]),
        ("one", "zero", [[1, 0], [1, 0], [0, 0], [NAN, NAN]]),
    ],
)
@pytest.mark.parametrize("task_type", ["multilabel", "binary"])
def test_policies_of_independent_labels(task_type: str, uncertain: str, blank: str, expected: list) -> None:
    classes = ["Edema", "Mass"]
    targets = targets_from_labels(RECORDS, classes, task_type=task_type, uncertain=uncertain, blank=blank)
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets, np.array(expected, dtype=np.float32))


@pytest.mark.parametrize("task_type", ["multiclass", "ordinal"])
def test_exclusive_classes_ignore_the_policies(task_type: str) -> None:
    for uncertain, blank in [("ignore", "zero"), ("one", "ignore")]:
        targets = targets_from_labels(
            RECORDS, ["Mass", "Edema"], task_type=task_type, uncertain=uncertain, blank=blank
        )
        np.testing.assert_array_equal(targets, [[0, 1], [NAN, NAN], [NAN, NAN], [NAN, NAN]])


def test_two_exclusive_classes_and_strange_values_are_refused() -> None:
    both = [{"id": "x", "labels": {"a": 1, "b": 1}}]
    with pytest.raises(DataError, match="more than one class, the first is record x"):
        targets_from_labels(both, ["a", "b"], task_type="multiclass", uncertain="ignore", blank="zero")
    with pytest.raises(DataError, match="label 'a' of record x is 2"):
        targets_from_labels(
            [{"id": "x", "labels": {"a": 2}}], ["a"], task_type="multilabel", uncertain="ignore", blank="zero"
        )


def test_what_is_left_to_the_policies_is_counted() -> None:
    records = [{"id": "0", "labels": {"a": -1, "b": 1}}, {"id": "1", "labels": {"b": 0}}]
    assert undecided_shares(records, ["a", "b"]) == (0.25, 0.25)
