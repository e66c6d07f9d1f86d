"""Losses for exclusive and independent classes, with unknown targets left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from medcli.errors import UsageError

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
EXCLUSIVE = {"multiclass", "ordinal"}
_MAX_WEIGHT = 100.0


def choose_loss(name: str, *, task_type: str) -> str:
    """Name of the loss for a task: `auto` is cross-entropy for exclusive classes, BCE for the others.

    Raises:
        UsageError: If the loss does not fit the task.
    """
    is_exclusive = task_type in EXCLUSIVE
    if name == "auto":
        return "cross-entropy" if is_exclusive else "bce"
    if (name == "cross-entropy" and not is_exclusive) or (name == "bce" and is_exclusive):
        raise UsageError(f"loss {name} does not fit a {task_type} task", hint="--loss auto, or focal")
    return name


def class_weights(targets: np.ndarray, *, task_type: str) -> np.ndarray:
    """Weights that make rare classes count as much as frequent ones, float32 [classes].

    For exclusive classes images / (classes * images of the class); for independent ones negatives per
    positive, the weight of a positive target. A class without positives has weight 1; none has more than 100.

    Args:
        targets: Of the training part: [images, classes] of 1, 0, NaN.
    """
    positives = np.nansum(targets, axis=0)
    known = (~np.isnan(targets)).sum(axis=0)
    filled = np.maximum(positives, 1)
    if task_type in EXCLUSIVE:
        weights = known / (max((positives > 0).sum(), 1) * filled)
    else:
        weights = (known - positives) / filled
    weights = np.where((positives > 0) & (weights > 0), weights, 1)
    return np.clip(weights, 1 / _MAX_WEIGHT, _MAX_WEIGHT).astype(np.float32)


def make_loss(
    name: str,
    *,
    task_type: str,
    weights: torch.Tensor | None = None,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> LossFunction:
    """A function of logits and targets [images, classes] that gives the mean loss over what is known.

    Args:
        name: `cross-entropy`, `bce` or `focal`.
        task_type: Whether classes exclude each other.
        weights: Of `class_weights`.
        gamma: How much `focal` plays down what is easy; 0 is no focus.
        label_smoothing: Share of the target spread over all classes.

    Returns:
        The loss; 0, with a gradient of 0, where nothing in the batch is known.
    """
    exponent = gamma if name == "focal" else 0.0
    if task_type in EXCLUSIVE:
        return _Exclusive(weights, exponent, label_smoothing)
    return _Independent(weights, exponent, label_smoothing)


class _Exclusive(nn.Module):
    def __init__(self, weights: torch.Tensor | None, gamma: float, smoothing: float) -> None:
        super().__init__()
        self.weights, self.gamma, self.smoothing = weights, gamma, smoothing

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        known = ~targets.isnan().any(dim=1)
        logits, targets = logits[known], targets[known]
        if not len(logits):
            return logits.sum()
        log_p = functional.log_softmax(logits, dim=1)
        smooth = targets * (1 - self.smoothing) + self.smoothing / targets.shape[1]
        terms = -smooth * log_p
        if self.gamma:
            # FL(p_t) = -(1 - p_t)^gamma log p_t (Lin et al., Focal Loss, ICCV 2017, equation 4).
            terms = terms * (1 - log_p.exp()) ** self.gamma
        row_weights = targets @ self.weights if self.weights is not None else torch.ones_like(terms[:, 0])
        return (terms.sum(dim=1) * row_weights).sum() / row_weights.sum()


class _Independent(nn.Module):
    def __init__(self, weights: torch.Tensor | None, gamma: float, smoothing: float) -> None:
        super().__init__()
        self.weights, self.gamma, self.smoothing = weights, gamma, smoothing

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        known = ~targets.isnan()
        safe = torch.where(known, targets, torch.zeros_like(targets))
        smooth = safe * (1 - self.smoothing) + self.smoothing / 2
        terms = functional.binary_cross_entropy_with_logits(
            logits, smooth, pos_weight=self.weights, reduction="none"
        )
        if self.gamma:
            # 1 - p_t is the sigmoid of the logit against the target (same paper, section 3).
            against = torch.sigmoid(torch.where(safe > 0, -logits, logits))
            terms = terms * against**self.gamma
        return (terms * known).sum() / known.sum().clamp(min=1)
