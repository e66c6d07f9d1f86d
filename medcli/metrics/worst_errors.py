"""The images on which the model was most surely wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medcli.metrics.scored import Scored


def worst_errors(scored: Scored, ids: Sequence[str], *, most: int = 5) -> list[dict[str, Any]]:
    """Images that were called wrong with the most confidence, of each label, or of all classes together.

    Args:
        scored: Images with scores and truth.
        ids: Of the images.
        most: How many at most, of each label.

    Returns:
        Rows with `class`, `id`, `truth`, `called`, `score`, and, of labels, `threshold`. A miss is the worse,
        the more of the passed images score above it; an alarm, the more of the called ones score below.
    """
    rows = []
    if scored.exclusive:
        wrong = np.flatnonzero(scored.calls != scored.labels)
        confidence = scored.decided[wrong, scored.calls[wrong]]
        for row in wrong[np.argsort(-confidence, kind="stable")][:most]:
            truth, called = scored.classes[scored.labels[row]], scored.classes[scored.calls[row]]
            score = float(scored.decided[row, scored.calls[row]])
            rows.append({"class": truth, "id": ids[row], "truth": truth, "called": called, "score": score})
        return rows
    for column, name in enumerate(scored.classes):
        rows += _errors_of_label(scored, column, ids, name=name, most=most)
    return rows


def _errors_of_label(
    scored: Scored, column: int, ids: Sequence[str], *, name: str, most: int
) -> list[dict[str, Any]]:
    threshold = scored.thresholds[column]["threshold"]
    targets, decided = scored.targets[:, column], scored.decided[:, column]
    if threshold is None:
        return []
    called = decided >= threshold
    wrong = np.flatnonzero(~np.isnan(targets) & (called != (targets == 1)))
    # How deep a score lies on the wrong side: its rank among all scores of that side.
    above, below = np.sort(decided[called]), np.sort(-decided[~called])
    depth = np.where(
        called[wrong],
        np.searchsorted(above, decided[wrong]) / max(1, len(above)),
        np.searchsorted(below, -decided[wrong]) / max(1, len(below)),
    )
    return [
        {
            "class": name,
            "id": ids[row],
            "truth": "yes" if targets[row] == 1 else "no",
            "called": "yes" if called[row] else "no",
            "score": float(decided[row]),
            "threshold": float(threshold),
        }
        for row in wrong[np.argsort(-depth, kind="stable")][:most]
    ]
