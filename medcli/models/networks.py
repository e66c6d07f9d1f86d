"""Networks by name from timm, and what goes into them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import timm
import torch
from torch import nn

from medcli.errors import DataError, UsageError

# What is 1 in units of mean and standard deviation.
_WHITE = {torch.uint8: 255, torch.uint16: 65535, torch.float16: 1}

Option = int | float | bool | str | list[int]

# Decided by options of ours, or ways to load code and pickled weights from elsewhere.
_RESERVED = {
    "pretrained": "--weights",
    "pretrained_cfg": "--weights",
    "pretrained_cfg_overlay": "--weights",
    "checkpoint_path": "--weights",
    "cache_dir": "--weights",
    "num_classes": "the classes of the labels",
    "in_chans": "--channels of preprocess",
    "drop_rate": "--dropout",
    "scriptable": "nothing",
    "exportable": "nothing",
    "no_jit": "nothing",
}


def create_network(
    name: str, *, num_classes: int, channels: int, options: dict[str, Any], dropout: float
) -> nn.Module:
    """A network with random weights (from torch's generator) and one output per class.

    Args:
        name: Of timm's registry; a tag after a dot is allowed and ignored.
        num_classes: Outputs.
        channels: Of the images.
        options: Keyword arguments of timm's `create_model`.
        dropout: Before the classifier, in [0, 1).

    Raises:
        UsageError: If timm has no such network, or it does not take the options.
    """
    check_name(name)
    for key in options:
        if key in _RESERVED:
            raise UsageError(f"model option {key!r} is not free: it is decided by {_RESERVED[key]}")
    extra: dict[str, Any] = {"drop_rate": dropout} if dropout else {}
    try:
        return timm.create_model(
            name, pretrained=False, num_classes=num_classes, in_chans=channels, **options, **extra
        )
    except (TypeError, ValueError, AssertionError, RuntimeError, KeyError, AttributeError) as error:
        given = ", ".join(f"{key}={value}" for key, value in options.items()) or "none"
        raise UsageError(
            f"timm cannot make {name} with {channels} channels and options {given}: {_line(error)}"
        ) from error


def check_name(name: str) -> None:
    """Refuse a name that timm's registry lacks, with those that come close."""
    if ":" in name or not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), n=4, cutoff=0.6)
        hint = f"did you mean {', '.join(close)}?" if close else "any name that timm.list_models() gives"
        raise UsageError(f"timm has no model {name!r}", hint=hint)


def parse_options(items: Iterable[str]) -> dict[str, Option]:
    """Options from texts such as `pad_type=same`: whole numbers, numbers, true and false, else text."""
    options: dict[str, Option] = {}
    for item in items:
        key, equals, text = item.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"model option {item!r} is not KEY=VALUE", hint="for example pad_type=same")
        options[key] = _parse_value(text)
    return options


def _parse_value(text: str) -> Option:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def with_image_size(name: str, options: dict[str, Any], *, size: Sequence[int]) -> dict[str, Any]:
    """Options with `img_size` added where the architecture is made for one size of image."""
    check_name(name)
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    is_fixed = config is not None and config.fixed_input_size
    if not is_fixed or "img_size" in options or options.get("dynamic_img_size"):
        return options
    return {**options, "img_size": [int(side) for side in size]}


def network_from_header(header: dict[str, Any], tensors: dict[str, torch.Tensor]) -> nn.Module:
    """The trained network of a model file, in evaluation mode on the CPU.

    Raises:
        DataError: If header and weights do not belong together.
    """
    try:
        made = header["architecture"]
        network = create_network(
            made["name"],
            num_classes=made["num_classes"],
            channels=made["channels"],
            options=made["options"],
            dropout=made["dropout"],
        )
    except (KeyError, TypeError) as error:
        raise DataError("the model's header does not describe a network") from error
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise DataError(f"weights do not fit {made['name']}: {_line(error)}") from error
    return network.eval()


def check_images_fit(network: nn.Module, *, channels: int, size: Sequence[int], num_classes: int) -> None:
    """Refuse a network that cannot take images of this size or gives another shape than one score a class."""
    height, width = size
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            scores = network(torch.zeros(2, channels, height, width))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"the network does not take images of {height}x{width}: {_line(error)}",
            hint=f"--model-option img_size={height}, or preprocess with another --size",
        ) from error
    finally:
        network.train(was_training)
    shape = list(getattr(scores, "shape", ()))
    if shape != [2, num_classes]:
        raise UsageError(f"the network gives {shape} for 2 images, [2, {num_classes}] is needed")


def head_parameters(network: nn.Module) -> set[int]:
    """Identities of the classifier's parameters; all else is the backbone."""
    return {id(parameter) for module in head_modules(network) for parameter in module.parameters()}


def head_modules(network: nn.Module) -> list[nn.Module]:
    """The classifier of one of timm's networks; distilled ones have two."""
    found: Any = network
    heads = found.get_classifier()
    return list(heads) if isinstance(heads, list | tuple) else [heads]


def input_tensor(images: np.ndarray, *, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """What a network eats.

    Args:
        images: uint8, uint16 or float16 [images, height, width, channels].
        mean: Of each channel, where white is 1.
        std: Of each channel, where white is 1.

    Returns:
        float32 [images, channels, height, width], in channels_last memory.
    """
    return normalise(torch.from_numpy(np.ascontiguousarray(images)), mean=mean, std=std)


def normalise(images: torch.Tensor, *, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """As `input_tensor`, on the device of `images`."""
    scale = torch.tensor([1 / (_WHITE[images.dtype] * s) for s in std], device=images.device)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=images.device)
    # A permuted view of [images, height, width, channels] is channels_last already.
    return (images.to(torch.float32) * scale + shift).permute(0, 3, 1, 2)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
