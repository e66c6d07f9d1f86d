"""Grad-CAM of convolutional networks.

Reference: Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization, ICCV 2017, section 3; for a head of pooling and one linear layer it equals CAM (section 3.1;
Zhou et al., CVPR 2016).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from medcli.attribution.result import Attribution, to_image_size


def suits(model: Any, sample: torch.Tensor) -> bool:
    """Whether the model turns an image into a feature map with two spatial axes."""
    if not hasattr(model, "forward_features") or not hasattr(model, "forward_head"):
        return False
    with torch.no_grad():
        features = model.eval().forward_features(sample)
    return isinstance(features, torch.Tensor) and features.ndim == 4


def grad_cam(model: Any, images: torch.Tensor) -> Attribution:
    """One map a class: the last feature maps, weighted by the mean gradient of the class's logit, rectified.

    The features are what `forward_features` returns, so no hook is needed and no in-place activation can
    change them afterwards.

    Args:
        model: A timm model with `forward_features` and `forward_head`; it is put into evaluation mode.
        images: float [images, channels, height, width], normalised as the model expects.
    """
    features, logits = features_and_logits(model, images)
    maps = channels_first(features, model)
    with torch.no_grad():
        weights = closed_form_weights(model, features, maps)
    if weights is None:
        weights = gradient_weights(model, features)
    return rectified(torch.einsum("nkc,nchw->nkhw", weights, maps), images, logits)


def features_and_logits(model: Any, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The last feature maps, as the network returns them, and the logits, [images, classes]; no gradients."""
    model.eval()
    with torch.no_grad():
        features = model.forward_features(images)
        return features, model.forward_head(features.clone())


def rectified(coarse: torch.Tensor, images: torch.Tensor, logits: torch.Tensor) -> Attribution:
    """What speaks for each class, of maps as coarse as the features, at the size of the images."""
    maps = to_image_size(coarse.detach().relu(), (images.shape[2], images.shape[3]))
    return Attribution(maps, logits.float().cpu().numpy())


def closed_form_weights(model: Any, features: torch.Tensor, maps: torch.Tensor) -> torch.Tensor | None:
    """Weights of the feature maps, [images, classes, channels], if the head is a mean and a linear layer.

    That is seen from its effect: when what the classifier receives is the mean over space, the gradient of a
    logit is the classifier's weight divided by the number of pixels. Otherwise the answer is None.

    Args:
        model: As of `grad_cam`.
        features: As the network returns them.
        maps: The same with channels first.
    """
    classifier = model.get_classifier()
    if not isinstance(classifier, nn.Linear):
        return None
    received = model.forward_head(features.clone(), pre_logits=True)
    means = maps.mean(dim=(2, 3))
    if received.shape != means.shape or not torch.allclose(received, means, rtol=1e-4, atol=1e-6):
        return None
    num_pixels = maps.shape[2] * maps.shape[3]
    return (classifier.weight / num_pixels).expand(len(features), -1, -1)


def gradient_weights(model: Any, features: torch.Tensor) -> torch.Tensor:
    """Gradient of every logit, averaged over space, [images, classes, channels] (equation 1).

    Only the head is differentiated; the network below it runs once.
    """
    return torch.stack([gradient.mean(dim=(2, 3)) for gradient in gradients(model, features)], dim=1)


def gradients(model: Any, features: torch.Tensor) -> Iterator[torch.Tensor]:
    """Gradient of each class's logit by the features, one class after the other, channels first."""
    with torch.enable_grad():
        leaf = features.detach().requires_grad_()
        # The copy may be overwritten by an in-place activation in the head, a leaf may not.
        logits = model.forward_head(leaf.clone())
        for index in range(logits.shape[1]):
            (gradient,) = torch.autograd.grad(logits[:, index].sum(), leaf, retain_graph=True)
            yield channels_first(gradient, model)


def channels_first(features: torch.Tensor, model: Any) -> torch.Tensor:
    """The features as [images, channels, rows, columns]; Swin and its like keep channels last."""
    if features.shape[1] != model.num_features and features.shape[3] == model.num_features:
        return features.permute(0, 3, 1, 2)
    return features
