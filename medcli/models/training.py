"""The training loop: epochs of steps, validation, and the best epoch so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from medcli.errors import DataError, StoppedError
from medcli.models.checkpoint import TrainingState, copy_of_weights
from medcli.models.devices import autocast
from medcli.models.inference import predict_logits
from medcli.models.loader import BatchLoader, naming_lost_workers, ordered_batches, training_batches
from medcli.models.losses import LossFunction
from medcli.models.networks import head_modules, normalise
from medcli.models.optimisation import MAX_GRADIENT_NORM, make_schedule
from medcli.store.digests import derive_seed

_SAVE_EVERY_S = 600.0
_VALIDATION_BATCH = 64


@dataclass(frozen=True)
class Plan:
    """What a training does, once names are resolved to numbers.

    Attributes:
        rows: Positions of the training images.
        validation_rows: Positions of the validation images; may be empty.
        mean: Of each channel, where white is 1.
        std: Of each channel, where white is 1.
        precision: `fp32` or `bf16`.
        is_frozen: Whether the backbone keeps its weights and statistics.
    """

    rows: np.ndarray
    validation_rows: np.ndarray
    epochs: int
    batch_size: int
    warmup: float
    mean: Sequence[float]
    std: Sequence[float]
    precision: str
    is_frozen: bool
    seed: int


class Trainer:
    """Trains a network on its device, step by step, from any state on.

    Args:
        network: On its device.
        optimiser: Of `make_optimiser`.
        loss: Mean over what is known in a batch.
        loader: Of training images, with augmentation.
        validation_loader: The same without.
        targets: float32 [images, classes], by position in the shards.
        metric: Logits and targets to a number, the larger the better, or None where it is undefined.
    """

    def __init__(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        loss: LossFunction,
        *,
        plan: Plan,
        loader: BatchLoader,
        validation_loader: BatchLoader,
        targets: np.ndarray,
        metric: Callable[[np.ndarray, np.ndarray], float | None],
    ) -> None:
        self.network, self.optimiser, self.loss, self.plan = network, optimiser, loss, plan
        self.loader, self.validation_loader = loader, validation_loader
        self.targets, self.metric = targets, metric
        self.device = next(network.parameters()).device
        self.num_steps = len(self._batches(0))
        self.schedule = make_schedule(optimiser, num_steps=plan.epochs * self.num_steps, warmup=plan.warmup)

    def run(
        self,
        state: TrainingState,
        *,
        save: Callable[[TrainingState], None],
        is_stopped: Callable[[], bool],
        report: Callable[..., None],
    ) -> TrainingState:
        """Train to the end.

        Args:
            state: To start from; changed in place.
            save: Called after each epoch, now and then within long ones, and before stopping.
            is_stopped: Whether to save and stop now; asked after every step.
            report: Called after every step with a note.

        Raises:
            StoppedError: After saving, when `is_stopped` says so.
            DataError: If a loss is not finite, naming the records.
        """
        with _deterministic(self.device), naming_lost_workers(self.loader, self.validation_loader):
            while state.epoch < self.plan.epochs:
                try:
                    self._train_epoch(state, save=save, is_stopped=is_stopped, report=report)
                    self._finish_epoch(state, is_stopped=is_stopped)
                except StoppedError:
                    save(state)
                    raise
                save(state)
        return state

    def _batches(self, epoch: int) -> list[np.ndarray]:
        return training_batches(
            self.plan.rows, batch_size=self.plan.batch_size, seed=self.plan.seed, epoch=epoch
        )

    def _train_epoch(
        self,
        state: TrainingState,
        *,
        save: Callable[[TrainingState], None],
        is_stopped: Callable[[], bool],
        report: Callable[..., None],
    ) -> None:
        batches = self._batches(state.epoch)[state.step :]
        self._set_training_mode()
        saved_at = time.monotonic()
        for rows, images in zip(batches, self.loader.batches(batches, epoch=state.epoch), strict=True):
            loss = self._train_step(images, rows, state=state)
            state.loss_sum += loss * len(rows)
            state.step += 1
            report(note=f"epoch {state.epoch + 1}/{self.plan.epochs}, loss {loss:.3f}{_best_note(state)}")
            if is_stopped():
                raise StoppedError("stopped after saving", hint="the same line goes on where it stopped")
            if time.monotonic() - saved_at > _SAVE_EVERY_S:
                save(state)
                saved_at = time.monotonic()

    def _set_training_mode(self) -> None:
        self.network.train()
        if self.plan.is_frozen:
            self.network.eval()
            for module in head_modules(self.network):
                module.train()

    def _train_step(self, images: torch.Tensor, rows: np.ndarray, *, state: TrainingState) -> float:
        plan = self.plan
        # Dropout is a function of seed, epoch and step: a resumed run draws what an unbroken one draws.
        torch.manual_seed(derive_seed(plan.seed, "dropout", state.epoch, state.step))
        self.schedule.step_update(state.epoch * self.num_steps + state.step)
        targets = torch.from_numpy(self.targets[rows]).to(self.device)
        inputs = normalise(images.to(self.device, non_blocking=True), mean=plan.mean, std=plan.std)
        with autocast(self.device, precision=plan.precision):
            logits = self.network(inputs)
        loss = self.loss(logits.float(), targets)
        value = loss.item()
        if not math.isfinite(value):
            self._refuse(f"the loss is {value}", rows, state=state)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
        if not math.isfinite(norm):
            self._refuse(f"the gradient's norm is {float(norm)}", rows, state=state)
        self.optimiser.step()
        return value

    def _refuse(self, what: str, rows: np.ndarray, *, state: TrainingState) -> None:
        ids = [self.loader.images.records[row]["id"] for row in rows]
        more = f" and {len(ids) - 8} more" if len(ids) > 8 else ""
        raise DataError(
            f"{what} in epoch {state.epoch + 1}, step {state.step + 1}, "
            f"with records {', '.join(ids[:8])}{more}",
            hint="a lower --learning-rate, or --precision fp32",
        )

    def _finish_epoch(self, state: TrainingState, *, is_stopped: Callable[[], bool]) -> None:
        """Validate, log, and keep the weights when they are the best so far."""
        # Set again, for a run that was stopped in validation and has done no step since.
        self.schedule.step_update((state.epoch + 1) * self.num_steps - 1)
        metric, loss = self._validate(is_stopped) if len(self.plan.validation_rows) else (None, None)
        entry: dict[str, Any] = {
            "epoch": state.epoch + 1,
            "learning_rate": self.optimiser.param_groups[-1]["lr"],
            "train_loss": state.loss_sum / len(self.plan.rows),
            "val_loss": loss,
            "val_auc": metric,
        }
        state.log.append(entry)
        if is_better(entry, state.best):
            state.best = entry
            state.best_tensors = copy_of_weights(self.network)
        state.epoch, state.step, state.loss_sum = state.epoch + 1, 0, 0.0

    def _validate(self, is_stopped: Callable[[], bool]) -> tuple[float | None, float]:
        def check(count: int) -> None:
            if is_stopped():
                raise StoppedError("stopped after saving", hint="the same line goes on where it stopped")

        rows = self.plan.validation_rows
        images = self.validation_loader.batches(ordered_batches(rows, batch_size=_VALIDATION_BATCH))
        plan = self.plan
        logits = predict_logits(
            self.network, images, mean=plan.mean, std=plan.std, precision=plan.precision, step=check
        )
        targets = self.targets[rows]
        loss = self.loss(
            torch.from_numpy(logits).to(self.device), torch.from_numpy(targets).to(self.device)
        ).item()
        if not math.isfinite(loss):
            raise DataError(f"the loss on the validation part is {loss}")
        return self.metric(logits, targets), loss


def is_better(entry: dict[str, Any], best: dict[str, Any]) -> bool:
    """Whether an epoch beats the best: by AUC, then by loss; without validation the last one does."""
    if not best or entry["val_loss"] is None:
        return True
    if entry["val_auc"] is not None and entry["val_auc"] != best["val_auc"]:
        return entry["val_auc"] > best["val_auc"]
    return entry["val_loss"] < best["val_loss"]


def _best_note(state: TrainingState) -> str:
    auc = state.best.get("val_auc")
    return f", best AUC {auc:.3f}" if auc is not None else ""


@contextmanager
def _deterministic(device: torch.device) -> Iterator[None]:
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        yield
