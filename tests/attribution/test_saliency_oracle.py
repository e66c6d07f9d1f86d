"""Localisation and rollout against worked toy cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from medcli.attribution.gradcam import closed_form_weights, gradient_weights
from medcli.attribution.localisation import localise
from medcli.attribution.rollout import Flow
from medcli.errors import DataError
from tests.metrics.oracles import expected

CASES = expected("30_saliency")["cases"]


@pytest.mark.parametrize("name", ["main", "tie"])
def test_hits_and_energy(name):
    case = CASES[name]
    found = localise(np.array(case["map"], dtype=float), np.array(case["mask"]))
    assert found.hit == pytest.approx(case["pointing_game"]["hit_fraction"], rel=1e-9)
    if "ebpg_positive_part" in case:
        assert found.energy == pytest.approx(case["ebpg_positive_part"], rel=1e-9)


def test_a_miss_by_one_pixel_is_a_miss():
    case = CASES["tolerance"]
    found = localise(np.array(case["map"], dtype=float), np.array(case["mask"]))
    assert found.hit == case["tol1"]["hit_fraction"]


def test_maps_and_masks_of_nothing():
    assert localise(np.zeros((2, 2)), np.ones((2, 2))) is None
    with pytest.raises(DataError, match="mask is empty"):
        localise(np.ones((2, 2)), np.zeros((2, 2)))


def test_rollout_of_two_layers():
    case, flow = CASES["attention_rollout"], Flow()
    for name in ("A1", "A2"):
        flow.through(torch.tensor(case[name])[None, None])
    rolled = flow.rolled[0].numpy()
    assert rolled == pytest.approx(np.array(case["rollout"]), rel=1e-6)
    assert rolled[0, 1:] == pytest.approx(case["cls_to_patches"], rel=1e-6)


class Pooled(nn.Module):
    """A head that means over space and is linear after it, as timm's networks say it."""

    def __init__(self, weights):
        super().__init__()
        self.num_features = len(weights[0])
        self.classifier = nn.Linear(len(weights[0]), len(weights), bias=False)
        self.classifier.weight = nn.Parameter(torch.tensor(weights))

    def get_classifier(self):
        return self.classifier

    def forward_head(self, features, pre_logits=False):
        means = features.mean(dim=(2, 3))
        return means if pre_logits else self.classifier(means)


@pytest.mark.parametrize("label", [0, 1])
def test_maps_of_a_linear_head(label):
    case = CASES[f"gradcam_gap_linear_class{label}"]
    features, model = torch.tensor(case["features"])[None], Pooled(case["head"])
    for weights in (closed_form_weights(model, features, features), gradient_weights(model, features)):
        assert weights[0, label].tolist() == pytest.approx(case["alpha"])
        cam = torch.einsum("c,chw->hw", weights[0, label], features[0]).relu()
        assert cam.detach().numpy() == pytest.approx(np.array(case["cam"]))
