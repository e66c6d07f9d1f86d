"""All that a bit-identical resume needs, as tensors and JSON; nothing pickled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from medcli.errors import DataError

CHECKPOINT_VERSION = "checkpoint/1"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


@dataclass
class TrainingState:
    """Where a training is, beside its weights.

    Attributes:
        epoch: Of the step to do next, from 0.
        step: Within the epoch; equal to the number of steps when only validation is left.
        loss_sum: Of the epoch so far, over images.
        log: One entry a finished epoch.
        best: Epoch, metric and loss of the best epoch so far; empty before the first.
        best_tensors: Weights of that epoch, on the CPU.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    log: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    best_tensors: dict[str, torch.Tensor] = field(default_factory=dict)


def copy_of_weights(network: nn.Module) -> dict[str, torch.Tensor]:
    """Weights and statistics of a network as they are now, on the CPU, sharing no memory with it."""
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def pack(
    network: nn.Module, optimiser: torch.optim.Optimizer, state: TrainingState, *, identity: dict[str, Any]
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and JSON header of a checkpoint.

    Args:
        identity: What decides the result: a checkpoint resumes no run of another identity.
    """
    tensors = {f"network/{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in state.best_tensors.items()}
    for number, parameter in enumerate(_parameters(optimiser)):
        for key in _MOMENTS:
            if key in optimiser.state.get(parameter, {}):
                tensors[f"optimiser/{number}/{key}"] = optimiser.state[parameter][key]
    facts = {"epoch": state.epoch, "step": state.step, "loss_sum": state.loss_sum}
    header = {
        "medcli": CHECKPOINT_VERSION,
        "identity": identity,
        "state": {**facts, "log": state.log, "best": state.best},
    }
    return tensors, header


def unpack(
    tensors: dict[str, torch.Tensor],
    header: dict[str, Any],
    *,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
) -> TrainingState:
    """Put a network and its optimiser back where they were and return the state.

    Raises:
        DataError: If the checkpoint does not belong to this network.
    """
    try:
        network.load_state_dict(_below(tensors, "network/"))
        for number, parameter in enumerate(_parameters(optimiser)):
            found = _below(tensors, f"optimiser/{number}/")
            if found:
                optimiser.state[parameter] = _moments(found, parameter)
        return TrainingState(**header["state"], best_tensors=_below(tensors, "best/"))
    except (RuntimeError, KeyError, TypeError) as error:
        raise DataError(
            "the checkpoint does not fit this network", hint="--fresh starts again from the beginning"
        ) from error


def _moments(found: dict[str, torch.Tensor], parameter: nn.Parameter) -> dict[str, torch.Tensor]:
    # Averages take the memory layout of their parameter, as AdamW itself gives them.
    moments = {key: torch.empty_like(parameter).copy_(found[key]) for key in ("exp_avg", "exp_avg_sq")}
    return {"step": found["step"].to(parameter.device), **moments}


def _parameters(optimiser: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
