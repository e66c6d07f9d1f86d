"""Predictions made ready to be counted: calibrated, with their thresholds and patients."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.calibration.calibrator import calibrated
from medcli.calibration.folds import patient_folds
from medcli.calibration.operating_points import parse_rule
from medcli.calibration.scores import is_exclusive, to_probabilities
from medcli.config import CalibrateConfig, EvaluateConfig
from medcli.errors import DataError
from medcli.metrics.patients import patient_codes
from medcli.metrics.scored import Scored
from medcli.stages._operating_points import FOLD_SEED, operating_points
from medcli.stages._predictions import open_predictions
from medcli.store.manifest import Manifest
from medcli.store.predictions import Predictions


def score(predictions: Predictions, manifest: Manifest) -> tuple[Scored, dict[str, Any]]:
    """What is to be counted, and where its thresholds come from."""
    classes, kind = predictions.classes, predictions.score_kind
    exclusive = is_exclusive(predictions.task_type, len(classes))
    targets = predictions.targets.astype(np.float64)
    rows = counted_rows(predictions)
    if exclusive:
        targets = np.nan_to_num(targets)
    scores = predictions.scores[rows]
    before = None if kind == "rank" else to_probabilities(scores, kind=kind, exclusive=exclusive)
    calibration = manifest.calibration
    after = None
    if calibration is not None:
        _check_calibration(calibration, predictions)
        after = calibrated(scores, calibration, kind=kind, exclusive=exclusive)
    origin, points = _thresholds(predictions, manifest, exclusive=exclusive)
    best = before if after is None else after
    scored = Scored(
        classes=classes,
        exclusive=exclusive,
        targets=targets[rows],
        # Calibrating a label leaves ranks alone; a softmax it does not, and thresholds apply to its result.
        ranks=best if exclusive and best is not None else scores.astype(np.float64),
        before=before,
        after=after,
        thresholds=points,
        clusters=patient_codes(scored_records(predictions))[1],
        ordered=predictions.task_type == "ordinal",
        why_ranks=f"the scores are ranks: {predictions.header.get('score_reason') or 'declared so'}",
    )
    return scored, {"source": origin, "rule": points[0]["rule"] if points else None}


def scored_records(predictions: Predictions) -> list[dict[str, Any]]:
    """Records of the rows that `score` counts."""
    return [predictions.records[row] for row in np.flatnonzero(counted_rows(predictions))]


def counted_rows(predictions: Predictions) -> np.ndarray:
    """Which rows `score` counts, bool [images]: of exclusive classes those where one is known, else all."""
    if is_exclusive(predictions.task_type, len(predictions.classes)):
        return np.nansum(predictions.targets, axis=1) == 1
    return np.ones(len(predictions.targets), dtype=bool)


def _check_calibration(calibration: dict[str, Any], predictions: Predictions) -> None:
    fitted_classes = [point["class"] for point in calibration["operating_points"]]
    fix = "run medcli calibrate on the val predictions of this model"
    if fitted_classes != predictions.classes:
        raise DataError("the calibration in the manifest is for other classes", hint=fix)
    if calibration["score"] != predictions.score_kind:
        raise DataError(
            f"the calibration is for scores of kind {calibration['score']}, "
            f"these are {predictions.score_kind}",
            hint=fix,
        )
    if not _are_of_one_model(calibration["fitted_on"].get("model"), predictions.header.get("model")):
        raise DataError("the calibration in the manifest belongs to another model", hint=fix)


def _are_of_one_model(first: str | None, second: str | None) -> bool:
    """Whether two digests are the same; scores from elsewhere have none and are taken at their word."""
    return None in (first, second) or first == second


def _thresholds(
    predictions: Predictions, manifest: Manifest, *, exclusive: bool
) -> tuple[str, list[dict[str, Any]]]:
    """Operating points from the calibration, else from val, else one half."""
    if manifest.calibration is not None:
        return "calibration", manifest.calibration["operating_points"]
    if "val" in manifest.predictions:
        val = open_predictions(manifest.predictions["val"])
        is_alike = val.classes == predictions.classes and val.score_kind == predictions.score_kind
        if is_alike and _are_of_one_model(val.header.get("model"), predictions.header.get("model")):
            values, targets = val.scores.astype(np.float64), val.targets.astype(np.float64)
            if val.score_kind != "rank":
                values = to_probabilities(values, kind=val.score_kind, exclusive=exclusive)
            rule = parse_rule(CalibrateConfig.operating_point)
            clusters = patient_codes(val.records)[1]
            points = operating_points(
                val.classes,
                targets,
                values,
                clusters,
                held=patient_folds(values, targets, clusters, seed=FOLD_SEED),
                rule=rule,
                level=EvaluateConfig.level,
            )
            return "val", points
    is_rank = predictions.score_kind == "rank"
    reason = "the scores are ranks and there are no val predictions to choose on" if is_rank else None
    empty = {"rule": "0.5", "threshold": None if is_rank else 0.5, "sensitivity": None, "specificity": None}
    return "default", [{"class": name, **empty, "reason": reason} for name in predictions.classes]
