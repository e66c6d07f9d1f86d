"""The optimiser, which parameters it decays, and its learning rate at every step."""

from __future__ import annotations

from typing import Any

import torch
from timm.scheduler import CosineLRScheduler
from torch import nn

from medcli.models.networks import head_parameters

# Large enough never to touch a normal step, small enough to tame the first ones of a transformer.
MAX_GRADIENT_NORM = 5.0


def make_optimiser(
    network: nn.Module, *, learning_rate: float, backbone_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """AdamW that decays matrices and kernels only, with a lower rate for the backbone on request.

    A backbone rate of 0 freezes the backbone: its parameters get no gradient at all.

    Reference: Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019, algorithm 2.
    """
    head = head_parameters(network)
    no_weight_decay: Any = getattr(network, "no_weight_decay", set)
    exempt = set(no_weight_decay())
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        in_head = id(parameter) in head
        if not in_head and backbone_rate == 0:
            parameter.requires_grad_(False)
        if parameter.requires_grad:
            is_decayed = parameter.ndim > 1 and name not in exempt
            groups.setdefault((in_head, is_decayed), []).append(parameter)
    settings: list[dict[str, Any]] = [
        {
            "params": parameters,
            "lr_scale": 1.0 if in_head else backbone_rate,
            "weight_decay": weight_decay if is_decayed else 0.0,
        }
        for (in_head, is_decayed), parameters in sorted(groups.items())
    ]
    on_mps = next(network.parameters()).device.type == "mps"
    return torch.optim.AdamW(settings, lr=learning_rate, fused=not on_mps)


def make_schedule(optimiser: torch.optim.Optimizer, *, num_steps: int, warmup: float) -> CosineLRScheduler:
    """A linear rise over the first share of steps, then half a cosine.

    `step_update(step)` sets the rate of a step counted from 0, which is a function of the step alone:
    there is no state to save.

    Reference: Goyal et al., Accurate, Large Minibatch SGD, 2017, section 2.2 (warm-up); Loshchilov and
    Hutter, SGDR, ICLR 2017, equation 5 (cosine).
    """
    num_warmup = round(warmup * num_steps)
    start = optimiser.defaults["lr"] / (num_warmup + 1)
    return CosineLRScheduler(
        optimiser,
        t_initial=max(num_steps - num_warmup, 1),
        warmup_t=num_warmup,
        warmup_lr_init=start,
        warmup_prefix=True,
        t_in_epochs=False,
    )
