"""Weights to start from: a file of a backbone, or those that timm publishes for ImageNet."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import adapt_input_conv
from torch import nn

from medcli.errors import DataError, InputError, UsageError
from medcli.models.networks import head_modules, head_parameters

_HUB = "huggingface.co"


def options_from_metadata(
    metadata: dict[str, str], options: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Model options with what a file of weights says that it needs, and what there is to tell about it.

    Raises:
        UsageError: If an option contradicts the file.
    """
    needed = metadata.get("pad_type")
    if needed is None or options.get("pad_type") == needed:
        return options, []
    if "pad_type" in options:
        raise UsageError(
            f"model option pad_type is {options['pad_type']}, the weights need {needed}",
            hint="leave the option away: the file decides",
        )
    return {**options, "pad_type": needed}, [f"pad_type {needed}, as the weights need it"]


def normalisation(
    name: str, *, metadata: dict[str, str], pretrained: bool, channels: int
) -> tuple[list, list]:
    """Mean and standard deviation of each channel: of the file, else of timm's ImageNet weights, else 0.5.

    With another number of channels than 3, all channels get the average.

    Raises:
        DataError: If the file's metadata are not numbers.
    """
    config = timm.get_pretrained_cfg(name, allow_unregistered=True) if pretrained else None
    values = []
    for key in ("mean", "std"):
        if key in metadata:
            triple = _numbers(metadata[key], key=key)
        else:
            triple = [float(v) for v in getattr(config, key)] if config is not None else [0.5] * 3
        average = round(sum(triple) / len(triple), 9)
        values.append(triple if len(triple) == channels else [average] * channels)
    return values[0], values[1]


def _numbers(text: str, *, key: str) -> list[float]:
    try:
        return [float(number) for number in text.strip("[]() ").split(",")]
    except ValueError as error:
        raise DataError(f"{key} in the metadata of the weights is not a list of numbers") from error


def load_backbone(network: nn.Module, tensors: dict[str, torch.Tensor], *, channels: int) -> list[str]:
    """Fill a network with weights of another training, all that fit; what there is to tell about it.

    The first convolution is adapted to the number of channels (summed for one). The classifier is left out
    when shapes differ; a linear one then starts from zero, so that the first steps spare the backbone.

    Raises:
        DataError: If less than half of the backbone's weights are in the file.

    Reference: Kolesnikov et al., Big Transfer, ECCV 2020, section 3.3 (a head that starts from zero).
    """
    own = network.state_dict()
    head = head_parameters(network)
    heads = {name for name, parameter in network.named_parameters() if id(parameter) in head}
    tensors = _adapt_first(network, tensors, channels=channels)
    fitting = {name: t for name, t in tensors.items() if name in own and t.shape == own[name].shape}
    wanted = sum(own[name].numel() for name in own if name not in heads)
    found = sum(own[name].numel() for name in fitting if name not in heads)
    if found * 2 < wanted:
        raise DataError(
            f"the weights fill {100 * found / max(wanted, 1):.0f} % of the backbone, at least half is needed",
            hint="--model must be the architecture that they were trained with",
        )
    network.load_state_dict(fitting, strict=False)
    if not heads & set(fitting):
        _zero_head(network)
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    missing = sorted(set(own) - set(fitting) - heads - counters)
    unexpected = sorted(set(tensors) - set(fitting) - heads)
    return [
        *_listing("weights of the backbone are not in the file", missing),
        *_listing("weights in the file do not fit the network", unexpected),
    ]


def _zero_head(network: nn.Module) -> None:
    for module in head_modules(network):
        if isinstance(module, nn.Linear):
            for parameter in module.parameters():
                nn.init.zeros_(parameter)


def _adapt_first(
    network: nn.Module, tensors: dict[str, torch.Tensor], *, channels: int
) -> dict[str, torch.Tensor]:
    names = (getattr(network, "pretrained_cfg", None) or {}).get("first_conv") or ()
    adapted = dict(tensors)
    for name in [names] if isinstance(names, str) else names:
        weight = tensors.get(f"{name}.weight")
        if weight is not None and weight.ndim == 4 and weight.shape[1] == 3 != channels:
            adapted[f"{name}.weight"] = adapt_input_conv(channels, weight)
    return adapted


def _listing(what: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"{len(names)} {what}: {', '.join(names[:3])}{more}"]


def fetch_imagenet(name: str) -> Path:
    """Path of the ImageNet weights that timm publishes, downloaded once; safetensors only.

    Raises:
        UsageError: If timm publishes none for this network.
        InputError: If they are not on this machine and cannot be fetched.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError

    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if config is None or not config.hf_hub_id:
        raise UsageError(f"timm has no pretrained weights for {name}", hint="--weights none, or a file")
    cached = try_to_load_from_cache(config.hf_hub_id, "model.safetensors")
    if isinstance(cached, str):
        return Path(cached)
    hint = "connect this machine, or copy the file here and give --weights FILE.safetensors"
    if not _hub_has_an_address():
        raise InputError(
            f"weights of {name} are not on this machine and the network cannot be reached", hint=hint
        )
    try:
        return Path(hf_hub_download(config.hf_hub_id, "model.safetensors"))
    except (OSError, HfHubHTTPError) as error:
        raise InputError(f"weights of {name} cannot be fetched from {_HUB}", hint=hint) from error


def _hub_has_an_address() -> bool:
    """Whether asking makes sense: the client itself would retry for a minute."""
    if any(os.environ.get(key) for key in ("HTTPS_PROXY", "https_proxy", "HF_ENDPOINT")):
        return True
    try:
        socket.getaddrinfo(_HUB, 443)
    except OSError:
        return False
    return True
