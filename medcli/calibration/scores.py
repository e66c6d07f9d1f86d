"""What a score is, as a probability or a logit."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_softmax, logit, softmax

from medcli.errors import DataError

# Probabilities are kept this far from 0 and 1 before their logit is taken: rounded ones hold both.
CLIP = 1e-6


def is_exclusive(task_type: str, num_classes: int) -> bool:
    """Whether exactly one class is true of an image, so that its probabilities sum to 1."""
    return task_type in {"multiclass", "ordinal"} or (task_type == "binary" and num_classes > 1)


def to_probabilities(scores: np.ndarray, *, kind: str, exclusive: bool) -> np.ndarray:
    """Probabilities [images, classes] as float64: softmax or sigmoid of logits, probabilities as they are.

    Raises:
        DataError: If the scores are bare ranks, or probabilities outside [0, 1].
    """
    values = np.asarray(scores, dtype=np.float64)
    if kind == "logit":
        return softmax(values, axis=1) if exclusive else expit(values)
    _refuse_ranks(values, kind=kind)
    if exclusive:
        check_sums(values)
    return values


def check_sums(probabilities: np.ndarray) -> None:
    """Refuse probabilities [images, classes] of exclusive classes that do not sum to 1, and name the row."""
    sums = probabilities.sum(axis=1)
    off = np.flatnonzero(~(np.abs(sums - 1) <= 1e-3))
    if len(off):
        raise DataError(
            f"row {off[0] + 1}: its probabilities sum to {sums[off[0]]:.4g}, they must sum to 1",
            hint="declare them as logit or rank; give every class its column",
        )


def to_logits(scores: np.ndarray, *, kind: str, exclusive: bool) -> np.ndarray:
    """Logits [images, classes] as float64; of exclusive classes, up to a constant an image."""
    values = np.asarray(scores, dtype=np.float64)
    if kind == "logit":
        return values
    probabilities = np.clip(to_probabilities(values, kind=kind, exclusive=exclusive), CLIP, 1 - CLIP)
    return log_softmax(np.log(probabilities), axis=1) if exclusive else logit(probabilities)


def _refuse_ranks(values: np.ndarray, *, kind: str) -> None:
    if kind != "probability":
        raise DataError(
            f"scores are declared as {kind}, which has no probability in it",
            hint="discrimination needs no more than ranks; calibration needs logits or probabilities",
        )
    outside = values[(values < 0) | (values > 1)]
    if len(outside):
        furthest = float(outside[np.abs(outside - 0.5).argmax()])
        raise DataError(
            f"{len(outside)} probabilities are outside [0, 1], the furthest is {furthest:.6g}",
            hint="declare them as logit or rank",
        )
