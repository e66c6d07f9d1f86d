"""Drawn images, by drawn recipes, with drawn numbers of workers and parts: the bytes are always the same.

A program of its own, `python -m tests.stages.partitions EXAMPLES FOLDER`, since it works in forks.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import medcli.images.nlm  # noqa: F401 - compiled before the first fork
from medcli.config import MergeConfig, PreprocessConfig
from medcli.errors import DataError, UsageError
from medcli.images.rules import check_recipe
from medcli.stages import merge, preprocess
from medcli.store.manifest import Manifest, manifest_bytes, write_manifest
from medcli.store.sources import write_sources
from tests.formats.make import image_bytes, nifti_bytes
from tests.stages.forking import use_forks, warm_up
from tests.stages.test_preprocess import make_cohort

CLASSES = ["a", "b"]
FAULTS = ["", "", "", "", "", "cut", "gone", "changed", "bad mask", "no mask"]


@dataclass(frozen=True)
class Drawn:
    """One source and what is wrong with it."""

    kind: str
    shape: tuple[int, ...]
    seed: int
    is_flat: bool
    has_mask: bool
    boxes: tuple[tuple[float, float, float, float], ...]
    fault: str

    def files(self) -> tuple[bytes, bytes]:
        """Bytes of the image and of its mask."""
        random = np.random.default_rng(self.seed)
        deep = self.kind in {"deep", "volume"}
        pixels = random.integers(0, 3000 if deep else 256, self.shape)
        pixels = np.full(self.shape, 7) if self.is_flat else pixels
        mask = np.zeros(self.shape[:3] if self.kind == "volume" else self.shape[:2], np.uint8)
        mask[tuple(slice(side // 3, side // 3 + 2) for side in mask.shape)] = self.seed % 3
        if self.fault == "bad mask":
            mask = mask[1:]
        if self.kind == "volume":
            affine = np.diag([1.0, 1.5, 2.0, 1.0])
            return nifti_bytes(pixels.astype(np.int16), affine=affine), nifti_bytes(mask, affine=affine)
        return image_bytes(pixels.astype(np.uint16 if deep else np.uint8)), image_bytes(mask)


@st.composite
def sources(draw: st.DrawFn) -> Drawn:
    """Small pictures of every depth, and volumes, some broken, with boxes and masks."""
    kind = draw(st.sampled_from(["grey", "deep", "colour", "volume"]))
    side = st.integers(3, 24)
    depth = {"volume": (draw(st.integers(2, 4)),), "colour": (3,)}.get(kind, ())
    edge = st.floats(0, 20)
    boxes = draw(st.lists(st.tuples(edge, edge, edge, edge), max_size=2))
    return Drawn(
        kind,
        (draw(side), draw(side), *depth),
        seed=draw(st.integers(0, 99)),
        is_flat=draw(st.integers(0, 9)) == 0,
        has_mask=draw(st.booleans()),
        boxes=tuple((min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1) for a, b, c, d in boxes),
        fault=draw(st.sampled_from(FAULTS)),
    )


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "size": st.integers(8, 24),
    "channels": st.sampled_from([1, 1, 1, 3, 3, 2, 4]),
    "spacing": st.sampled_from([None, None, (1.0,), (0.8, 1.3), (2.0, 1.0, 0.7)]),
    "slices": st.sampled_from(["central", "all", "lesion", "2"]),
    "neighbours": st.sampled_from([0, 0, 1]),
    "margin": st.sampled_from([0.0, 0.2, 1.5]),
    "window": st.sampled_from([(), (), ((100.0, 150.0),), ((40.0, 80.0), (1000.0, 2000.0))]),
    "percentiles": st.sampled_from([(0.5, 99.5), (0.0, 100.0), (20.0, 70.0)]),
    "denoise_strength": st.none() | st.floats(0.5, 30),
    "clahe_clip": st.floats(0.5, 10),
    "clahe_tiles": st.integers(1, 8),
}
"""What options are drawn from; choices and switches are drawn from all that they may be."""


@st.composite
def recipes(draw: st.DrawFn) -> PreprocessConfig:
    """Possible recipes: of every option that decides results, drawn for one option in five."""
    hints = get_type_hints(PreprocessConfig)
    drawn = {}
    for f in fields(PreprocessConfig):
        values = VALUES.get(f.name)
        if values is None and hints[f.name] is bool:
            values = st.booleans()
        elif values is None and isinstance(f.default, StrEnum):
            values = st.sampled_from(list(type(f.default)))
        if values is not None and not f.metadata.get("place") and draw(st.integers(0, 4)) == 0:
            drawn[f.name] = draw(values)
    recipe = PreprocessConfig(**{"size": 12, **drawn})
    try:
        check_recipe(recipe)
    except UsageError:
        assume(False)
    return recipe


def write_cohort(folder: Path, drawn: list[Drawn]) -> Path:
    """The sources as files, and a manifest of what they were before something happened to them."""
    root = folder / "in"
    root.mkdir()
    files: dict[str, dict[str, str]] = {}
    records = []
    for number, source in enumerate(drawn):
        identity = hashlib.sha256(str(number).encode()).hexdigest()[:16]
        image, mask = source.files()
        record: dict[str, Any] = {"id": identity, "sha256": _digest(image), "labels": {"a": number % 2}}
        if source.boxes:
            record["boxes"] = [{"class": "b", "box": list(box)} for box in source.boxes]
        files[identity] = {"path": f"{number}"}
        if source.has_mask:
            record |= {"has_mask": True, "mask_sha256": _digest(mask)}
            files[identity]["mask"] = f"{number}m"
            if source.fault != "no mask":
                (root / f"{number}m").write_bytes(mask)
        if source.fault == "cut":
            image = image[: len(image) // 2]
            record["sha256"] = _digest(image)
        if source.fault != "gone":
            (root / f"{number}").write_bytes(image + (b"x" if source.fault == "changed" else b""))
        records.append(record)
    manifest = Manifest(task={"type": "multilabel", "classes": CLASSES}, records=records)
    manifest.sources = write_sources(folder, root, files)
    write_manifest(manifest, folder / "cohort.json")
    return folder / "cohort.json"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def results_of(shard: Path, made: Manifest | None) -> tuple[bytes, bytes] | None:
    """Bytes of shard and manifest, wherever they lie; None where nothing could be used."""
    if made is None:
        return None
    made.shards[0]["path"] = str(shard.with_name("shard.h5"))
    return shard.read_bytes(), manifest_bytes(made, base=shard.parent)


def attempt(work: Any, config: Any) -> Manifest | None:
    """What the stage gives; None where it refuses since no image could be used."""
    try:
        result: Manifest = work.run(config)
    except DataError as error:
        if "images could be used" not in error.message:
            raise
        return None
    return result


def split_and_merge(config: PreprocessConfig, *, count: int, jobs: list[int]) -> tuple[bytes, bytes] | None:
    folder = config.shard.parent
    names = []
    for number in range(1, count + 1):
        part = replace(
            config, part=f"{number}/{count}", shard=folder / f"p{number}.h5", jobs=jobs[number % len(jobs)]
        )
        write_manifest(preprocess.run(part), folder / f"p{number}.json")
        names.append(str(folder / f"p{number}.json"))
    merged = MergeConfig(shard=folder / "merged.h5", parts=tuple(reversed(names)))
    return results_of(merged.shard, attempt(merge, merged))


def main(num_examples: int, base: Path) -> None:
    """Print how many examples held, and how their images fared."""
    warm_up(make_cohort(base / "warm", num_images=1))
    use_forks()
    seen: Counter[str] = Counter()

    @settings(
        max_examples=num_examples,
        deadline=None,
        database=None,
        derandomize="CI" in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(sources(), min_size=1, max_size=5),
        recipes(),
        st.integers(2, 6),
        st.lists(st.integers(1, 2), min_size=1, max_size=3),
    )
    def holds(drawn: list[Drawn], recipe: PreprocessConfig, count: int, jobs: list[int]) -> None:
        folder = base / "example"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        manifest = write_cohort(folder, drawn)
        config = replace(recipe, source=str(manifest), shard=folder / "one.h5", jobs=1)
        made = attempt(preprocess, config)
        one = results_of(config.shard, made)
        config = replace(config, shard=folder / "two.h5", jobs=2)
        assert results_of(config.shard, attempt(preprocess, config)) == one
        assert split_and_merge(config, count=count, jobs=jobs) == one
        seen["examples"] += 1
        seen["without a usable image"] += made is None
        for row in made.rejected if made else []:
            seen[row["code"]] += 1
        seen["images made"] += made.shards[0]["num_images"] if made else 0

    holds()
    print(json.dumps(dict(sorted(seen.items()))))


if __name__ == "__main__":
    os.environ["OPENCV_FOR_THREADS_NUM"] = "1"
    main(int(sys.argv[1]), Path(sys.argv[2]))
