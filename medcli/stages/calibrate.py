"""Fit probabilities to observed frequencies on the validation part, and choose operating points there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medcli.calibration.calibrator import apply, choose_method, fit
from medcli.calibration.operating_points import Rule, choose_threshold, parse_rule
from medcli.calibration.scores import is_exclusive, to_probabilities
from medcli.config import CalibrateConfig
from medcli.errors import DataError, at
from medcli.metrics.patients import patient_codes
from medcli.metrics.probability import expected_calibration_error, log_losses
from medcli.progress import SILENT, Progress
from medcli.stages._predictions import load_source, open_predictions
from medcli.store.manifest import Manifest
from medcli.store.predictions import Predictions
from medcli.store.references import display

BINS = 15
UNDECLARED = "no declared part"


def run(config: CalibrateConfig, *, progress: Progress = SILENT) -> Manifest:
    """Add the section `calibration`: parameters, operating points, and what they were fitted on.

    Raises:
        DataError: If there are no validation predictions (test is refused), or the scores are bare ranks.
        UsageError: If the method or the operating point does not fit.
    """
    rule = parse_rule(config.operating_point)
    manifest = load_source(config.source, config, part=str(config.part or UNDECLARED))
    reference = _validation(manifest)
    predictions = open_predictions(reference)
    with at(display(Path(reference["path"]))):
        _check_part(predictions.part)
        section = _calibrate(predictions, method=config.method.value, rule=rule)
    section["fitted_on"]["sha256"] = reference["sha256"]
    manifest.calibration = section
    manifest.add_history(
        "calibrate", config, [("predictions", reference["sha256"])], method=section["method"]
    )
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


def _calibrate(predictions: Predictions, *, method: str, rule: Rule) -> dict[str, Any]:
    """The section, but for the digest of the predictions."""
    classes, kind = predictions.classes, predictions.score_kind
    exclusive = is_exclusive(predictions.task_type, len(classes))
    if kind == "rank":
        raise DataError(
            f"ranks cannot be calibrated: {predictions.header.get('score_reason') or 'declared so'}",
            hint="--scores logit, if that is what they are",
        )
    method = choose_method(method, exclusive=exclusive)
    rows = _usable_rows(predictions.targets, exclusive=exclusive)
    scores, targets = predictions.scores[rows], predictions.targets[rows].astype(float)
    before = to_probabilities(scores, kind=kind, exclusive=exclusive)
    parameters = fit(scores, targets, classes=classes, kind=kind, exclusive=exclusive, method=method)
    after = apply(scores, kind=kind, exclusive=exclusive, method=method, parameters=parameters)
    records = [predictions.records[row] for row in np.flatnonzero(rows)]
    unit, codes = patient_codes(records)
    return {
        "method": method,
        "score": kind,
        "parameters": parameters,
        "fitted_on": {
            "part": predictions.part,
            "sha256": "",
            "model": predictions.header.get("model"),
            "n": len(records),
            "n_patients": len(np.unique(codes)),
            "unit": unit,
        },
        "operating_points": operating_points(classes, targets, after, rule=rule),
        "summary": {
            name: _summary(values, targets, exclusive=exclusive)
            for name, values in (("before", before), ("after", after))
        },
    }


def operating_points(
    classes: list[str], targets: np.ndarray, values: np.ndarray, *, rule: Rule
) -> list[dict[str, Any]]:
    """A threshold for each class, with the rates it has on the images it was chosen on."""
    points = []
    for column, name in enumerate(classes):
        known = ~np.isnan(targets[:, column])
        chosen = choose_threshold(targets[known, column], values[known, column], rule=rule)
        points.append({"class": name, "rule": str(rule), **chosen})
    return points


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
    before, after = section["summary"]["before"], section["summary"]["after"]
    progress.note(
        f"{section['method']}: ECE on val {before['ece']:.3f} to {after['ece']:.3f}, "
        f"log loss {before['log_loss']:.3f} to {after['log_loss']:.3f} (on the images of the fit)"
    )
    for point in section["operating_points"]:
        if point["threshold"] is None:
            progress.note(f"{point['class']}: no operating point: {point['reason']}")
    for entry in section["parameters"]:
        for flag in entry["flags"]:
            progress.note(f"{entry['class']}: {flag}")
