"""Which pixels mattered for a class.

`METHODS` is the one table: an attribution method is one file and one line here.
"""

from __future__ import annotations

import torch
from torch import nn

from medcli.attribution import gradcam, hirescam, rollout
from medcli.attribution.result import Attribution, Method
from medcli.errors import UsageError

__all__ = ["METHODS", "Attribution", "Method", "choose_method"]

METHODS: dict[str, Method] = {
    "gradcam": Method(gradcam.grad_cam, gradcam.suits, needs="a feature map (a CNN)", is_class_specific=True),
    "hirescam": Method(
        hirescam.hires_cam, gradcam.suits, needs="a feature map (a CNN)", is_class_specific=True
    ),
    "rollout": Method(
        rollout.attention_rollout, rollout.suits, needs="attention blocks (a ViT)", is_class_specific=False
    ),
}


def choose_method(name: str, model: nn.Module, sample: torch.Tensor) -> str:
    """The name of the method to use: the first that suits the model for `auto`, else the one asked for.

    Args:
        name: A key of `METHODS`, or `auto`.
        model: A timm model.
        sample: One input as the model takes it, float [1, channels, height, width].

    Raises:
        UsageError: If the method does not work for this model; the hint says which would.
    """
    suitable = [key for key, method in METHODS.items() if method.suits(model, sample)]
    kind = type(model).__name__
    if name == "auto":
        if not suitable:
            raise UsageError(
                f"no attribution method works for {kind}: it has neither a feature map nor attention"
            )
        return suitable[0]
    if name not in suitable:
        would = " or ".join(f"--method {key}" for key in suitable) or "a model that is a CNN or a ViT"
        raise UsageError(f"{name} needs {METHODS[name].needs}, which {kind} lacks", hint=f"give {would}")
    return name
