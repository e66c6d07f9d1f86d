"""Attention rollout against hand-worked products and models whose attention is known."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn

from medcli.attribution import choose_method
from medcli.attribution.rollout import Flow, attention_rollout
from medcli.errors import UsageError

FIRST = [[0.5, 0.25, 0.25], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]]
SECOND = [[0.2, 0.5, 0.3], [0.3, 0.4, 0.3], [0.25, 0.25, 0.5]]
ROLLED = [[0.4825, 0.2825, 0.235], [0.19, 0.58625, 0.22375], [0.14375, 0.153125, 0.703125]]


def rolled(*attentions: torch.Tensor) -> np.ndarray:
    flow = Flow()
    for attention in attentions:
        flow.through(attention[None, None])
    return flow.rolled[0].numpy()


def small_vit(name: str = "test_vit", **options: object) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=3, in_chans=1, img_size=64, **options).eval()


def small_images(count: int) -> torch.Tensor:
    return torch.randn(count, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def test_two_blocks_worked_by_hand() -> None:
    np.testing.assert_allclose(rolled(torch.tensor(FIRST), torch.tensor(SECOND)), ROLLED, atol=1e-6)


def test_blocks_are_multiplied_in_their_order() -> None:
    assert not np.allclose(rolled(torch.tensor(SECOND), torch.tensor(FIRST)), ROLLED, atol=1e-3)


def test_heads_are_averaged() -> None:
    flow = Flow()
    flow.through(torch.stack([torch.tensor(FIRST), torch.tensor(SECOND)])[None])
    expected = (np.array(FIRST) + np.array(SECOND)) / 4 + np.eye(3) / 2
    np.testing.assert_allclose(flow.rolled[0], expected, atol=1e-6)


def test_attention_to_oneself_stays_with_oneself() -> None:
    np.testing.assert_allclose(rolled(torch.eye(5), torch.eye(5)), np.eye(5), atol=1e-6)


def test_uniform_attention_leaves_every_other_token_alike() -> None:
    result = rolled(*[torch.full((5, 5), 0.2)] * 2)
    others = result[~np.eye(5, dtype=bool)]
    np.testing.assert_allclose(others, others[0], atol=1e-6)
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [("test_vit", {}), ("test_vit2", {"global_pool": "avg"}), ("test_vit3", {}), ("test_vit4", {})],
)
def test_maps_of_a_vit(name: str, options: dict) -> None:
    model, images = small_vit(name, **options), small_images(2)
    with torch.no_grad():
        logits = model(images).numpy()
    result = attention_rollout(model, images)
    assert result.maps.shape == (2, 1, 64, 64)
    assert result.maps.min() >= 0
    np.testing.assert_array_equal(result.maps.max(axis=(2, 3)), 1)
    np.testing.assert_allclose(result.logits, logits, atol=1e-4)


def test_a_map_is_the_class_tokens_row_of_the_models_own_attention() -> None:
    """Against the matrices that timm's layers give when their products are written out."""
    model, images = small_vit(), small_images(1)
    tokens = model.norm_pre(model._pos_embed(model.patch_embed(images)))
    flow = np.eye(tokens.shape[1])
    for block in model.blocks:
        queries, keys, _ = (
            block.attn.qkv(block.norm1(tokens))
            .reshape(1, -1, 3, block.attn.num_heads, block.attn.head_dim)
            .permute(2, 0, 3, 1, 4)
        )
        attention = (queries @ keys.transpose(-2, -1) * block.attn.scale).softmax(dim=-1)
        flow = (attention[0].mean(dim=0).detach().numpy() + np.eye(len(flow))) / 2 @ flow
        tokens = block(tokens)
    coarse = flow[0, 1:].reshape(4, 4)
    result = attention_rollout(model, images)
    # The centre of a patch, between the four pixels around it, keeps nearly the patch's own value.
    centres = result.maps[0, 0].reshape(4, 16, 4, 16)[:, 7:9, :, 7:9].mean(axis=(1, 3))
    ratio = centres / coarse
    np.testing.assert_allclose(ratio / ratio.mean(), 1, atol=0.02)


def test_an_equal_look_at_everything_gives_a_flat_map() -> None:
    model = small_vit()
    for block in model.blocks:
        nn.init.zeros_(block.attn.qkv.weight)
        nn.init.zeros_(block.attn.qkv.bias)
    result = attention_rollout(model, small_images(1))
    np.testing.assert_allclose(result.maps, 1, atol=1e-5)


def test_the_model_is_left_as_it_was() -> None:
    model = small_vit()
    before = [block.attn.fused_attn for block in model.blocks]
    attention_rollout(model, small_images(1))
    assert [block.attn.fused_attn for block in model.blocks] == before
    assert not any(block.attn.attn_drop._forward_pre_hooks for block in model.blocks)


def test_a_map_does_not_depend_on_the_rest_of_the_batch() -> None:
    model, images = small_vit(), small_images(4)
    together = attention_rollout(model, images)
    for index in range(4):
        alone = attention_rollout(model, images[index : index + 1])
        np.testing.assert_allclose(alone.maps[0], together.maps[index], atol=1e-4)


def test_auto_takes_rollout_for_a_vit_and_gradcam_is_refused() -> None:
    model, sample = small_vit(), small_images(1)
    assert choose_method("auto", model, sample) == "rollout"
    with pytest.raises(UsageError, match="gradcam needs a feature map") as caught:
        choose_method("gradcam", model, sample)
    assert caught.value.hint == "give --method rollout"


def test_pooling_by_attention_is_refused_because_its_weights_are_not_in_the_blocks() -> None:
    model = small_vit("test_vit", global_pool="map", class_token=False)
    with pytest.raises(UsageError, match="no attribution method"):
        choose_method("auto", model, small_images(1))
