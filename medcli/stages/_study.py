"""The images that explain works on: a model, shards that fit it, and which of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.attribution.examples import spread_over_classes
from medcli.calibration.scores import is_exclusive
from medcli.cohorts.policies import targets_from_labels
from medcli.config import ExplainConfig, Part
from medcli.errors import DataError, at
from medcli.models.networks import network_from_header
from medcli.progress import Progress
from medcli.stages._model import read_model_header, refuse_other_images
from medcli.store.digests import derive_seed
from medcli.store.manifest import Manifest, load
from medcli.store.references import verify
from medcli.store.shards import ShardReader
from medcli.store.weights import read_tensors


@dataclass(frozen=True)
class Study:
    """A model, the shards, and the images of them that are explained."""

    manifest: Manifest
    header: dict[str, Any]
    network: Any
    shards: ShardReader
    part: str
    num_images: int
    rows: list[int]

    @property
    def classes(self) -> list[str]:
        """Names of the model's outputs."""
        return self.header["task"]["classes"]

    @property
    def model(self) -> str:
        """Digest of the model's file."""
        return self.manifest.require("model", made_by="train")["sha256"]

    @property
    def records(self) -> list[dict[str, Any]]:
        """Of the images that are explained."""
        return [self.shards.records[row] for row in self.rows]

    @property
    def is_exclusive(self) -> bool:
        """Whether an image is of exactly one class."""
        return is_exclusive(self.header["task"]["type"], len(self.classes))

    def mask(self, row: int) -> np.ndarray | None:
        """Label map of an image; None also where its numbers name no class, in shards without a task."""
        return self.shards.mask(row) if self.shards.header.get("task") else None

    def targets(self) -> np.ndarray:
        """Of the images that are explained, under the policy that the model was trained with."""
        return _targets(self.records, self.header)


def open_study(config: ExplainConfig, *, progress: Progress) -> Study:
    """Read the manifest and all that it names, and choose the images.

    Raises:
        DataError: If model or shards are missing or do not fit each other, or the part is empty.
    """
    manifest = load(config.source)
    model = manifest.require("model", made_by="train")
    shards = ShardReader(manifest.require("shards", made_by="preprocess"))
    path = verify(model)
    with at(path):
        header = read_model_header(path)
        refuse_other_images(header, shards.header)
        network = network_from_header(header, read_tensors(path))
    part, available = _available(manifest, shards, part=config.part, progress=progress)
    chosen = _choose([shards.records[row] for row in available], header, limit=config.limit)
    rows = [available[index] for index in chosen]
    return Study(manifest, header, network, shards, part, len(available), rows)


def _available(
    manifest: Manifest, shards: ShardReader, *, part: Part, progress: Progress
) -> tuple[str, list[int]]:
    """The part that is explained, and the positions of its images."""
    if part is Part.all:
        return "all", list(range(len(shards)))
    if manifest.splits is None:
        if part is not Part.test:
            raise DataError(f"the manifest has no splits, so no part {part}", hint="run medcli split first")
        progress.note("the manifest has no splits: images are taken from all of them")
        return "all", list(range(len(shards)))
    rows = shards.indices_of(manifest.splits["parts"].get(str(part), []))
    if not rows:
        raise DataError(f"part {part} has no images, there is nothing to explain")
    return str(part), sorted(rows)


def _choose(records: list[dict[str, Any]], header: dict[str, Any], *, limit: int) -> list[int]:
    order = sorted(range(len(records)), key=lambda row: derive_seed("explain", records[row]["id"]))
    return spread_over_classes(_targets(records, header), order, limit=limit)


def _targets(records: list[dict[str, Any]], header: dict[str, Any]) -> np.ndarray:
    task, policy = header["task"], header["policy"]
    return targets_from_labels(
        records,
        task["classes"],
        task_type=task["type"],
        uncertain=policy["uncertain"],
        blank=policy["blank"],
    )
