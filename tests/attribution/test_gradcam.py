"""Grad-CAM against its closed form, hand-worked maps, and a network whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn

from medcli.attribution import METHODS, choose_method, gradcam
from medcli.attribution.result import to_image_size
from medcli.errors import UsageError

# Two feature maps of 2x2 and two heads, worked by hand: alpha is the head's weight divided by 4.
FEATURES = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[4.0, 0.0], [0.0, 0.0]]]])
POOLING_HEAD = torch.tensor([[1.0, -1.0], [-0.5, 2.0]])
POOLING_MAPS = [[[0.0, 0.5], [0.75, 1.0]], [[1.875, 0.0], [0.0, 0.0]]]
FLAT_HEAD = torch.tensor([[1.0, 0.0, 0.0, -1.0, 0.0, 2.0, 0.0, 0.0]])
FLAT_MAP = [[2.0, 0.0], [0.0, 0.0]]


class Given(nn.Module):
    """A model whose features are its input, followed by a head: mean + linear, or flatten + linear."""

    def __init__(self, weight: torch.Tensor, *, pools: bool) -> None:
        super().__init__()
        self.pools = pools
        self.num_features = 2
        self.classifier = nn.Linear(weight.shape[1], weight.shape[0], bias=True)
        self.classifier.weight.data = weight.clone()

    def get_classifier(self) -> nn.Module:
        return self.classifier

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return images

    def forward_head(self, features: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        received = features.mean(dim=(2, 3)) if self.pools else features.flatten(1)
        return received if pre_logits else self.classifier(received)


def in_place(model: Given) -> Given:
    """The same head behind an in-place activation that overwrites what it is given."""
    plain = model.forward_head
    model.forward_head = lambda features, **options: plain(features.relu_(), **options)  # type: ignore[method-assign]
    return model


def small_model(name: str) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=3, in_chans=1).eval()


def small_images(count: int, size: int = 96) -> torch.Tensor:
    return torch.randn(count, 1, size, size, generator=torch.Generator().manual_seed(1))


def expected(maps: list, size: tuple[int, int] = (2, 2)) -> np.ndarray:
    return to_image_size(torch.tensor([maps]), size)


def test_maps_of_a_pooling_head_worked_by_hand() -> None:
    result = gradcam.grad_cam(Given(POOLING_HEAD, pools=True), FEATURES)
    np.testing.assert_allclose(result.maps, expected(POOLING_MAPS), atol=1e-6)


def test_weights_of_a_pooling_head_worked_by_hand() -> None:
    model = Given(POOLING_HEAD, pools=True)
    weights = gradcam.closed_form_weights(model, FEATURES, FEATURES)
    np.testing.assert_allclose(weights[0].detach(), [[0.25, -0.25], [-0.125, 0.5]])


def test_a_flattening_head_takes_the_gradient_averaged_over_space() -> None:
    model = Given(FLAT_HEAD, pools=False)
    assert gradcam.closed_form_weights(model, FEATURES, FEATURES) is None
    result = gradcam.grad_cam(model, FEATURES)
    np.testing.assert_allclose(result.maps, expected([FLAT_MAP]), atol=1e-6)


@pytest.mark.parametrize("pools", [True, False])
def test_an_in_place_activation_in_the_head_does_not_corrupt_the_map(pools: bool) -> None:
    head = POOLING_HEAD if pools else FLAT_HEAD
    features = FEATURES - 0.5
    model = in_place(Given(head, pools=pools))
    weights = gradcam.gradient_weights(model, features)
    cam = torch.einsum("nkc,nchw->nkhw", weights, features).relu()
    result = gradcam.grad_cam(model, features)
    np.testing.assert_allclose(result.maps, to_image_size(cam.detach(), (2, 2)), atol=1e-6)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_byobnet", "test_nfnet"])
def test_closed_form_equals_gradients(name: str) -> None:
    model = small_model(name)
    features = model.forward_features(small_images(2)).detach()
    closed = gradcam.closed_form_weights(model, features, features)
    assert closed is not None
    np.testing.assert_allclose(closed.detach(), gradcam.gradient_weights(model, features), atol=1e-6)


def test_gradients_are_used_where_a_norm_follows_the_pooling() -> None:
    model = small_model("test_convnext")
    features = model.forward_features(small_images(1)).detach()
    assert gradcam.closed_form_weights(model, features, features) is None


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_mambaout", "test_maxvit"])
def test_maps_have_the_size_of_the_image_and_peak_at_one(name: str) -> None:
    size = 160 if name == "test_maxvit" else 96
    result = gradcam.grad_cam(small_model(name), small_images(2, size))
    assert result.maps.shape == (2, 3, size, size)
    assert result.maps.min() >= 0
    peaks = result.maps.max(axis=(2, 3))
    assert np.all((peaks == 0) | (peaks == 1))
    assert result.logits.shape == (2, 3)


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext"])
def test_a_map_does_not_depend_on_the_rest_of_the_batch(name: str) -> None:
    model, images = small_model(name), small_images(4)
    together = gradcam.grad_cam(model, images)
    for index in range(4):
        alone = gradcam.grad_cam(model, images[index : index + 1])
        np.testing.assert_allclose(alone.maps[0], together.maps[index], atol=2e-4)
        np.testing.assert_allclose(alone.logits[0], together.logits[index], atol=1e-4)


def test_the_map_is_where_the_network_looks() -> None:
    """Brightness in one colour is all that each class sees, so the map of a class is where its colour is."""

    class Colours(Given):
        def forward_features(self, images: torch.Tensor) -> torch.Tensor:
            return nn.functional.avg_pool2d(images, 8)

    images = torch.zeros(1, 2, 64, 64)
    images[0, 0, 8:16, 40:48] = 1
    images[0, 1, 48:56, 16:24] = 1
    result = gradcam.grad_cam(Colours(torch.eye(2), pools=True), images)
    for target, (row, column) in enumerate([(12, 44), (52, 20)]):
        peak = np.unravel_index(result.maps[0, target].argmax(), (64, 64))
        assert abs(peak[0] - row) <= 4
        assert abs(peak[1] - column) <= 4


def test_a_class_that_nothing_speaks_for_has_an_empty_map() -> None:
    result = gradcam.grad_cam(Given(-POOLING_HEAD.abs(), pools=True), FEATURES)
    assert np.all(result.maps == 0)


def test_auto_takes_the_method_that_suits_and_refusals_name_it() -> None:
    sample = small_images(1)
    cnn = small_model("test_resnet")
    assert choose_method("auto", cnn, sample) == "gradcam"
    with pytest.raises(UsageError, match="rollout needs attention blocks") as caught:
        choose_method("rollout", cnn, sample)
    assert caught.value.hint == "give --method gradcam or --method hirescam"


def test_a_model_without_features_is_refused_by_every_method() -> None:
    with pytest.raises(UsageError, match="no attribution method works for Linear"):
        choose_method("auto", nn.Linear(2, 2), small_images(1))
    assert set(METHODS) == {"gradcam", "hirescam", "rollout"}
