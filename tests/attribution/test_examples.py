"""Which images are explained and shown: laws, and small cases worked by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medcli.attribution.examples import (
    Finding,
    balanced,
    findings_of_exclusive,
    findings_of_labels,
    spread_over_classes,
    take_in_turn,
)

NAN = np.nan


@given(st.lists(st.lists(st.integers(0, 30))), st.integers(0, 20))
def test_values_taken_in_turn_are_different_and_as_many_as_there_are(groups: list, limit: int) -> None:
    taken = take_in_turn(groups, limit=limit)
    assert len(set(taken)) == len(taken)
    assert len(taken) == min(limit, len({value for group in groups for value in group}))


def test_each_group_is_asked_in_turn() -> None:
    assert take_in_turn([[1, 2, 3], [1, 4], [5]], limit=5) == [1, 4, 5, 2, 3]


def test_a_rare_class_is_explained_before_a_frequent_one_is_exhausted() -> None:
    targets = np.zeros((100, 2))
    targets[:, 0] = 1
    targets[[50, 60], :] = [0, 1]
    rows = spread_over_classes(targets, range(100), limit=6)
    assert rows == [0, 1, 2, 3, 50, 60]


def test_images_of_no_class_have_their_turn() -> None:
    targets = np.array([[1, 0], [1, 0], [0, 1], [0, 0], [NAN, NAN]])
    assert spread_over_classes(targets, range(5), limit=3) == [0, 2, 3]
    assert spread_over_classes(targets, [4, 3, 2, 1, 0], limit=3) == [1, 2, 4]


def test_no_limit_takes_all_in_order() -> None:
    assert spread_over_classes(np.zeros((4, 1)), [3, 1, 0, 2], limit=0) == [0, 1, 2, 3]
    assert spread_over_classes(np.zeros((4, 1)), [3, 1, 0, 2], limit=9) == [0, 1, 2, 3]


def test_exclusive_classes_are_judged_by_the_call() -> None:
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]])
    targets = np.array([[1, 0], [1, 0], [NAN, NAN]])
    assert findings_of_exclusive(probabilities, targets, ["cat", "dog"]) == [
        Finding(0, 0, "right", "truth: cat"),
        Finding(1, 1, "wrong", "truth: cat (0.30)"),
        Finding(2, 0, "unknown", "truth not known"),
    ]


def test_labels_are_judged_one_by_one_at_their_thresholds() -> None:
    probabilities = np.array([[0.5, 0.49, 0.2], [0.1, 0.2, 0.05]])
    targets = np.array([[1, 1, 0], [0, NAN, 0]])
    assert findings_of_labels(probabilities, targets, np.array([0.5, 0.5, 0.2])) == [
        Finding(0, 0, "right", "present, found"),
        Finding(0, 1, "wrong", "present, missed"),
        Finding(0, 2, "wrong", "absent, false alarm"),
        Finding(1, 1, "unknown", "truth not known"),
    ]


def test_an_image_without_findings_shows_its_most_probable_label() -> None:
    found = findings_of_labels(np.array([[0.1, 0.3]]), np.zeros((1, 2)), np.array([0.5, 0.5]))
    assert found == [Finding(0, 1, "right", "absent, not called")]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["right", "wrong", "unknown"])), max_size=60))
def test_right_and_wrong_share_the_page(drawn: list) -> None:
    findings = [Finding(row, column, verdict, "") for row, (column, verdict) in enumerate(drawn)]
    shown = balanced(findings, limit=24)
    count = {verdict: len(shown.get(verdict, [])) for verdict in ("wrong", "right", "unknown")}
    there = {verdict: sum(f.verdict == verdict for f in findings) for verdict in count}
    assert sum(count.values()) == min(24, len(findings))
    for one, other in (("wrong", "right"), ("right", "wrong")):
        assert count[one] == min(there[one], max(12, 24 - there[other]))
    assert "" not in shown
    assert all(shown.values())
