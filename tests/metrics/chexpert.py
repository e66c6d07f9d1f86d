"""CheXpert's test set for tests: truth of 500 studies, scores of five models, calls of eight radiologists."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tests.realdata import real_data

COMPETITION = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"]
LABELS = [
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
    "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other",
    "Fracture", "Support Devices",
]  # fmt: skip


def truth(labels: list[str] = COMPETITION) -> np.ndarray:
    """Adjudicated labels [500 studies, labels]."""
    return _columns(_root() / "groundtruth.csv", labels)


def scores(model: str) -> np.ndarray:
    """Scores [500 studies, 5 labels] of one model, in the order of COMPETITION."""
    return _columns(_root() / "predictions" / f"{model}_predictions.csv", COMPETITION)


def readers(kind: str, labels: list[str] = COMPETITION) -> np.ndarray:
    """Calls [readers, 500 studies, labels] of the readers of the truth, or of the benchmark."""
    folder = _root() / "radiologists" / kind
    return np.stack([_columns(path, labels) for path in sorted(folder.glob("*.csv"))])


def _columns(path: Path, labels: list[str]) -> np.ndarray:
    """Columns by name, rows in the order of the truth."""
    with (_root() / "groundtruth.csv").open(newline="") as file:
        studies = [row["Study"] for row in csv.DictReader(file)]
    with path.open(newline="") as file:
        rows = {row["Study"]: row for row in csv.DictReader(file)}
    return np.array([[float(rows[study][label]) for label in labels] for study in studies])


def _root() -> Path:
    return real_data("chexpert") / "test"
