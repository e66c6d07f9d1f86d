"""Attention rollout of vision transformers.

Reference: Abnar & Zuidema, Quantifying Attention Flow in Transformers, ACL 2020, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from medcli.attribution.result import Attribution, to_image_size

RESIDUAL = 0.5
"""Share of a block's output that comes from its skip connection (section 3, A = 0.5 W + 0.5 I)."""


def suits(model: Any, sample: torch.Tensor) -> bool:
    """Whether the model is a timm ViT: tokens on a grid, and one attention with a softmax in every block."""
    blocks = getattr(model, "blocks", None)
    if blocks is None or not hasattr(model, "patch_embed") or getattr(model, "global_pool", "") == "map":
        return False
    if not all(len(_attentions(block)) == 1 for block in blocks):
        return False
    with torch.no_grad():
        tokens = model.eval().forward_features(sample)
    rows, columns = _grid(model)
    return tokens.ndim == 3 and tokens.shape[1] == rows * columns + _num_prefix_tokens(model)


def attention_rollout(model: Any, images: torch.Tensor) -> Attribution:
    """One map an image, the same for every class: how much attention flows from each patch to the output.

    Where the class token is what the classifier reads, the map is its row of the rolled-out attention; where
    the patches are averaged, it is the mean of their rows. Attention does not depend on the class asked for.

    Args:
        model: A timm ViT; it is put into evaluation mode.
        images: float [images, channels, height, width], normalised as the model expects.
    """
    model.eval()
    flow = Flow()
    with torch.no_grad(), _watching(model, flow.through):
        logits = model(images)
    assert flow.rolled is not None
    prefix = _num_prefix_tokens(model)
    if getattr(model, "global_pool", "token") == "token" and prefix:
        row = flow.rolled[:, 0]
    else:
        row = flow.rolled[:, prefix:].mean(dim=1)
    coarse = row[:, prefix:].reshape(len(images), 1, *_grid(model))
    maps = to_image_size(coarse, (images.shape[2], images.shape[3]))
    return Attribution(maps, logits.float().cpu().numpy())


class Flow:
    """Attention multiplied through the blocks, one at a time, so that only one matrix is kept."""

    def __init__(self) -> None:
        self.rolled: torch.Tensor | None = None

    def through(self, attention: torch.Tensor) -> None:
        """Take the next block's attention, [images, heads, tokens, tokens], rows summing to 1."""
        mixed = attention.detach().float().mean(dim=1)
        identity = torch.eye(mixed.shape[-1], device=mixed.device)
        mixed = (1 - RESIDUAL) * mixed + RESIDUAL * identity
        mixed = mixed / mixed.sum(dim=-1, keepdim=True)
        self.rolled = mixed if self.rolled is None else mixed @ self.rolled


@contextmanager
def _watching(model: Any, see: Callable[[torch.Tensor], None]) -> Iterator[None]:
    """Show every block's attention after its softmax to `see`, and leave the model as it was."""
    attentions = [_attentions(block)[0] for block in model.blocks]
    were_fused = [attention.fused_attn for attention in attentions]
    handles = []
    try:
        for attention in attentions:
            # The fused kernel never forms the matrix; without it, it passes through `attn_drop`.
            attention.fused_attn = False
            handles.append(attention.attn_drop.register_forward_pre_hook(lambda _, inputs: see(inputs[0])))
        yield
    finally:
        for handle in handles:
            handle.remove()
        for attention, was_fused in zip(attentions, were_fused, strict=True):
            attention.fused_attn = was_fused


def _attentions(block: nn.Module) -> list[Any]:
    return [m for m in block.modules() if hasattr(m, "fused_attn") and hasattr(m, "attn_drop")]


def _grid(model: Any) -> tuple[int, int]:
    rows, columns = model.patch_embed.grid_size
    return int(rows), int(columns)


def _num_prefix_tokens(model: Any) -> int:
    return int(getattr(model, "num_prefix_tokens", 0))
