"""A recipe is valid TOML, fits what the images are like, and gives its reasons."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from medcli.cohorts.evidence.fingerprint import fingerprint
from medcli.cohorts.evidence.plan import plan_recipe
from medcli.config import PreprocessConfig
from medcli.errors import DataError


def evidence(*, modality: str = "", spacing: list[float] | None = None, **facts: Any) -> dict[str, Any]:
    records, described = [], {}
    for k in range(10):
        record: dict[str, Any] = {"id": str(k), "labels": {}}
        record |= {"modality": modality} if modality else {}
        record |= {"spacing_mm": [spacing[0] * (1 + k), *spacing[1:]]} if spacing else {}
        records.append(record)
        described[str(k)] = {
            "size": [512, 600],
            "channels": 1,
            "dtype": "uint8",
            "percentiles": [0.0, 5.0, 60.0, 100.0, 150.0, 200.0, 250.0],
            "contrast": 0.25,
            "noise": 0.005,
            "flags": [],
        } | facts
    return {"fingerprint": fingerprint(records, described)}


CT = {"dtype": "int16", "percentiles": [-1024.0, -1000.0, -900.0, -500.0, 40.0, 60.0, 1000.0]}


def recipe(**given: Any) -> dict[str, Any]:
    document = tomllib.loads(plan_recipe(evidence(**given)))
    assert list(document) == ["preprocess"]
    assert set(document["preprocess"]) <= set(PreprocessConfig.__dataclass_fields__)
    return document["preprocess"]


def test_chest_films() -> None:
    assert recipe(modality="DX") == {"size": 224, "channels": 1, "normalize": "percentile"}


def test_skin_images_keep_their_colour() -> None:
    assert recipe(channels=3) == {"size": 224, "channels": 3, "normalize": "none"}


def test_small_images_are_not_enlarged() -> None:
    assert recipe(size=[64, 64])["size"] == 64
    assert recipe(size=[100, 70])["size"] == 80
    assert recipe(size=[28, 28])["size"] == 32


@pytest.mark.parametrize("modality", ["CT", ""])
def test_ct_gets_a_window_and_uneven_slices_one_distance(modality: str) -> None:
    found = recipe(modality=modality, spacing=[1.0, 0.7, 0.7], **CT | {"size": [40, 512, 512]})
    assert found["normalize"] == "window"
    assert found["window"] == ["-600,1500"]
    assert found["spacing"] == [5.5, 0.7, 0.7]
    assert found["slices"] == "9"


def test_mr_is_scaled_inside_the_head_and_its_noise_is_rician() -> None:
    found = recipe(modality="MR", noise=0.05, size=[10, 256, 256])
    assert (found["normalize"], found["foreground"], found["slices"]) == ("zscore", True, "all")
    assert (found["denoise"], found["rician"], found["when"]) == (True, True, "auto")


def test_flat_images_get_contrast_where_they_need_it() -> None:
    found = recipe(contrast=0.1)
    assert (found["clahe"], found["when"]) == (True, "auto")
    assert "denoise" not in found


def test_four_sequences_are_four_channels() -> None:
    assert recipe(modality="MR", channels=4, size=[30, 240, 240])["channels"] == 4


def test_every_choice_has_its_reason() -> None:
    lines = plan_recipe(evidence(modality="MR", noise=0.05)).splitlines()
    table = lines[lines.index("[preprocess]") + 1 :]
    assert all(line.startswith("# ") for line in table[::2])
    assert not any(line.startswith("#") for line in table[1::2])


def test_a_modality_cannot_leave_its_comment() -> None:
    assert recipe(modality="DX)\nsize = 1\n#") == recipe(modality="DX")


def test_without_pixels_there_is_no_plan() -> None:
    with pytest.raises(DataError, match="nothing to plan by"):
        plan_recipe({})
