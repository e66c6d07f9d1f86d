"""Small artefacts for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medcli.store.predictions import Predictions
from medcli.store.shards import ShardWriter

CLASSES = ["Effusion", "Nodule"]
TASK = {"type": "multilabel", "classes": CLASSES}


def record(number: int, **fields: Any) -> dict[str, Any]:
    """A valid record whose id is its number."""
    base = {"id": f"{number:016x}", "sha256": f"{number:064x}", "labels": {CLASSES[number % 2]: 1}}
    return {**base, "patient": f"{number // 2:016x}", **fields}


def write_shard(path: Path, *, count: int = 6, first: int = 0, size: int = 8) -> dict[str, Any]:
    """A shard whose image number i is filled with i, with a mask on every odd one."""
    header = {"task": TASK, "recipe": {"size": size}, "history": []}
    with ShardWriter(path, shape=(size, size, 1), header=header, with_masks=True) as writer:
        for number in range(first, first + count):
            pixels = np.full((size, size, 1), number, np.uint8)
            if number % 2:
                mask = np.full((size, size), number, np.uint8)
                writer.append(pixels, record(number, has_mask=True), mask)
            else:
                writer.append(pixels, record(number))
        return writer.finish()


def small_predictions(count: int = 6) -> Predictions:
    """Scores that are a function of the row, with one unknown target."""
    scores = np.linspace(-2, 2, count * 2, dtype=np.float32).reshape(count, 2)
    targets = (scores > 0).astype(np.float32)
    targets[0, 0] = np.nan
    header = {"task": TASK, "part": "val", "score": "logit", "model": "0" * 64, "policy": {}, "history": []}
    return Predictions(scores, targets, [record(i) for i in range(count)], header)
