"""The training curve: a PNG that depends on the log alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from medcli.reporting.curves import training_curve


def log(*, auc: float | None = 0.8, loss: float | None = 0.5, epochs: int = 3) -> list[dict]:
    return [
        {"epoch": e, "learning_rate": 1e-3, "train_loss": 1 / e, "val_loss": loss, "val_auc": auc}
        for e in range(1, epochs + 1)
    ]


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_same_log_same_bytes_and_other_log_other_picture() -> None:
    first = training_curve(log(), best_epoch=2)
    assert first.startswith(b"\x89PNG")
    assert training_curve(log(), best_epoch=2) == first
    assert (pixels(training_curve(log(), best_epoch=3)) != pixels(first)).any()


@pytest.mark.parametrize("epochs", [1, 3])
def test_without_validation_there_is_one_panel(epochs: int) -> None:
    both = pixels(training_curve(log(epochs=epochs), best_epoch=1))
    one = pixels(training_curve(log(auc=None, loss=None, epochs=epochs), best_epoch=1))
    assert one.shape[1] < both.shape[1]
    assert one.shape[0] == both.shape[0]
