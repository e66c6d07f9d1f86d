"""Predictions drawn from a known truth, with patients, unknown labels and hostile names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medcli.stages._faithful import summarise_faithfulness
from medcli.stages._localised import summarise
from medcli.store.manifest import Manifest, write_manifest
from medcli.store.predictions import Predictions, write_predictions

HOSTILE = "{{7*7}}<script>alert(1)</script>$\\frac$\x1b[31m\n_x"
LABELS = ["Atelectasis", "Pleural Effusion", HOSTILE]
KINDS = ["nv", "mel", "bkl", "df"]
MODEL = "ab" * 32


def identifier(*parts: object) -> str:
    """16 hex digits that look like a record id or a patient key."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def multilabel(part: str, *, seed: int, n: int = 160, patients: int = 70) -> Predictions:
    """Three labels, overconfident and shifted scores; the third label never occurs."""
    generator = np.random.default_rng(seed)
    owner = generator.integers(patients, size=n)
    honest = generator.normal(size=(patients, 3))[owner] + generator.normal(size=(n, 3)) - [1, 0, 30]
    targets = (generator.random((n, 3)) < 1 / (1 + np.exp(-2 * honest))).astype(np.float32)
    targets[generator.random((n, 3)) < 0.06] = np.nan
    return _predictions(part, owner, 4 * honest + 1.5, targets, classes=LABELS, task="multilabel")


def multiclass(part: str, *, seed: int, n: int = 160, patients: int = 160) -> Predictions:
    """Four classes, overconfident scores, one row without a known class."""
    generator = np.random.default_rng(seed)
    owner = np.arange(n) % patients
    labels = generator.choice(4, size=n, p=[0.5, 0.25, 0.15, 0.1])
    scores = generator.normal(size=(n, 4))
    scores[np.arange(n), labels] += 1.5
    targets = np.eye(4, dtype=np.float32)[labels]
    targets[0] = np.nan
    return _predictions(part, owner, 3 * scores, targets, classes=KINDS, task="multiclass")


def _predictions(part, owner, scores, targets, *, classes, task) -> Predictions:
    records = [
        {
            "id": identifier(part, row),
            "sha256": identifier(part, row) * 4,
            "labels": {},
            "patient": identifier(part, "patient", int(person)),
        }
        for row, person in enumerate(owner)
    ]
    header = {
        "task": {"type": task, "classes": classes},
        "part": part,
        "score": "logit",
        "model": MODEL,
        "policy": {"uncertain": "ignore", "blank": "zero"},
        "history": [],
    }
    return Predictions(scores=scores.astype(np.float32), targets=targets, records=records, header=header)


def study(folder: Path, make=multilabel, *, parts: tuple[str, ...] = ("val", "test")) -> Path:
    """A manifest with predictions of some parts, as train leaves it."""
    made = {part: make(part, seed=seed) for seed, part in enumerate(parts, start=1)}
    references = {part: write_predictions(folder / f"{part}.h5", made[part]) for part in parts}
    records = [record for predictions in made.values() for record in predictions.records]
    manifest = Manifest(
        task=made[parts[0]].header["task"],
        records=records,
        predictions=references,
        rejected=[{"id": "0" * 16, "code": "decode/truncated", "reason": "cut"}],
    )
    write_manifest(manifest, folder / "study.json")
    return folder / "study.json"


def explained(gallery: dict[str, Any], classes: Sequence[str] = ()) -> dict[str, Any]:
    """A section `explanation`: maps of the first class lie on the finding, those of others beside it."""
    records = [{"patient": f"{number:016x}"} for number in range(12)]
    areas = {"deletion": 0.3, "deletion_turned": 0.5, "insertion": 0.8, "insertion_turned": 0.5}
    spread = [{name: value + number / 100 for name, value in areas.items()} for number in range(12)]
    for number, outcome in enumerate(spread):
        outcome["insertion_turned"] += 0.02 * number
    return {
        "method": "gradcam",
        "class_specific": True,
        "targets": list(classes),
        "part": "test",
        "n": 12,
        "n_available": 40,
        "empty_maps": {},
        "localisation": {
            name: summarise([(record, _figures(is_hit=place == 0)) for record in records])
            for place, name in enumerate(classes)
        },
        "faithfulness": summarise_faithfulness(list(zip(records, spread, strict=True)), steps=10),
        "maps": None,
        "gallery": gallery,
    }


def _figures(*, is_hit: bool) -> dict[str, float]:
    found = 0.9 if is_hit else 0.01
    named = dict.fromkeys(("energy", "dice", "iou", "pixel_auc"), found)
    return {"hit": float(is_hit), "chance": 0.05, "chance_iou": 0.02, **named}
