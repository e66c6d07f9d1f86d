"""Predictions: scores, targets and records of a set of images in one HDF5 file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medcli.errors import DataError
from medcli.store.atomic import write_bytes
from medcli.store.hdf5 import (
    hdf5_bytes,
    open_hdf5,
    read_array,
    read_header,
    read_records,
    write_header_and_records,
)
from medcli.store.references import Reference, reference, verify

PREDICTIONS_VERSION = "predictions/1"


@dataclass
class Predictions:
    """Scores of images that are named by their records.

    Attributes:
        scores: float32 [images, classes]; `score_kind` says what they are.
        targets: float32 [images, classes]; 1, 0, NaN where unknown.
        records: One per row.
        header: task, part, score, model, policy, history.
    """

    scores: np.ndarray
    targets: np.ndarray
    records: list[dict[str, Any]]
    header: dict[str, Any]

    @property
    def classes(self) -> list[str]:
        """Names of the columns."""
        return self.header["task"]["classes"]

    @property
    def task_type(self) -> str:
        """One of binary, multiclass, multilabel, ordinal."""
        return self.header["task"]["type"]

    @property
    def part(self) -> str:
        """Which part of the splits these are: train, val, test, external or all."""
        return self.header["part"]

    @property
    def score_kind(self) -> str:
        """What a score is: logit, probability or rank."""
        return self.header["score"]


def write_predictions(path: Path, predictions: Predictions) -> Reference:
    """Write predictions atomically and return their reference."""
    _check(predictions, where=str(path))

    def build(file: Any) -> None:
        for name in ("scores", "targets"):
            values = getattr(predictions, name).astype(np.float32)
            chunks = (min(len(values), 4096), values.shape[1]) if len(values) else None
            file.create_dataset(name, data=values, chunks=chunks, fletcher32=bool(chunks))
        header = {"medcli": PREDICTIONS_VERSION, **predictions.header}
        write_header_and_records(file, header, predictions.records)

    digest = write_bytes(path, hdf5_bytes(build))
    return reference(path, digest, part=predictions.part, num_images=len(predictions.records))


def read_predictions(source: Path | Reference) -> Predictions:
    """Read and check predictions from a file or, with its digest, from a reference.

    Raises:
        DataError: If it is damaged or of another kind, or arrays, classes and records do not match.
    """
    path = verify(source) if isinstance(source, dict) else source
    with open_hdf5(path) as file:
        header = read_header(file, version=PREDICTIONS_VERSION)
        records = read_records(file, header)
        scores = read_array(file, "scores")
        targets = read_array(file, "targets")
    predictions = Predictions(scores=scores, targets=targets, records=records, header=header)
    _check(predictions, where=str(path))
    return predictions


def _check(predictions: Predictions, *, where: str) -> None:
    shape = (len(predictions.records), len(predictions.classes))
    for name in ("scores", "targets"):
        found = getattr(predictions, name).shape
        if found != shape:
            raise DataError(
                f"{name} have shape {list(found)}, records and classes {list(shape)}", where=where
            )
    if not np.isfinite(predictions.scores).all():
        rows = np.flatnonzero(~np.isfinite(predictions.scores).all(axis=1))
        first = predictions.records[int(rows[0])]["id"]
        raise DataError(f"scores of {len(rows)} images are not finite, the first is {first}", where=where)
