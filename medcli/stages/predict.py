"""Predict: scores of images that a model has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from medcli.cohorts.policies import targets_from_labels
from medcli.config import Part, PredictConfig
from medcli.errors import DataError, UsageError, at
from medcli.models.devices import choose_device, computing_threads, resolve_precision
from medcli.models.inference import predict_logits
from medcli.models.joining import join_volumes
from medcli.models.loader import BatchLoader, naming_lost_workers, ordered_batches
from medcli.models.networks import network_from_header
from medcli.progress import SILENT, Progress
from medcli.stages._model import read_model_header, refuse_other_images
from medcli.store.atomic import check_creatable, locked
from medcli.store.digests import sha256_file
from medcli.store.manifest import Manifest, load
from medcli.store.predictions import Predictions, write_predictions
from medcli.store.references import Reference, reference, verify
from medcli.store.shards import ShardReader
from medcli.store.weights import read_tensors
from medcli.workers import available_cpus


def run(config: PredictConfig, *, progress: Progress = SILENT) -> Manifest:
    """Add predictions of the whole manifest, or of one part of its splits, under the part's name.

    Raises:
        DataError: If recipe or classes of the shards are not those of the model.
    """
    manifest = load(config.source)
    model, header = _find_model(manifest, config)
    reader = ShardReader(manifest.require("shards", made_by="preprocess"))
    refuse_other_images(header, reader.header)
    rows = _rows(manifest, reader, part=config.part)
    check_creatable(config.predictions, config.output)
    device = choose_device(config.device)
    precision = resolve_precision(config.precision, device=device)
    with locked(config.predictions):
        with at(model["path"]):
            network = network_from_header(header, read_tensors(Path(model["path"]))).to(device)
        with computing_threads(header["options"].get("threads", 1)):
            scores = _score(
                network,
                header["architecture"],
                reader,
                rows,
                config=config,
                precision=precision,
                progress=progress,
            )
        inputs = [("shard", ref["sha256"]) for ref in manifest.shards] + [("model", model["sha256"])]
        manifest.add_history("predict", config, inputs, precision=precision)
        targets = _targets(reader, rows, header["task"], config=config)
        predictions = Predictions(
            *join_volumes(scores, targets, [reader.records[row] for row in rows]),
            header={
                "task": header["task"],
                "part": str(config.part),
                "score": "logit",
                "model": model["sha256"],
                "policy": {"uncertain": str(config.uncertain), "blank": str(config.blank)},
                "history": manifest.history,
            },
        )
        manifest.predictions[str(config.part)] = write_predictions(config.predictions, predictions)
    manifest.model = model
    return manifest


def _find_model(manifest: Manifest, config: PredictConfig) -> tuple[Reference, dict[str, Any]]:
    if config.model is None:
        if manifest.model is None:
            raise UsageError(
                "no model is given, and the manifest names none", hint="--model run/model.safetensors"
            )
        path = verify(manifest.model)
        sha256 = manifest.model["sha256"]
    else:
        path, sha256 = config.model, sha256_file(config.model)
    header = read_model_header(path)
    return reference(path, sha256, name=header["architecture"]["name"]), header


def _rows(manifest: Manifest, reader: ShardReader, *, part: Part) -> np.ndarray:
    if part is Part.all:
        rows = np.arange(len(reader))
    else:
        splits = manifest.require("splits", made_by="split")
        rows = np.array(reader.indices_of(sorted(splits["parts"].get(str(part), []))), dtype=np.int64)
    if not len(rows):
        raise DataError(f"part {part} has no images")
    return rows


def _score(
    network: nn.Module,
    architecture: dict[str, Any],
    reader: ShardReader,
    rows: np.ndarray,
    *,
    config: PredictConfig,
    precision: str,
    progress: Progress,
) -> np.ndarray:
    loader = BatchLoader(reader, jobs=config.jobs or available_cpus())
    with progress.task("predict", len(rows)) as step, naming_lost_workers(loader):
        return predict_logits(
            network,
            loader.batches(ordered_batches(rows, batch_size=config.batch_size)),
            mean=architecture["mean"],
            std=architecture["std"],
            precision=precision,
            step=step,
        )


def _targets(
    reader: ShardReader, rows: np.ndarray, task: dict[str, Any], *, config: PredictConfig
) -> np.ndarray:
    """Known targets; all NaN when nothing in the shards is labelled."""
    if reader.header["task"] is None:
        return np.full((len(rows), len(task["classes"])), np.nan, dtype=np.float32)
    return targets_from_labels(
        [reader.records[row] for row in rows],
        task["classes"],
        task_type=task["type"],
        uncertain=config.uncertain,
        blank=config.blank,
    )
