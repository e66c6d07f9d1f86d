"""How often prediction sets hold the truth, and how much they leave open."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.metrics.intervals import mean_value, proportion


def label_sets(
    yes: np.ndarray,
    no: np.ndarray,
    targets: np.ndarray,
    clusters: np.ndarray,
    *,
    level: float,
    exact: bool = False,
) -> dict[str, Any]:
    """Coverage of one label's sets: of all images, of those with and of those without the finding.

    Args:
        yes: Whether the set of each image holds yes, bool [images].
        no: Whether it holds no.
        targets: 1 or 0, [images], no unknowns.
        clusters: Patient of each image.
        level: Of the intervals.
        exact: Clopper and Pearson's intervals of shares instead of Wilson's.

    Returns:
        Quantities `covered`, `covered_positive`, `covered_negative`, `certain` (share of sets with one
        answer) and `empty` (share of sets with none).
    """
    positive = np.asarray(targets) == 1
    holds = np.where(positive, yes, no).astype(bool)

    def share(values: np.ndarray, rows: np.ndarray, reason: str) -> Any:
        return proportion(values[rows], clusters[rows], level=level, exact=exact, none_reason=reason)

    everyone = np.ones(len(positive), dtype=bool)
    return {
        "covered": share(holds, everyone, "no known label"),
        "covered_positive": share(holds, positive, "no positive case"),
        "covered_negative": share(holds, ~positive, "no negative case"),
        "certain": share(yes != no, everyone, "no known label"),
        "empty": share(~(yes | no), everyone, "no known label"),
    }


def class_sets(
    yes: np.ndarray,
    labels: np.ndarray,
    clusters: np.ndarray,
    *,
    classes: list[str],
    level: float,
    exact: bool = False,
) -> dict[str, Any]:
    """Coverage of sets of exclusive classes, of all images and of those of each class.

    Args:
        yes: Whether the set of each image holds each class, bool [images, classes].
        labels: True class of each image, int [images].
        clusters: Patient of each image.
        classes: Names of the columns.
        level: Of the intervals.
        exact: Clopper and Pearson's intervals of shares instead of Wilson's.

    Returns:
        `overall`: quantities `covered`, `certain`, `empty` and `size` (mean number of classes); `classes`:
        one entry each, with `class` and `covered`.
    """
    sizes = yes.sum(axis=1)
    holds = yes[np.arange(len(labels)), labels]
    return {
        "overall": {
            "covered": proportion(holds, clusters, level=level, exact=exact, none_reason="no known label"),
            "certain": proportion(
                sizes == 1, clusters, level=level, exact=exact, none_reason="no known label"
            ),
            "empty": proportion(sizes == 0, clusters, level=level, exact=exact, none_reason="no known label"),
            "size": mean_value(sizes.astype(float), clusters, level=level, what="mean size of sets"),
        },
        "classes": [
            {
                "class": name,
                "covered": proportion(
                    holds[labels == column],
                    clusters[labels == column],
                    level=level,
                    exact=exact,
                    none_reason="no image of this class",
                ),
            }
            for column, name in enumerate(classes)
        ],
    }
