"""Explain on shapes that are planted at known places, with a network that has learned to tell them apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from medcli.attribution import METHODS, Attribution
from medcli.config import AttributionMethod, ExplainConfig, Part
from medcli.errors import DataError, UsageError
from medcli.models.networks import create_network, input_tensor
from medcli.stages.explain import run
from medcli.store.calibration_schema import calibration_digest
from medcli.store.digests import digest_json, sha256_bytes
from medcli.store.manifest import Manifest, read_manifest, write_manifest
from medcli.store.maps import read_maps
from medcli.store.shards import ShardWriter
from medcli.store.weights import write_safetensors

CLASSES = ["disc", "square"]
TASK = {"type": "multiclass", "classes": CLASSES}
RECIPE = {"size": 96, "channels": 1, "clahe": False}
NUM_IMAGES, NUM_TEST, SIZE = 96, 32, 96
MEAN, STD = [0.5], [0.25]


def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise with a bright disc or a dark square: images, masks and classes."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    images = generator.normal(90, 12, (NUM_IMAGES, SIZE, SIZE))
    masks = np.zeros((NUM_IMAGES, SIZE, SIZE), np.uint8)
    classes = np.arange(NUM_IMAGES) % 2
    for image, mask, column in zip(images, masks, classes, strict=True):
        y, x = generator.integers(16, SIZE - 16, 2)
        is_disc = column == 0
        there = (rows - y) ** 2 + (columns - x) ** 2 < 100
        if not is_disc:
            there = (abs(rows - y) < 9) & (abs(columns - x) < 9)
        image[there] += 90 if is_disc else -60
        mask[there] = column + 1
    return np.clip(images, 0, 255).astype(np.uint8)[..., None], masks, classes


def learned(images: np.ndarray, classes: np.ndarray) -> torch.nn.Module:
    """A small network after 20 steps."""
    torch.manual_seed(0)
    network = create_network("test_resnet", num_classes=2, channels=1, options={}, dropout=0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.4
    inputs, targets = input_tensor(images, mean=MEAN, std=STD), torch.from_numpy(classes)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    for step in range(20):
        rows = torch.arange(step % 3 * 32, step % 3 * 32 + 32)
        loss = functional.cross_entropy(network(inputs[rows]), targets[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()


def write_model(path: Path, network: torch.nn.Module, *, name: str, **changes: object) -> dict:
    """A model file as train writes it."""
    options = {"img_size": [SIZE, SIZE]} if "vit" in name else {}
    header = {
        "medcli": "model/1",
        "task": TASK,
        "recipe": RECIPE,
        "policy": {"uncertain": "ignore", "blank": "zero"},
        "options": {"threads": 2},
        "architecture": {
            "name": name,
            "options": options,
            "num_classes": 2,
            "channels": 1,
            "size": [SIZE, SIZE],
            "mean": MEAN,
            "std": STD,
            "dropout": 0.0,
        },
        "history": [],
        **changes,
    }
    return write_safetensors(path, network.state_dict(), header)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `study.json`: shard, splits and model; and another model, a transformer."""
    folder = tmp_path_factory.mktemp("study")
    images, masks, classes = planted()
    records = [
        {
            "id": sha256_bytes(b"%d" % row)[:16],
            "sha256": sha256_bytes(b"file %d" % row),
            "labels": {CLASSES[column]: 1},
            "patient": sha256_bytes(b"patient %d" % (row // 4))[:16],
            "has_mask": True,
        }
        for row, column in enumerate(classes)
    ]
    header = {"task": TASK, "recipe": RECIPE, "history": []}
    with ShardWriter(folder / "out.h5", shape=(SIZE, SIZE, 1), header=header, with_masks=True) as writer:
        for image, record, mask in zip(images, records, masks, strict=True):
            writer.append(image, record, mask)
        shard = writer.finish()
    ids = [record["id"] for record in records]
    parts = {"train": ids[NUM_TEST:], "val": [], "test": ids[:NUM_TEST]}
    torch.manual_seed(1)
    options = {"img_size": SIZE}
    vit = create_network("test_vit", num_classes=2, channels=1, options=options, dropout=0)
    write_model(folder / "vit.safetensors", vit, name="test_vit")
    cnn = learned(images, classes)
    manifest = Manifest(
        task=TASK,
        records=records,
        shards=[shard],
        splits={"sha256": digest_json(parts), "parts": parts},
        model=write_model(folder / "cnn.safetensors", cnn, name="test_resnet"),
    )
    write_manifest(manifest, folder / "study.json")
    return folder


class Listener:
    """Keeps what a stage says."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def task(self, label: str, total: int | None = None) -> Iterator:
        yield lambda count=1, note="": None

    def note(self, text: str) -> None:
        self.notes.append(text)


def changed(folder: Path, name: str, **changes: object) -> str:
    """A manifest like `study.json` with other sections."""
    manifest = dataclasses.replace(read_manifest(str(folder / "study.json")), **changes)
    write_manifest(manifest, folder / name)
    return str(folder / name)


def explain(folder: Path, tmp_path: Path, **options: object) -> Manifest:
    values = {"source": str(folder / "study.json"), "maps": tmp_path / "maps.h5", "jobs": 1, **options}
    return run(ExplainConfig(**values))


def with_vit(folder: Path) -> str:
    path = folder / "vit.safetensors"
    digest = sha256_bytes(path.read_bytes())
    return changed(folder, "vit.json", model={"path": str(path), "sha256": digest})


def test_maps_and_gallery_of_the_test_part(folder: Path, tmp_path: Path) -> None:
    manifest = explain(folder, tmp_path)
    section = manifest.explanation
    assert section["n"] == section["n_available"] == NUM_TEST
    assert (section["method"], section["part"]) == ("gradcam", "test")
    maps = read_maps(section["maps"])
    assert maps.maps.shape == (NUM_TEST, 2, SIZE, SIZE)
    assert {record["id"] for record in maps.records} == set(manifest.splits["parts"]["test"])
    assert maps.header["targets"] == CLASSES
    assert maps.header["history"][-1]["command"] == "explain"
    assert maps.maps.min() >= 0
    assert maps.maps.max() == 1
    with Image.open(BytesIO((tmp_path / "maps.png").read_bytes()), formats=["PNG"]) as page:
        assert page.width == 1200
    assert section["gallery"]["sha256"] == sha256_bytes((tmp_path / "maps.png").read_bytes())


def test_maps_are_computed_with_the_threads_of_the_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, method = set(), METHODS["gradcam"]

    def watch(model: torch.nn.Module, images: torch.Tensor) -> Attribution:
        seen.add(torch.get_num_threads())
        return method.explain(model, images)

    monkeypatch.setitem(METHODS, "gradcam", dataclasses.replace(method, explain=watch))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        explain(folder, tmp_path, limit=2)
    finally:
        torch.set_num_threads(before)
    assert seen == {2}


def test_the_manifest_that_comes_out_can_be_written_and_read(folder: Path, tmp_path: Path) -> None:
    manifest = explain(folder, tmp_path, limit=2)
    write_manifest(manifest, tmp_path / "explained.json")
    assert read_manifest(str(tmp_path / "explained.json")).explanation == manifest.explanation


def test_planted_shapes_are_pointed_at_far_more_often_than_by_chance(folder: Path, tmp_path: Path) -> None:
    found = explain(folder, tmp_path).explanation["localisation"]
    assert set(found) == set(CLASSES)
    assert sum(values["num_masks"] for values in found.values()) == NUM_TEST
    assert {values["pointing"]["n_clusters"] for values in found.values()} == {NUM_TEST // 4}
    mean = {
        kind: np.mean([values[kind]["estimate"] for values in found.values() if values["pointing"]["n"]])
        for kind in ("pointing", "energy", "dice", "iou", "pixel_auc")
    }
    chance = np.mean([values["pointing"]["baseline"]["estimate"] for values in found.values()])
    assert chance == pytest.approx(0.032, abs=0.01)
    assert mean["pointing"] > 2 * chance
    assert mean["energy"] > 1.5 * chance
    assert mean["dice"] > 2 * chance
    assert mean["iou"] > 1.5 * np.mean([values["iou"]["baseline"]["estimate"] for values in found.values()])
    assert mean["pixel_auc"] > 0.6
    wide = explain(folder, tmp_path, limit=4, tolerance=SIZE).explanation["localisation"]
    assert {values["pointing"]["estimate"] for values in wide.values()} == {1.0}


def test_both_methods_agree_where_the_head_pools(folder: Path, tmp_path: Path) -> None:
    one, other = (
        explain(folder, tmp_path, limit=4, maps=tmp_path / f"{name}.h5", method=AttributionMethod(name))
        for name in ("gradcam", "hirescam")
    )
    assert other.explanation["method"] == "hirescam"
    maps = [read_maps(manifest.explanation["maps"]).maps for manifest in (one, other)]
    np.testing.assert_allclose(*maps, atol=2e-3)


def test_the_pixels_of_the_maps_are_what_the_model_uses(folder: Path, tmp_path: Path) -> None:
    found = explain(folder, tmp_path, limit=8, faithfulness=6).explanation["faithfulness"]
    assert found["steps"] == 6
    for name, sign in (("deletion", -1), ("insertion", 1)):
        value = found[name]
        assert 0 <= value["estimate"] <= 1
        assert value["n"] <= 8
        gain = sign * (value["estimate"] - value["baseline"]["estimate"])
        assert found[f"{name}_gain"]["estimate"] == pytest.approx(gain)
    assert found["insertion_gain"]["ci"][0] > 0


def test_the_same_bytes_for_any_number_of_jobs(folder: Path, tmp_path: Path) -> None:
    digests = []
    for jobs in (1, 2):
        section = explain(folder, tmp_path, jobs=jobs, maps=tmp_path / f"{jobs}.h5").explanation
        digests.append((section["maps"]["sha256"], section["gallery"]["sha256"]))
    assert digests[0] == digests[1]


def test_maps_do_not_depend_on_the_batch(folder: Path, tmp_path: Path) -> None:
    one, four = (
        read_maps(explain(folder, tmp_path, limit=6, batch_size=size).explanation["maps"]).maps
        for size in (1, 4)
    )
    np.testing.assert_allclose(one, four, atol=2e-3)


def test_a_limit_takes_each_class_in_turn_and_does_not_look_at_scores(folder: Path, tmp_path: Path) -> None:
    cnn = explain(folder, tmp_path, limit=6).explanation
    assert (cnn["n"], cnn["n_available"]) == (6, NUM_TEST)
    records = read_maps(cnn["maps"]).records
    assert sorted(label for record in records for label in record["labels"]) == sorted(CLASSES * 3)
    vit = explain(folder, tmp_path, limit=6, source=with_vit(folder)).explanation
    assert read_maps(vit["maps"]).records == records


def test_a_transformer_gets_one_map_for_all_classes(folder: Path, tmp_path: Path) -> None:
    section = explain(folder, tmp_path, limit=4, source=with_vit(folder)).explanation
    assert section["method"] == "rollout"
    maps = read_maps(section["maps"])
    assert maps.maps.shape == (4, 1, SIZE, SIZE)
    assert maps.header["targets"] == ["all classes"]
    assert maps.header["class_specific"] is False


def test_rollout_of_a_cnn_is_refused_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rollout needs attention blocks"):
        explain(folder, tmp_path, method=AttributionMethod.rollout)
    assert list(tmp_path.iterdir()) == []


def test_shards_of_another_recipe_are_refused(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = create_network("test_resnet", num_classes=2, channels=1, options={}, dropout=0)
    recipe = {**RECIPE, "clahe": True}
    model = write_model(tmp_path / "other.safetensors", network, name="test_resnet", recipe=recipe)
    with pytest.raises(DataError, match="another recipe: clahe"):
        explain(folder, tmp_path, source=changed(folder, "other.json", model=model))


def test_shards_of_other_classes_are_refused(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = create_network("test_resnet", num_classes=2, channels=1, options={}, dropout=0)
    task = {**TASK, "classes": CLASSES[::-1]}
    model = write_model(tmp_path / "other.safetensors", network, name="test_resnet", task=task)
    with pytest.raises(DataError, match="their order differs"):
        explain(folder, tmp_path, source=changed(folder, "other.json", model=model))


def test_without_splits_all_images_are_taken_and_it_says_so(folder: Path, tmp_path: Path) -> None:
    listener = Listener()
    source = changed(folder, "unsplit.json", splits=None)
    config = ExplainConfig(source=source, maps=tmp_path / "maps.h5", limit=4, jobs=1)
    section = run(config, progress=listener).explanation
    assert (section["part"], section["n"], section["n_available"]) == ("all", 4, NUM_IMAGES)
    assert any("no splits" in note for note in listener.notes)
    with pytest.raises(DataError, match="no splits, so no part val"):
        explain(folder, tmp_path, source=source, part=Part.val)


def test_an_empty_part_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="part val has no images"):
        explain(folder, tmp_path, part=Part.val)


def test_a_manifest_without_a_model_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no model") as caught:
        explain(folder, tmp_path, source=changed(folder, "modelless.json", model=None))
    assert caught.value.hint == "run medcli train first"


def test_one_name_for_maps_and_gallery_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="same file"):
        explain(folder, tmp_path, gallery=tmp_path / "maps.h5")


def test_localisation_is_of_the_label_in_the_mask_not_of_the_call(folder: Path, tmp_path: Path) -> None:
    """Recomputed from the files: the hit of each map of the class that its mask holds."""
    manifest = explain(folder, tmp_path)
    maps = read_maps(manifest.explanation["maps"])
    _, masks, classes = planted()
    rows = {sha256_bytes(b"%d" % row)[:16]: row for row in range(NUM_IMAGES)}
    hits: dict[str, list[float]] = {name: [] for name in CLASSES}
    for record, of_image in zip(maps.records, maps.maps, strict=True):
        row = rows[record["id"]]
        one = of_image[classes[row]].astype(float)
        if one.any():
            hits[CLASSES[classes[row]]].append(masks[row][one == one.max()].astype(bool).mean())
    for name in CLASSES:
        found = manifest.explanation["localisation"][name]
        assert found["pointing"]["estimate"] == pytest.approx(np.mean(hits[name]))
        assert found["num_empty_maps"] == found["num_masks"] - len(hits[name])


def temperature_of(model: str) -> dict:
    """A calibration as calibrate writes it, of some model."""
    known = {"flags": [], "reason": None}
    point = {"rule": "0.5", "threshold": 0.5, "value": None, "expected": None, "reason": None}
    rates = {"sensitivity": None, "specificity": None, "chosen_on": "fitted"}
    fitted = {"part": "val", "sha256": "0" * 64, "images": "0" * 64, "n": 9, "n_patients": 9, "unit": "image"}
    section = {
        "method": "temperature",
        "score": "logit",
        "parameters": [
            {"class": name, "method": "temperature", "temperature": 3.0, **known} for name in CLASSES
        ],
        "folds": None,
        "comparison": None,
        "fitted_on": {**fitted, "model": model},
        "prevalence_shift": None,
        "prediction_sets": None,
        "operating_points": [{"class": name, **point, **rates} for name in CLASSES],
        "summary": {},
    }
    return {**section, "digest": calibration_digest(section)}


def test_a_calibration_of_this_model_changes_the_gallery_and_one_of_another_does_not(
    folder: Path, tmp_path: Path
) -> None:
    manifest = read_manifest(str(folder / "study.json"))
    pages = [explain(folder, tmp_path, limit=4).explanation["gallery"]["sha256"]]
    for model in (manifest.model["sha256"], "0" * 64):
        calibration = temperature_of(model)
        source = changed(folder, "calibrated.json", calibration=calibration)
        pages.append(explain(folder, tmp_path, limit=4, source=source).explanation["gallery"]["sha256"])
    assert pages[0] != pages[1]
    assert pages[0] == pages[2]
