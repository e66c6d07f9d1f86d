"""A small study of striped images: shard, splits and options, for tests of train and predict."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from medcli.config import Augment, SplitConfig, TrainConfig
from medcli.stages import split
from medcli.store.manifest import Manifest, write_manifest
from medcli.store.shards import ShardWriter

TASK = {"type": "multiclass", "classes": ["flat", "rows", "columns"]}
RECIPE = {"size": 32, "channels": 1, "clahe": False}
SIZE = 32


def stripes(kind: int, seed: int) -> np.ndarray:
    """Noise that is flat, striped by rows, or striped by columns."""
    image = np.random.default_rng(seed).integers(60, 190, (SIZE, SIZE, 1))
    wave = np.where(np.arange(SIZE) // 4 % 2, 60, -60)
    image += (wave[:, None, None] if kind == 1 else wave[None, :, None] if kind == 2 else 0) * np.int64(1)
    return image.clip(0, 255).astype(np.uint8)


def records(num_patients: int, *, prefix: str = "p", labelled: bool = True) -> list[dict[str, Any]]:
    """Two images a patient, classes in turn."""
    found = []
    for patient in range(num_patients):
        for image in range(2):
            name = f"{prefix}{patient}/{image}"
            digest = hashlib.sha256(name.encode()).hexdigest()
            label = {TASK["classes"][patient % 3]: 1} if labelled else {}
            found.append(
                {
                    "id": digest[:16],
                    "sha256": digest,
                    "labels": label,
                    "patient": hashlib.sha256(f"{prefix}{patient}".encode()).hexdigest()[:16],
                    "age": 40 + patient,
                    "site": "north",
                }
            )
    return found


def write_shard(
    path: Path,
    rows: list[dict[str, Any]],
    *,
    task: dict[str, Any] | None = TASK,
    recipe: dict[str, Any] = RECIPE,
) -> dict[str, Any]:
    """A shard of stripes for these records."""
    header = {"task": task, "recipe": recipe, "history": []}
    with ShardWriter(path, shape=(SIZE, SIZE, 1), header=header, with_masks=False) as writer:
        for number, row in enumerate(rows):
            writer.append(stripes(number // 2 % 3, int(row["id"], 16) % 2**32), row)
        return writer.finish()


def make_study(folder: Path, *, num_patients: int = 30) -> Path:
    """A manifest with shard and splits, as preprocess and split would leave it."""
    rows = records(num_patients)
    manifest = Manifest(task=TASK, records=rows, shards=[write_shard(folder / "shard.h5", rows)])
    source = folder / "preprocessed.json"
    write_manifest(manifest, source)
    manifest = split.run(SplitConfig(source=str(source), shares=(60, 20, 20)))
    write_manifest(manifest, folder / "splits.json")
    return folder / "splits.json"


def options(source: Path, run: Path, **changes: Any) -> TrainConfig:
    """Options of a training that takes a second or two."""
    chosen: dict[str, Any] = {
        "source": str(source),
        "run": run,
        "jobs": 1,
        "device": "cpu",
        "threads": 1,
        "model": "test_efficientnet",
        "epochs": 2,
        "batch_size": 8,
        "learning_rate": 3e-3,
        "dropout": 0.2,
        "augment": Augment.safe,
        **changes,
    }
    return TrainConfig(**chosen)


def contents(run: Path) -> dict[str, str]:
    """Digest of every file of a run, but for locks."""
    files = [path for path in sorted(run.iterdir()) if not path.name.endswith(".lock")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
