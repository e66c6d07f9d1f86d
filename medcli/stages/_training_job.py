"""A training before it starts: options, shards and weights resolved to a network, a loss and a loop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from medcli.config import Augment, TrainConfig, recorded_options
from medcli.errors import DataError, InputError
from medcli.images.augmentation import Augmenter
from medcli.images.rules import holds_scores
from medcli.metrics.roc import auc
from medcli.models.devices import choose_device, resolve_precision
from medcli.models.loader import BatchLoader
from medcli.models.losses import EXCLUSIVE, choose_loss, class_weights, make_loss
from medcli.models.networks import check_images_fit, create_network, parse_options, with_image_size
from medcli.models.optimisation import make_optimiser
from medcli.models.pretrained import fetch_imagenet, load_backbone, normalisation, options_from_metadata
from medcli.models.training import Plan, Trainer
from medcli.progress import Progress
from medcli.stages._run_folder import RunFolder
from medcli.store.digests import derive_seed, sha256_file
from medcli.store.manifest import Manifest
from medcli.store.shards import ShardReader
from medcli.store.weights import read_metadata, read_tensors
from medcli.workers import available_cpus


@dataclass(frozen=True)
class Cohort:
    """Images with targets, and the positions of each part in the shards."""

    reader: ShardReader
    targets: np.ndarray
    rows: dict[str, np.ndarray]
    task: dict[str, Any]


class TrainingJob:
    """One training, with every name resolved before it starts.

    Args:
        config: Of the stage.
        manifest: Receives the history entry.
        cohort: Images, targets and parts.
        progress: Hears what was decided.
    """

    def __init__(
        self, config: TrainConfig, manifest: Manifest, cohort: Cohort, *, progress: Progress
    ) -> None:
        self.config, self.manifest, self.cohort, self.progress = config, manifest, cohort, progress
        self.jobs = config.jobs or available_cpus()
        self.device = choose_device(config.device)
        self.precision = resolve_precision(config.precision, device=self.device)
        self.loss_name = choose_loss(config.loss, task_type=cohort.task["type"])
        known = ~np.isnan(cohort.targets[cohort.rows["train"]])
        self.rows = cohort.rows["train"][known.any(axis=1)]
        if not len(self.rows):
            raise DataError("no image of the training part has a known label")
        self.weights_path = _weights_path(config)
        self.architecture = self._describe_architecture()
        # The file of weights is known by its digest: its place and name change nothing.
        self.recorded = replace(config, weights="file") if self._has_own_weights else config
        splits = manifest.require("splits", made_by="split")
        self.inputs = [("shard", ref["sha256"]) for ref in manifest.shards] + [("splits", splits["sha256"])]
        if self.weights_path:
            self.inputs.append(("weights", sha256_file(self.weights_path)))
        self.policy = {"uncertain": str(config.uncertain), "blank": str(config.blank)}
        self.identity = self._identity()
        self.folder = RunFolder(config.run, identity=self.identity)
        manifest.add_history("train", self.recorded, self.inputs, precision=self.precision)

    @property
    def _has_own_weights(self) -> bool:
        return self.config.weights not in {"none", "imagenet"}

    def _describe_architecture(self) -> dict[str, Any]:
        config, reader = self.config, self.cohort.reader
        height, width, channels = reader.shape
        options = with_image_size(config.model, parse_options(config.model_option), size=(height, width))
        metadata = read_metadata(self.weights_path) if self._has_own_weights and self.weights_path else {}
        options, notes = options_from_metadata(metadata, options)
        mean, std = normalisation(
            config.model, metadata=metadata, pretrained=config.weights != "none", channels=channels
        )
        for note in notes:
            self.progress.note(note)
        if holds_scores(reader.header["recipe"]):
            mean, std = [0.0] * channels, [1.0] * channels
        return {
            "name": config.model,
            "options": options,
            "num_classes": len(self.cohort.task["classes"]),
            "channels": channels,
            "size": [height, width],
            "mean": mean,
            "std": std,
            "dropout": config.dropout,
        }

    def _identity(self) -> dict[str, Any]:
        digests: dict[str, Any] = {}
        for role, sha256 in self.inputs:
            digests.setdefault(role, []).append(sha256)
        options = {**recorded_options(self.recorded), "precision": self.precision}
        return {"options": options, "task": self.cohort.task, **digests}

    def make_network(self) -> nn.Module:
        """The network on its device, with the weights it starts from."""
        made = self.architecture
        keys = ("num_classes", "channels", "options", "dropout")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.config.seed, "weights"))
            network = create_network(made["name"], **{key: made[key] for key in keys})
        check_images_fit(
            network, channels=made["channels"], size=made["size"], num_classes=made["num_classes"]
        )
        if self.weights_path:
            tensors = read_tensors(self.weights_path)
            for note in load_backbone(network, tensors, channels=made["channels"]):
                self.progress.note(note)
        return network.to(memory_format=torch.channels_last).to(self.device)

    def make_optimiser(self, network: nn.Module) -> torch.optim.AdamW:
        """AdamW as the options say."""
        return make_optimiser(
            network,
            learning_rate=self.config.learning_rate,
            backbone_rate=self.config.backbone_rate,
            weight_decay=self.config.weight_decay,
        )

    def make_trainer(
        self, network: nn.Module, optimiser: torch.optim.Optimizer, *, loader: BatchLoader
    ) -> Trainer:
        """The loop, with loss, weights of classes and augmentation."""
        config, task_type = self.config, self.cohort.task["type"]
        weights = None
        if config.reweight:
            weights = torch.from_numpy(class_weights(self.cohort.targets[self.rows], task_type=task_type))
            weights = weights.to(self.device)
        loss = make_loss(
            self.loss_name,
            task_type=task_type,
            weights=weights,
            gamma=config.focal_gamma,
            label_smoothing=config.label_smoothing,
        )
        augmenter = None
        if config.augment is not Augment.none:
            augmenter = Augmenter(config.augment, seed=config.seed)
        plan = Plan(
            rows=self.rows,
            validation_rows=self.cohort.rows.get("val", np.zeros(0, dtype=np.int64)),
            epochs=config.epochs,
            batch_size=config.batch_size,
            warmup=config.warmup,
            mean=self.architecture["mean"],
            std=self.architecture["std"],
            precision=self.precision,
            is_frozen=config.backbone_rate == 0,
            seed=config.seed,
        )
        return Trainer(
            network,
            optimiser,
            loss,
            plan=plan,
            loader=BatchLoader(self.cohort.reader, augmenter=augmenter, jobs=self.jobs),
            validation_loader=loader,
            targets=self.cohort.targets,
            metric=lambda logits, targets: macro_auc(logits, targets, task_type=task_type),
        )


def _weights_path(config: TrainConfig) -> Path | None:
    if config.weights == "none":
        return None
    if config.weights == "imagenet":
        return fetch_imagenet(config.model)
    path = Path(config.weights)
    if not path.is_file():
        raise InputError(
            "no such file", where=str(path), hint="--weights none, imagenet, or a safetensors file"
        )
    return path


def macro_auc(logits: np.ndarray, targets: np.ndarray, *, task_type: str) -> float | None:
    """Mean AUC of the classes that have positives and negatives among known targets; None when none has."""
    scores = logits
    if task_type in EXCLUSIVE:
        # Logits of different images compare only after each row is normalised.
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = shifted / shifted.sum(axis=1, keepdims=True)
    known = ~np.isnan(targets)
    values = [auc(targets[known[:, c], c], scores[known[:, c], c]) for c in range(targets.shape[1])]
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
