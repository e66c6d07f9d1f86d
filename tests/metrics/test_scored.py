"""Some images of a part, with all that belongs to them."""

from __future__ import annotations

import numpy as np

from medcli.metrics.scored import Scored


def _scored() -> Scored:
    scores = np.array([[0.1], [0.9], [0.4], [0.6], [0.2]])
    return Scored(
        classes=["edema"],
        exclusive=False,
        targets=np.array([[0], [1], [np.nan], [1], [0]], dtype=float),
        ranks=scores,
        before=scores,
        after=None,
        thresholds=[{"class": "edema", "threshold": 0.5, "reason": None}],
        clusters=np.array([0, 1, 1, 3, 2]),
    )


def test_a_subset_counts_only_its_own_patients():
    whole = _scored()
    part = whole.subset(np.array([False, True, True, True, False]))
    assert part.ranks[:, 0].tolist() == [0.9, 0.4, 0.6]
    assert part.targets[:, 0].tolist()[::2] == [1, 1]
    assert part.clusters.tolist() == [0, 0, 1]
    assert part.num_clusters == 2
    assert part.before is not None
    assert part.before.shape == (3, 1)
    assert part.after is None
    assert part.thresholds == whole.thresholds
    assert part.calls.shape == (3,)


def test_a_subset_of_nothing_is_empty():
    empty = _scored().subset(np.zeros(5, dtype=bool))
    assert empty.ranks.shape == (0, 1)
    assert empty.num_clusters == 0


def test_rows_may_be_numbered():
    assert _scored().subset(np.array([3, 0])).ranks[:, 0].tolist() == [0.6, 0.1]
