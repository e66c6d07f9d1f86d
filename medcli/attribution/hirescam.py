"""HiResCAM: Grad-CAM without averaging the gradient, so that a pixel shows what the head computed from it.

Reference: Draelos & Carin, Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
networks, arXiv 2011.08891, section 3.2. For a head of pooling and one linear layer it equals Grad-CAM.
"""

from __future__ import annotations

from typing import Any

import torch

from medcli.attribution.gradcam import channels_first, features_and_logits, gradients, rectified
from medcli.attribution.result import Attribution


def hires_cam(model: Any, images: torch.Tensor) -> Attribution:
    """One map a class: the last feature maps times the gradient of the class's logit, summed and rectified.

    Args:
        model: A timm model with `forward_features` and `forward_head`; it is put into evaluation mode.
        images: float [images, channels, height, width], normalised as the model expects.
    """
    features, logits = features_and_logits(model, images)
    maps = channels_first(features, model)
    products = [(gradient * maps).sum(dim=1) for gradient in gradients(model, features)]
    return rectified(torch.stack(products, dim=1), images, logits)
