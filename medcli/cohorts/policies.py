"""What a label that is uncertain or not mentioned counts as, when it is needed as a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.config import Blank, LabelPolicy, Uncertain
from medcli.errors import DataError

POLICIES = {
    LabelPolicy.ones: (Uncertain.one, Blank.zero),
    LabelPolicy.zeros: (Uncertain.zero, Blank.zero),
    LabelPolicy.ignore: (Uncertain.ignore, Blank.zero),
    LabelPolicy.mentioned: (Uncertain.ignore, Blank.ignore),
}
"""What -1 and a label that is not mentioned count as, under the policies that have a name."""

_STATES = {"zero": 0.0, "one": 1.0, "ignore": np.nan}


def targets_from_labels(
    records: list[dict[str, Any]], classes: list[str], *, task_type: str, uncertain: str, blank: str
) -> np.ndarray:
    """Targets of every image, with what is unknown as NaN.

    Binary and multi-label targets follow the two policies class by class. A multi-class or ordinal image is
    of the one class with label 1; when there is none (nothing mentioned, or only uncertain ones) its whole
    row is NaN.

    Args:
        records: Each with `labels`, class name to 1, 0 or -1; without `labels` all is unknown.
        classes: Columns of the result.
        task_type: One of binary, multiclass, multilabel, ordinal.
        uncertain: What -1 means: `ignore` (NaN), `zero` or `one`.
        blank: What a class that is not mentioned means: `zero` or `ignore` (NaN).

    Returns:
        float32 [images, classes] of 1, 0 and NaN.

    Raises:
        DataError: If a label is not 1, 0 or -1, or an image is of two exclusive classes.

    Reference: Irvin et al., CheXpert: A Large Chest Radiograph Dataset with Uncertainty Labels and Expert
    Comparison, AAAI 2019, section 3.
    """
    states = _label_states(records, classes)
    if task_type in {"multiclass", "ordinal"}:
        return _exclusive_targets(states, records)
    targets = np.full(states.shape, np.nan, dtype=np.float32)
    targets[states == 1] = 1
    targets[states == 0] = 0
    targets[states == -1] = _STATES[uncertain]
    targets[np.isnan(states)] = _STATES[blank]
    targets[[record.get("labels") is None for record in records]] = np.nan
    return targets


def undecided_shares(records: list[dict[str, Any]], classes: list[str]) -> tuple[float, float]:
    """Shares of all labels of the images that are uncertain (-1) and that are not mentioned."""
    states = _label_states(records, classes)
    return float((states == -1).mean()), float(np.isnan(states).mean())


def _label_states(records: list[dict[str, Any]], classes: list[str]) -> np.ndarray:
    """Labels as written, float32 [images, classes]: 1, 0, -1, and NaN where not mentioned."""
    states = np.full((len(records), len(classes)), np.nan, dtype=np.float32)
    column = {name: i for i, name in enumerate(classes)}
    for row, record in enumerate(records):
        for name, value in (record.get("labels") or {}).items():
            if value not in {1, 0, -1}:
                raise DataError(
                    f"label {name!r} of record {record['id']} is {value!r}, it must be 1, 0 or -1"
                )
            if name in column:
                states[row, column[name]] = value
    return states


def _exclusive_targets(states: np.ndarray, records: list[dict[str, Any]]) -> np.ndarray:
    is_one = states == 1
    doubled = np.flatnonzero(is_one.sum(axis=1) > 1)
    if len(doubled):
        raise DataError(
            f"{len(doubled)} images are of more than one class, "
            f"the first is record {records[doubled[0]]['id']}",
            hint="give --task multilabel at ingest if classes do not exclude each other",
        )
    targets = is_one.astype(np.float32)
    targets[~is_one.any(axis=1)] = np.nan
    return targets
