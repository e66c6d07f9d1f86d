"""Fit probabilities to observed frequencies on the validation part, and choose operating points there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medcli.calibration.calibrator import apply, check_method, fit, keeps_ranks
from medcli.calibration.conformal import fit_sets
from medcli.calibration.folds import patient_folds
from medcli.calibration.operating_points import Rule, parse_rule
from medcli.calibration.prevalence import apply_shifts, shift_values
from medcli.calibration.prevalence_error import Images
from medcli.calibration.referee import Task, cross_fitted, judge_methods
from medcli.calibration.scores import is_exclusive, to_probabilities
from medcli.calibration.uncertainty import with_intervals
from medcli.config import CalibrateConfig, EvaluateConfig
from medcli.errors import DataError, at
from medcli.metrics.patients import patient_codes
from medcli.metrics.probability import expected_calibration_error, log_losses
from medcli.progress import SILENT, Progress
from medcli.stages._operating_points import FOLD_SEED, operating_points
from medcli.stages._predictions import is_table, load_source, open_predictions, unread_patients
from medcli.stages._prevalence_shift import prevalence_shift
from medcli.store.atomic import check_apart, check_creatable
from medcli.store.calibration_schema import calibration_digest
from medcli.store.digests import digest_json
from medcli.store.manifest import Manifest
from medcli.store.predictions import Predictions
from medcli.store.references import display

BINS, LEVEL = EvaluateConfig.bins, EvaluateConfig.level
UNDECLARED = "no declared part"


def run(config: CalibrateConfig, *, progress: Progress = SILENT) -> Manifest:
    """Add the section `calibration`: parameters, operating points, and what they were fitted on.

    Raises:
        DataError: If there are no validation predictions (test is refused), or the scores are bare ranks.
        UsageError: If the method or the operating point does not fit.
    """
    rule = parse_rule(config.operating_point)
    table = Path(config.source) if is_table(config.source) else None
    check_apart((config.output,), (table, config.truth, config.key_file, config.prevalence_from))
    check_creatable(config.output)
    manifest = load_source(config.source, config, part=str(config.part or UNDECLARED))
    reference = _validation(manifest)
    predictions = open_predictions(reference)
    with at(display(Path(reference["path"]))):
        _check_part(predictions.part)
        section = _calibrate(predictions, config, rule=rule)
    for line in unread_patients(predictions):
        progress.note(line)
    section["fitted_on"]["sha256"] = reference["sha256"]
    section["digest"] = calibration_digest(section)
    manifest.calibration = section
    inputs = [("predictions", reference["sha256"])]
    if section["prevalence_shift"] and section["prevalence_shift"]["sha256"]:
        inputs.append(("unlabelled predictions", section["prevalence_shift"]["sha256"]))
    manifest.add_history("calibrate", config, inputs, method=section["method"])
    _report(section, progress)
    return manifest


def _validation(manifest: Manifest) -> dict[str, Any]:
    if "val" in manifest.predictions:
        return manifest.predictions["val"]
    for part in manifest.predictions:
        _check_part(part)
    raise DataError("the manifest has no predictions of val", hint="run medcli train first")


def _check_part(part: str) -> None:
    if part == UNDECLARED:
        raise DataError(
            "the table does not say which part its rows are of",
            hint="give it a column part, or --part val if it holds the validation part",
        )
    if part != "val":
        raise DataError(
            f"these are predictions of {part}; calibration is fitted on val only",
            hint="calibrate on val, evaluate on test: a calibration that has seen test proves nothing",
        )


def _calibrate(predictions: Predictions, config: CalibrateConfig, *, rule: Rule) -> dict[str, Any]:
    """The section, but for the digest of the predictions and its own."""
    exclusive = is_exclusive(predictions.task_type, len(predictions.classes))
    task = Task(predictions.classes, predictions.score_kind, exclusive)
    if task.kind == "rank":
        raise DataError(
            f"ranks cannot be calibrated: {predictions.header.get('score_reason') or 'declared so'}",
            hint="--scores logit, if that is what they are",
        )
    rows = _usable_rows(predictions.targets, exclusive=exclusive)
    scores, targets = predictions.scores[rows], predictions.targets[rows].astype(float)
    if exclusive:
        targets = np.nan_to_num(targets)
    unit, clusters = patient_codes([predictions.records[row] for row in np.flatnonzero(rows)])
    held = patient_folds(scores, targets, clusters, seed=FOLD_SEED)
    fitted = _fit(scores, targets, clusters, held, task=task, method=config.method.value)
    before = to_probabilities(scores, kind=task.kind, exclusive=exclusive)
    after = _apply(scores, fitted, task=task)
    decided, chosen_on = _to_choose_on(after, scores, targets, held, fitted=fitted, task=task)
    shift = prevalence_shift(config, Images(after, clusters, targets), fitted, task=task, level=LEVEL)
    if shift is not None:
        decided = apply_shifts(decided, shift_values(shift), exclusive=exclusive)
    points = operating_points(task.classes, targets, decided, clusters, held=held, rule=rule, level=LEVEL)
    fitted["parameters"] = with_intervals(
        fitted["parameters"], scores, targets, clusters, kind=task.kind, exclusive=exclusive, level=LEVEL
    )
    return {
        **fitted,
        "score": task.kind,
        "fitted_on": {
            "part": predictions.part,
            "sha256": "",
            "model": predictions.header.get("model"),
            "n": len(scores),
            "n_patients": len(np.unique(clusters)),
            "unit": unit,
            "images": images_digest(predictions.records),
        },
        "prevalence_shift": shift,
        "prediction_sets": _sets(before, targets, clusters, config, task=task, unit=unit),
        "operating_points": [
            {**point, "chosen_on": origin} for point, origin in zip(points, chosen_on, strict=True)
        ],
        "summary": {
            name: _summary(values, targets, exclusive=exclusive)
            for name, values in (("before", before), ("after", after))
        },
    }


def _fit(
    scores: np.ndarray,
    targets: np.ndarray,
    clusters: np.ndarray,
    held: np.ndarray,
    *,
    task: Task,
    method: str,
) -> dict[str, Any]:
    """`method`, `parameters`, and what the referee says: `folds` and `comparison`, or nulls."""
    if method == "auto":
        return judge_methods(scores, targets, clusters, held, task=task, level=LEVEL)
    check_method(method, exclusive=task.exclusive)
    parameters = fit(scores, targets, method=method, **task._asdict())
    return {"method": method, "parameters": parameters, "folds": None, "comparison": None}


def _apply(scores: np.ndarray, fitted: dict[str, Any], *, task: Task) -> np.ndarray:
    return apply(
        scores,
        kind=task.kind,
        exclusive=task.exclusive,
        method=fitted["method"],
        parameters=fitted["parameters"],
    )


def _to_choose_on(
    after: np.ndarray,
    scores: np.ndarray,
    targets: np.ndarray,
    held: np.ndarray,
    *,
    fitted: dict[str, Any],
    task: Task,
) -> tuple[np.ndarray, list[str]]:
    """Probabilities that thresholds are chosen on, and for each class which they are.

    A method that keeps ranks adds no optimism to a choice by ranks; of the others, probabilities of fits that
    have not seen the image's patient are taken.
    """
    methods = [entry["method"] for entry in fitted["parameters"]] or ["none"] * len(task.classes)
    moved = [not keeps_ranks(name, exclusive=task.exclusive) for name in methods]
    if not any(moved):
        return after, ["fitted"] * len(methods)
    unseen = cross_fitted(scores, targets, held, task=task, methods=methods)
    origins = ["out-of-fold" if is_moved else "fitted" for is_moved in moved]
    return np.where(moved, unseen, after), origins


def _sets(
    before: np.ndarray,
    targets: np.ndarray,
    clusters: np.ndarray,
    config: CalibrateConfig,
    *,
    task: Task,
    unit: str,
) -> dict[str, Any] | None:
    """Prediction sets with their promise, if asked for."""
    if config.coverage is None:
        return None
    fitted = fit_sets(
        before,
        targets,
        clusters,
        classes=task.classes,
        exclusive=task.exclusive,
        coverage=config.coverage,
        score=config.set_score.value,
    )
    which = "a new image" if unit == "image" else f"an image drawn at random from those of a new {unit}"
    return {
        **fitted,
        "promise": f"For each class: of {which} that belong to it, the set holds it with a probability of at "
        f"least {config.coverage:.0%}, where {unit}s are like those of the fit and the model saw neither.",
    }


def images_digest(records: list[dict[str, Any]]) -> str:
    """Digest of which images there are, in any order."""
    return digest_json(sorted(record["id"] for record in records))


def _usable_rows(targets: np.ndarray, *, exclusive: bool) -> np.ndarray:
    """Rows with some known label; of exclusive classes, with a known truth."""
    usable = np.nansum(targets, axis=1) == 1 if exclusive else (~np.isnan(targets)).any(axis=1)
    if not usable.any():
        raise DataError("no validation image has a known label, nothing can be fitted")
    return usable


def _summary(probabilities: np.ndarray, targets: np.ndarray, *, exclusive: bool) -> dict[str, Any]:
    """Log loss and ECE on the images of the fit: of the called class, or the mean over labels."""
    if exclusive:
        is_right = probabilities.argmax(axis=1) == targets.argmax(axis=1)
        return {
            "log_loss": float(np.mean(log_losses(probabilities, targets))),
            "ece": expected_calibration_error(probabilities.max(axis=1), is_right, num_bins=BINS),
        }
    losses, errors = [], []
    for column in range(targets.shape[1]):
        known = ~np.isnan(targets[:, column])
        if known.any():
            values, truth = probabilities[known, column], targets[known, column]
            losses.append(float(np.mean(log_losses(values, truth))))
            errors.append(expected_calibration_error(values, truth == 1, num_bins=BINS))
    return {"log_loss": float(np.mean(losses)), "ece": float(np.mean(errors))}


def _report(section: dict[str, Any], progress: Progress) -> None:
    """What a person should know: the comparison, what it gained, and whatever was odd."""
    for line in comparison_lines(section["comparison"] or []):
        progress.note(line)
    before, after = section["summary"]["before"], section["summary"]["after"]
    progress.note(
        f"{section['method']}: ECE on val {before['ece']:.3f} to {after['ece']:.3f}, "
        f"log loss {before['log_loss']:.3f} to {after['log_loss']:.3f} (on the images of the fit)"
    )
    if section["prevalence_shift"] and section["method"] == "none" and not section["comparison"]:
        progress.note(
            "scores are moved to another prevalence as if they were calibrated; use --method auto to see"
        )
    for entry in (section["prevalence_shift"] or {"classes": []})["classes"]:
        if entry["shift"]:
            before, after = entry["before"]["estimate"], entry["after"]
            told = f" ({after['ci'][0]:.3g} to {after['ci'][1]:.3g})" if after["ci"] else ""
            progress.note(f"{entry['class']}: prevalence {before:.3g} moved to {after['estimate']:.3g}{told}")
    for point in section["operating_points"]:
        if point["threshold"] is None:
            progress.note(f"{point['class']}: no operating point: {point['reason']}")
    for entry in section["parameters"]:
        for flag in entry["flags"]:
            progress.note(f"{entry['class']}: {flag}")


def comparison_lines(comparison: list[dict[str, Any]]) -> list[str]:
    """The referee's table, a line a label: cross-fitted log losses, the winner with a star; then why."""
    if not comparison:
        return []
    names = list(dict.fromkeys(name for entry in comparison for name in entry["candidates"]))
    titles = [entry["class"] or "all classes" for entry in comparison]
    width = max(len(title) for title in ["log loss on unseen patients", *titles])
    lines = [" ".join([f"{'log loss on unseen patients':<{width}}", *(f"{name:>10}" for name in names)])]
    for title, entry in zip(titles, comparison, strict=True):
        losses = {name: f"{c['log_loss']['estimate']:.4f}" for name, c in entry["candidates"].items()}
        cells = [losses.get(name, "-") + ("*" if name == entry["winner"] else " ") for name in names]
        cells = [f"{cell:>{max(10, len(name))}}" for cell, name in zip(cells, names, strict=True)]
        lines.append(" ".join([f"{title:<{width}}", *cells]))
    return lines + [f"{title}: {entry['why']}" for title, entry in zip(titles, comparison, strict=True)]
