"""Scores of a trained network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import nn

from medcli.errors import DataError
from medcli.models.devices import autocast
from medcli.models.networks import normalise


def predict_logits(
    network: nn.Module,
    batches: Iterable[torch.Tensor | np.ndarray],
    *,
    mean: Sequence[float],
    std: Sequence[float],
    precision: str = "fp32",
    step: Callable[..., None] | None = None,
) -> np.ndarray:
    """Logits of all images in order, float32 [images, classes].

    Args:
        network: On its device; put into evaluation mode.
        batches: uint8, uint16 or float16 [images, height, width, channels] each.
        mean: Of each channel, where white is 1.
        std: Of each channel, where white is 1.
        precision: `fp32` or `bf16`.
        step: Called with the number of images after each batch.

    Raises:
        DataError: If a score is not finite.
    """
    network.eval()
    device = next(network.parameters()).device
    rows = []
    with torch.inference_mode():
        for batch in batches:
            images = torch.as_tensor(batch).to(device, non_blocking=True)
            with autocast(device, precision=precision):
                logits = network(normalise(images, mean=mean, std=std))
            rows.append(logits.float().cpu().numpy())
            if step:
                step(len(rows[-1]))
    if not rows:
        return np.zeros((0, 0), dtype=np.float32)
    scores = np.concatenate(rows)
    num_bad = int((~np.isfinite(scores)).any(axis=1).sum())
    if num_bad:
        raise DataError(f"the network's scores of {num_bad} images are not finite")
    return scores
