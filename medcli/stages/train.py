"""Train: a network that learns from one part, is chosen by another, and scores the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from medcli.cohorts.policies import targets_from_labels, undecided_shares
from medcli.cohorts.splits import verify_parts
from medcli.config import TrainConfig
from medcli.errors import DataError, StoppedError
from medcli.models.checkpoint import TrainingState
from medcli.models.devices import computing_threads
from medcli.models.inference import predict_logits
from medcli.models.joining import join_volumes
from medcli.models.loader import BatchLoader, naming_lost_workers, ordered_batches
from medcli.progress import SILENT, Progress
from medcli.reporting.curves import training_curve
from medcli.signals import saving, stop_requested
from medcli.stages._model import MODEL_VERSION
from medcli.stages._run_folder import log_lines
from medcli.stages._splits import check_splits, refuse_other_statistics
from medcli.stages._training_job import Cohort, TrainingJob
from medcli.store.atomic import check_creatable, locked, prepare_folder, write_bytes
from medcli.store.manifest import Manifest, load
from medcli.store.predictions import Predictions, write_predictions
from medcli.store.references import Reference
from medcli.store.shards import ShardReader
from medcli.store.weights import write_safetensors

MODEL_FILE = "model.safetensors"
_EVALUATED = ("val", "test")


def run(config: TrainConfig, *, progress: Progress = SILENT) -> Manifest:
    """Train, or go on where the same line was stopped, or find that it is done already.

    Raises:
        DataError: If shards and splits do not belong together, or the folder holds another run.
        GateError: If a patient is in two parts.
        StoppedError: After saving, when a stop signal came.
    """
    manifest = load(config.source)
    cohort = _read_cohort(manifest, config)
    prepare_folder(config.run)
    check_creatable(config.output)
    with locked(config.run / MODEL_FILE):
        job = TrainingJob(config, manifest, cohort, progress=progress)
        if config.fresh:
            job.folder.clear()
        outputs = job.folder.finished()
        if outputs is None:
            with saving(), computing_threads(config.threads):
                _train(job, progress=progress)
            # Read back, so that a run found finished later gives the same manifest.
            outputs = job.folder.finished()
        else:
            progress.note(f"{config.run} holds this very run, finished: nothing to do")
    assert outputs is not None
    manifest.model = outputs[MODEL_FILE]
    files = {part: f"predictions-{part}.h5" for part in _EVALUATED}
    manifest.predictions = {part: outputs[name] for part, name in files.items() if name in outputs}
    return manifest


def _read_cohort(manifest: Manifest, config: TrainConfig) -> Cohort:
    splits = manifest.require("splits", made_by="split")
    reader = ShardReader(manifest.require("shards", made_by="preprocess"))
    classes, task_type = manifest.classes, manifest.task_type
    if reader.header["task"] != manifest.task:
        raise DataError("task or classes of the shards are not those of the manifest")
    check_splits(splits)
    refuse_other_statistics(reader.header["recipe"], splits)
    parts = splits["parts"]
    verify_parts(reader.records, parts)
    targets = targets_from_labels(
        reader.records, classes, task_type=task_type, uncertain=config.uncertain, blank=config.blank
    )
    rows = {part: np.array(reader.indices_of(sorted(ids)), dtype=np.int64) for part, ids in parts.items()}
    return Cohort(reader, targets, rows, {"type": task_type, "classes": classes})


def _train(job: TrainingJob, *, progress: Progress) -> None:
    """Train to the end and write everything."""
    network = job.make_network()
    optimiser = job.make_optimiser(network)
    state = job.folder.resume(network, optimiser)
    loader = BatchLoader(job.cohort.reader, jobs=job.jobs)
    trainer = job.make_trainer(network, optimiser, loader=loader)
    _tell(job, network, state, progress=progress)
    with progress.task("train", job.config.epochs * trainer.num_steps) as step:
        step(state.epoch * trainer.num_steps + state.step)
        state = trainer.run(
            state,
            save=lambda now: job.folder.save(network, optimiser, now),
            is_stopped=stop_requested,
            report=step,
        )
    network.load_state_dict(state.best_tensors)
    _write(job, network, state, loader=loader, progress=progress)


def _tell(job: TrainingJob, network: nn.Module, state: TrainingState, *, progress: Progress) -> None:
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    sizes = ", ".join(f"{len(rows)} {part}" for part, rows in job.cohort.rows.items())
    progress.note(
        f"{job.config.model}, {millions:.1f} million weights, {job.loss_name}, "
        f"{job.precision} on {job.device}; images: {sizes}"
    )
    _tell_policy(job, progress=progress)
    unknown = len(job.cohort.rows["train"]) - len(job.rows)
    if unknown:
        progress.note(f"{unknown} training images without any known label are left out")
    if state.epoch or state.step:
        progress.note(f"going on at epoch {state.epoch + 1}, step {state.step + 1}")


def _tell_policy(job: TrainingJob, *, progress: Progress) -> None:
    """Say what the policies decide, where there is something for them to decide."""
    task, config = job.cohort.task, job.config
    if task["type"] not in {"binary", "multilabel"}:
        return
    uncertain, blank = undecided_shares(job.cohort.reader.records, task["classes"])
    if uncertain or blank:
        progress.note(
            f"labels: {uncertain:.1%} uncertain, counted as {config.uncertain}; "
            f"{blank:.1%} not mentioned, counted as {config.blank}"
        )


def _write(
    job: TrainingJob, network: nn.Module, state: TrainingState, *, loader: BatchLoader, progress: Progress
) -> None:
    folder, best = job.folder, state.best
    header = {
        "medcli": MODEL_VERSION,
        "task": job.cohort.task,
        "recipe": job.cohort.reader.header["recipe"],
        "architecture": job.architecture,
        "splits": job.manifest.require("splits", made_by="split")["sha256"],
        "policy": job.policy,
        "options": job.identity["options"],
        "metric": {"part": "val", "auc": best["val_auc"], "loss": best["val_loss"], "epoch": best["epoch"]},
        "history": job.manifest.history,
    }
    model = write_safetensors(folder.path(MODEL_FILE), network.state_dict(), header)
    outputs = {MODEL_FILE: {**model, "name": job.config.model}}
    log = log_lines(state.log)
    curve = training_curve(state.log, best_epoch=best["epoch"])
    for name, data in (("log.jsonl", log), ("curve.png", curve)):
        outputs[name] = {"path": str(folder.path(name)), "sha256": write_bytes(folder.path(name), data)}
    for part in _EVALUATED:
        if len(job.cohort.rows.get(part, ())):
            name = f"predictions-{part}.h5"
            outputs[name] = _predict(
                job, network, part=part, loader=loader, model=model["sha256"], progress=progress
            )
    folder.finish(outputs)
    _tell_best(best, state, progress=progress)


def _predict(
    job: TrainingJob, network: nn.Module, *, part: str, loader: BatchLoader, model: str, progress: Progress
) -> Reference:
    rows = job.cohort.rows[part]
    with progress.task(f"predict {part}", len(rows)) as step, naming_lost_workers(loader):

        def count(images: int) -> None:
            if stop_requested():
                raise StoppedError("stopped after saving", hint="the same line goes on where it stopped")
            step(images)

        scores = predict_logits(
            network,
            loader.batches(ordered_batches(rows, batch_size=job.config.batch_size)),
            mean=job.architecture["mean"],
            std=job.architecture["std"],
            precision=job.precision,
            step=count,
        )
    header: dict[str, Any] = {
        "task": job.cohort.task,
        "part": part,
        "score": "logit",
        "model": model,
        "policy": job.policy,
        "history": job.manifest.history,
    }
    records = [job.cohort.reader.records[row] for row in rows]
    predictions = Predictions(*join_volumes(scores, job.cohort.targets[rows], records), header=header)
    return write_predictions(job.folder.path(f"predictions-{part}.h5"), predictions)


def _tell_best(best: dict[str, Any], state: TrainingState, *, progress: Progress) -> None:
    kept = f"kept epoch {best['epoch']} of {len(state.log)}"
    if best["val_loss"] is None:
        progress.note(f"{kept}, the last: there is no validation part to choose by")
    elif best["val_auc"] is None:
        progress.note(f"{kept}, chosen by loss {best['val_loss']:.4f}: no class of val has both outcomes")
    else:
        progress.note(f"{kept}: macro AUC {best['val_auc']:.4f} on val")
