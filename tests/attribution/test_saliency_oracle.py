"""Maps, localisation and faithfulness against worked toy cases."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from medcli.attribution import rollout
from medcli.attribution.faithfulness import area_under, replacement_curve
from medcli.attribution.gradcam import closed_form_weights, grad_cam, gradient_weights
from medcli.attribution.hirescam import hires_cam
from medcli.attribution.localisation import localise, overlap, rank_accuracy, share_inside
from medcli.errors import DataError
from medcli.metrics.roc import auc
from tests.metrics.oracles import expected

CASES = expected("30_saliency")["cases"]


def map_and_mask(name):
    return np.array(CASES[name]["map"], dtype=float), np.array(CASES[name]["mask"], dtype=bool)


def check_hits(values, mask, wanted, **options):
    """The share of the highest pixels that hit; the first of them alone is what other software reports."""
    found = localise(values, mask, **options)
    assert found.hit == pytest.approx(wanted["hit_fraction"], rel=1e-9)
    highest = values == values.max()
    assert highest.sum() == wanted["n_argmax"]
    first = np.zeros_like(values)
    first.ravel()[values.argmax()] = 1
    assert localise(first, mask, **options).hit == wanted["hit_first"]


@pytest.mark.parametrize("name", ["main", "tie"])
def test_hits(name):
    check_hits(*map_and_mask(name), CASES[name]["pointing_game"])


@pytest.mark.parametrize("tolerance", [1, 2])
def test_a_miss_by_two_pixels_is_a_hit_with_a_tolerance_of_two(tolerance):
    check_hits(*map_and_mask("tolerance"), CASES["tolerance"][f"tol{tolerance}"], tolerance=tolerance)


def test_shares_and_overlap():
    (values, mask), wanted = map_and_mask("main"), CASES["main"]
    found = localise(values, mask)
    assert found.energy == pytest.approx(wanted["ebpg_positive_part"], rel=1e-9)
    assert found.dice == pytest.approx(wanted["dice_top_k"], rel=1e-9)
    assert found.iou == pytest.approx(wanted["iou_at_0.5_of_max_positive_part"], rel=1e-9)
    # Of a map with signs, by its size and as it is; the maps of `explain` have none, and all are the energy.
    assert share_inside(np.abs(values), mask) == pytest.approx(wanted["mass_accuracy_abs"], rel=1e-9)
    assert share_inside(values, mask) == pytest.approx(wanted["mass_accuracy_raw_signed"], rel=1e-9)
    assert rank_accuracy(values, mask) == pytest.approx(wanted["relevance_rank_accuracy"], rel=1e-9)
    stretched = (values - values.min()) / np.ptp(values)
    assert overlap(stretched >= 0.5, mask) == pytest.approx(wanted["iou_minmax_0.5"], rel=1e-9)
    # Of two masks of one size, intersection over union follows from Dice.
    top = found.dice / (2 - found.dice)
    assert top == pytest.approx(wanted["iou_top_k_equal_mask_area"], rel=1e-9)
    assert auc(mask.ravel(), values.ravel()) == pytest.approx(wanted["pixel_auc"], rel=1e-9)


def test_maps_and_masks_of_nothing():
    assert localise(np.zeros((2, 2)), np.ones((2, 2))) is None
    with pytest.raises(DataError, match="mask is empty"):
        localise(np.ones((2, 2)), np.zeros((2, 2)))


def linear_case():
    """Deletion and insertion areas of an order of the four pixels of a linear model, and both curves."""
    case = CASES["deletion_insertion_linear"]
    weights, image = np.array(case["w"]), np.array([case["x"]])
    nothing = np.full_like(image, case["baseline"])

    def curves(order):
        attribution = np.empty((1, 4))
        attribution[0, order] = [4, 3, 2, 1]
        options = {"attribution": attribution, "steps": 4}
        return [
            replacement_curve(lambda images: images[:, 0] @ weights, start, end, **options)
            for start, end in ((image, nothing), (nothing, image))
        ]

    return case, curves


@pytest.mark.parametrize("name", ["best", "worst"])
def test_curves_of_a_linear_model(name):
    case, curves = linear_case()
    for kind, curve in zip(("deletion", "insertion"), curves(case[name]["order"]), strict=True):
        assert curve == pytest.approx(np.array(case[name][f"{kind}_curve"]), abs=1e-12)
        assert area_under(curve) == pytest.approx(case[name][f"{kind}_auc"], rel=1e-9)


def test_random_orders_of_a_linear_model():
    case, curves = linear_case()
    areas = np.array([[area_under(c) for c in curves(list(p))] for p in itertools.permutations(range(4))])
    wanted = case["random_mean"]
    assert areas.mean(axis=0) == pytest.approx([wanted["deletion_auc"], wanted["insertion_auc"]], rel=1e-9)
    # Both areas add up to the scores at the ends.
    assert areas.sum(axis=1) == pytest.approx(np.full(24, 1.0), rel=1e-9)


def rolled(case):
    flow = rollout.Flow()
    for name in ("A1", "A2"):
        flow.through(torch.tensor(case[name])[None, None])
    return flow.rolled[0].numpy()


def test_rollout_of_two_layers(monkeypatch):
    case = CASES["attention_rollout"]
    found = rolled(case)
    assert found == pytest.approx(np.array(case["rollout"]), rel=1e-6)
    assert found[0, 1:] == pytest.approx(case["cls_to_patches"], rel=1e-6)
    monkeypatch.setattr(rollout, "RESIDUAL", 0.0)
    assert rolled(case) == pytest.approx(np.array(case["no_residual"]), rel=1e-6)


class Headed(nn.Module):
    """Features as given, and a linear head on their mean over space, or on all of them."""

    def __init__(self, weights, *, pools):
        super().__init__()
        self.pools, self.num_features = pools, 2
        self.classifier = nn.Linear(len(weights[0]), len(weights), bias=False)
        self.classifier.weight = nn.Parameter(torch.tensor(weights))

    def get_classifier(self):
        return self.classifier

    def forward_features(self, images):
        return images

    def forward_head(self, features, pre_logits=False):
        received = features.mean(dim=(2, 3)) if self.pools else features.flatten(1)
        return received if pre_logits else self.classifier(received)


def scaled(values):
    """A map as `explain` writes it: its highest value is 1."""
    values = np.array(values)
    return pytest.approx(values / values.max(), rel=1e-6)


@pytest.mark.parametrize("label", [0, 1])
def test_maps_of_a_linear_head(label):
    case = CASES[f"gradcam_gap_linear_class{label}"]
    features, model = torch.tensor(case["features"])[None], Headed(case["head"], pools=True)
    for weights in (closed_form_weights(model, features, features), gradient_weights(model, features)):
        assert weights[0, label].tolist() == pytest.approx(case["alpha"])
        before = torch.einsum("c,chw->hw", weights[0, label], features[0])
        assert before.relu().detach().numpy() == pytest.approx(np.array(case["cam"]))
        # What is summed over the pixels is the logit.
        assert before.sum().item() == pytest.approx(case["cam_logits"])
    assert grad_cam(model, features).maps[0, label] == scaled(case["cam"])
    found = hires_cam(model, features)
    assert found.maps[0, label] == scaled(case["hirescam"])
    assert found.logits[0, label] == pytest.approx(case["cam_logits"])


def test_a_head_that_sees_places_tells_the_two_methods_apart():
    case = CASES["gradcam_vs_hirescam_flatten_head"]
    features, model = torch.tensor(case["features"])[None], Headed([case["head_flat"]], pools=False)
    assert closed_form_weights(model, features, features) is None
    assert gradient_weights(model, features)[0, 0].tolist() == pytest.approx(case["alpha"])
    assert grad_cam(model, features).maps[0, 0] == scaled(case["gradcam"])
    assert hires_cam(model, features).maps[0, 0] == scaled(case["hirescam"])
