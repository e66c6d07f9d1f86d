"""Networks by name, their options, and weights to start from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medcli.errors import DataError, InputError, UsageError
from medcli.models import pretrained
from medcli.models.devices import choose_device, resolve_precision
from medcli.models.inference import predict_logits
from medcli.models.networks import (
    check_images_fit,
    create_network,
    head_parameters,
    input_tensor,
    network_from_header,
    parse_options,
    with_image_size,
)

TINY = "test_efficientnet"


def make(name: str = TINY, *, channels: int = 1, num_classes: int = 3, **options: object) -> torch.nn.Module:
    return create_network(name, num_classes=num_classes, channels=channels, options=options, dropout=0.1)


def test_unknown_names_are_refused_with_close_ones() -> None:
    with pytest.raises(UsageError, match="timm has no model 'densnet121'") as caught:
        make("densnet121")
    assert "densenet121" in caught.value.hint
    with pytest.raises(UsageError, match="no model 'hf-hub:someone/something'"):
        make("hf-hub:someone/something")


def test_options_are_parsed_by_what_they_look_like() -> None:
    options = parse_options(["pad_type=same", "depth=3", "rate=0.5", "flag=True", "text=a=b"])
    assert options == {"pad_type": "same", "depth": 3, "rate": 0.5, "flag": True, "text": "a=b"}
    assert [type(value) for value in options.values()] == [str, int, float, bool, str]
    for bad in ("novalue", "=3", "a b=1"):
        with pytest.raises(UsageError, match="is not KEY=VALUE"):
            parse_options([bad])


@pytest.mark.parametrize("key", ["checkpoint_path", "pretrained", "num_classes", "drop_rate"])
def test_options_that_load_files_or_belong_to_us_are_refused(key: str) -> None:
    with pytest.raises(UsageError, match=f"model option '{key}' is not free"):
        create_network(TINY, num_classes=2, channels=1, options={key: "x"}, dropout=0)


def test_options_that_the_network_lacks_are_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match=r"timm cannot make test_efficientnet .* wings=2") as caught:
        make(wings=2)
    assert "\n" not in str(caught.value)


def test_image_size_goes_to_networks_made_for_one_size() -> None:
    assert with_image_size("test_vit", {}, size=(32, 32)) == {"img_size": [32, 32]}
    assert with_image_size("test_vit", {"img_size": 64}, size=(32, 32)) == {"img_size": 64}
    assert with_image_size(TINY, {"pad_type": "same"}, size=(32, 32)) == {"pad_type": "same"}
    network = make("test_vit", img_size=[64, 64], dynamic_img_size=False)
    check_images_fit(network, channels=1, size=(64, 64), num_classes=3)
    with pytest.raises(UsageError, match="does not take images of 32x32"):
        check_images_fit(network, channels=1, size=(32, 32), num_classes=3)
    with pytest.raises(UsageError, match=r"gives \[2, 3\] for 2 images, \[2, 4\] is needed"):
        check_images_fit(network, channels=1, size=(64, 64), num_classes=4)


def test_header_and_weights_give_the_same_network_again() -> None:
    network = make(channels=3, pad_type="same").eval()
    header = {
        "architecture": {
            "name": TINY,
            "options": {"pad_type": "same"},
            "num_classes": 3,
            "channels": 3,
            "dropout": 0.1,
        }
    }
    tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    again = network_from_header(header, tensors)
    assert not again.training
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
    with torch.inference_mode():
        expected = network(input_tensor(images, mean=mean, std=std)).numpy()
    batches = [images[:2], images[2:]]
    np.testing.assert_allclose(predict_logits(again, batches, mean=mean, std=std), expected, atol=1e-5)
    tensors.popitem()
    with pytest.raises(DataError, match=f"weights do not fit {TINY}"):
        network_from_header(header, tensors)
    with pytest.raises(DataError, match="does not describe a network"):
        network_from_header({"architecture": {"name": TINY}}, {})


def test_input_is_normalised_by_channel() -> None:
    images = np.array([0, 255, 51], dtype=np.uint8).reshape(1, 1, 1, 3)
    tensor = input_tensor(images, mean=[0.5, 0.5, 0.0], std=[0.5, 0.25, 0.1])
    np.testing.assert_allclose(tensor.numpy().ravel(), [-1, 2, 2], rtol=1e-6)
    assert tensor.shape == (1, 3, 1, 1)
    assert tensor.dtype == torch.float32


def test_scores_that_are_not_finite_are_refused() -> None:
    network = make()
    with torch.no_grad():
        network.get_classifier().bias[0] = torch.nan
    with pytest.raises(DataError, match="scores of 2 images are not finite"):
        predict_logits(network, [np.zeros((2, 32, 32, 1), np.uint8)], mean=[0.5], std=[0.5])


def test_devices() -> None:
    assert choose_device("cpu").type == "cpu"
    for name in ("cuda:99", "tpu", "meta", "nonsense"):
        with pytest.raises(UsageError, match="device"):
            choose_device(name)
    assert resolve_precision("auto", device=torch.device("cpu")) in {"fp32", "bf16"}
    assert resolve_precision("fp32", device=torch.device("cpu")) == "fp32"


def test_backbone_weights_for_three_channels_go_into_one() -> None:
    source, network = make(channels=3, num_classes=7), make(channels=1)
    tensors = source.state_dict()
    assert (
        pretrained.load_backbone(network, tensors, channels=1)
        == ["2 weights in the file do not fit the network: classifier.bias, classifier.weight"]
        or pretrained.load_backbone(network, tensors, channels=1) == []
    )
    summed = tensors["conv_stem.weight"].sum(dim=1, keepdim=True)
    torch.testing.assert_close(network.state_dict()["conv_stem.weight"], summed)
    torch.testing.assert_close(
        network.state_dict()["blocks.0.0.conv.weight"], tensors["blocks.0.0.conv.weight"]
    )
    assert not network.get_classifier().weight.any()
    same = make(channels=1)
    same.load_state_dict(network.state_dict())
    with torch.no_grad():
        network.get_classifier().weight.fill_(2)
    assert pretrained.load_backbone(same, network.state_dict(), channels=1) == []
    assert (same.get_classifier().weight == 2).all()


def test_missing_and_strange_weights_are_told_and_a_foreign_file_is_refused() -> None:
    tensors = dict(make(channels=1).state_dict())
    gone = tensors.pop("conv_stem.weight")
    notes = pretrained.load_backbone(make(), {**tensors, "stranger": gone}, channels=1)
    assert notes == [
        "1 weights of the backbone are not in the file: conv_stem.weight",
        "1 weights in the file do not fit the network: stranger",
    ]
    with pytest.raises(DataError, match="the weights fill 0 % of the backbone") as caught:
        pretrained.load_backbone(make("test_resnet"), tensors, channels=1)
    assert "--model" in caught.value.hint


def test_metadata_of_weights_decide_padding_and_normalisation() -> None:
    metadata = {"pad_type": "same", "mean": "0.1,0.2,0.3", "std": "[0.5, 0.5, 0.5]"}
    options, notes = pretrained.options_from_metadata(metadata, {"depth": 2})
    assert options == {"depth": 2, "pad_type": "same"}
    assert len(notes) == 1
    with pytest.raises(UsageError, match="the weights need same"):
        pretrained.options_from_metadata(metadata, {"pad_type": ""})
    found = pretrained.normalisation(TINY, metadata=metadata, pretrained=True, channels=3)
    assert found == ([0.1, 0.2, 0.3], [0.5, 0.5, 0.5])
    single = pretrained.normalisation(TINY, metadata=metadata, pretrained=True, channels=1)
    assert single == ([0.2], [0.5])
    published = pretrained.normalisation("densenet121", metadata={}, pretrained=True, channels=3)
    assert published == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert pretrained.normalisation("densenet121", metadata={}, pretrained=False, channels=1) == (
        [0.5],
        [0.5],
    )
    with pytest.raises(DataError, match="mean in the metadata"):
        pretrained.normalisation(TINY, metadata={"mean": "grey"}, pretrained=True, channels=3)


def test_imagenet_weights_without_a_network_are_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "_hub_has_an_address", lambda: False)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    with pytest.raises(InputError, match="weights of test_resnet are not on this machine") as caught:
        pretrained.fetch_imagenet("test_resnet")
    assert "--weights FILE" in caught.value.hint


def test_head_is_told_from_the_backbone() -> None:
    network = make()
    head = {name for name, p in network.named_parameters() if id(p) in head_parameters(network)}
    assert head == {"classifier.weight", "classifier.bias"}
