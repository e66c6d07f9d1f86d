"""The prevalence that calibrated probabilities are moved to: as given, or as unlabelled images suggest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from medcli.calibration.calibrator import apply
from medcli.calibration.prevalence import estimate_prevalences, prevalences, shifts, spread_over_classes
from medcli.calibration.prevalence_error import Images, prevalence_errors
from medcli.calibration.referee import Task
from medcli.config import CalibrateConfig
from medcli.errors import DataError, UsageError, at
from medcli.metrics.bootstrap import logit_bounds
from medcli.metrics.intervals import normal_quantile, proportion
from medcli.metrics.patients import patient_codes
from medcli.quantity import Quantity, quantity, undefined
from medcli.stages._class_shares import class_shares
from medcli.stages._predictions import load_source, open_predictions
from medcli.store.references import Reference, display

GIVEN = "as given, by Bayes' rule on the odds"
ESTIMATED = "estimated without labels by expectation and maximisation (Saerens et al., 2002)"


def prevalence_shift(
    config: CalibrateConfig, old: Images, fitted: dict[str, Any], *, task: Task, level: float
) -> dict[str, Any] | None:
    """How far each class's probabilities are moved, and from which prevalence to which; None when not asked.

    Args:
        config: Which prevalences are given, or where they are estimated.
        old: Calibrated probabilities, labels and patients of the images of the fit.
        fitted: Method and parameters.
        task: What the columns are.
        level: Of the intervals.

    Returns:
        `method`, `sha256` and `n` of the unlabelled predictions (null when given), and `classes`: `class`,
        the quantities `before` (among the images of the fit) and `after`, and `shift` in log-odds, or of
        exclusive classes in log-probability.

    Raises:
        UsageError: If both ways are asked for, or a class or a prevalence is none.
        DataError: If the other predictions are not of these classes or of another kind.
    """
    if not config.prevalence_shift and config.prevalence_from is None:
        return None
    if config.prevalence_shift and config.prevalence_from is not None:
        raise UsageError("give the prevalence with --prevalence-shift, or estimate it, not both")
    assert old.targets is not None
    before = prevalences(old.targets)
    if config.prevalence_from is None:
        given = _given(config.prevalence_shift, task.classes)
        after = before.copy()
        after[list(given)] = list(given.values())
        if task.exclusive:
            after = spread_over_classes(given, before)
        facts: dict[str, Any] = {"method": GIVEN, "sha256": None, "n": None}
        told = [_told(value) for value in after]
    else:
        reference, new = _unlabelled(config, fitted, task)
        after = estimate_prevalences(new.probabilities, before, exclusive=task.exclusive)
        facts = {"method": ESTIMATED, "sha256": reference["sha256"], "n": len(new.clusters)}
        told = _estimated(new, old, before, after, fitted, task=task, level=level)
    added = shifts(before, after, exclusive=task.exclusive)
    rows = zip(task.classes, old.targets.T, told, added, strict=True)
    return {
        **facts,
        "classes": [
            {
                "class": name,
                "before": _counted(known, old.clusters, level=level),
                "after": value,
                "shift": float(shift),
            }
            for name, known, value, shift in rows
        ],
    }


def _counted(targets: np.ndarray, clusters: np.ndarray, *, level: float) -> Quantity:
    known = ~np.isnan(targets)
    return proportion(targets[known] == 1, clusters[known], level=level, none_reason="no known label")


def _told(value: float) -> Quantity:
    """A prevalence that was given; it has no error that could be told."""
    facts: dict[str, Any] = {"method": "as given", "n": 0, "n_clusters": 0}
    if np.isnan(value):
        return undefined("no known label", **facts)
    return quantity(value, reason="no interval: it was given", **facts)


def _estimated(
    new: Images,
    old: Images,
    before: np.ndarray,
    after: np.ndarray,
    fitted: dict[str, Any],
    *,
    task: Task,
    level: float,
) -> list[Quantity]:
    """Prevalences with intervals on the logit scale."""
    methods = [entry["method"] for entry in fitted["parameters"]] or ["none"] * len(task.classes)
    moved = [name != "none" for name in methods]
    errors = prevalence_errors(new, old, before=before, after=after, fitted=moved, exclusive=task.exclusive)
    facts: dict[str, Any] = {
        "method": "prevalence without labels (Saerens 2002), logit scale, errors of both sets by patient",
        "n": len(new.clusters),
        "n_clusters": len(np.unique(new.clusters)),
    }
    values = []
    for estimate, error in zip(after, errors, strict=True):
        if np.isnan(estimate):
            values.append(undefined("no known label on both sides, or of one kind only", **facts))
            continue
        interval = None if np.isnan(error) else logit_bounds(estimate, error, z=normal_quantile(level))
        reason = None if interval else "no interval: the estimate is 0 or 1"
        se = None if np.isnan(error) else error
        values.append(quantity(estimate, ci=interval, level=level, se=se, reason=reason, **facts))
    return values


def _given(texts: tuple[str, ...], classes: list[str]) -> dict[int, float]:
    """Prevalence by column; with several classes each must be named."""
    given: dict[int, float] = {}
    for name, value in class_shares("--prevalence-shift", texts, classes):
        if not name and len(classes) > 1:
            raise UsageError(
                f"--prevalence-shift {value:g}: say of which class", hint=f"{classes[0]}={value:g}"
            )
        given[classes.index(name) if name else 0] = value
    return given


def _unlabelled(config: CalibrateConfig, fitted: dict[str, Any], task: Task) -> tuple[Reference, Images]:
    """Calibrated probabilities of the images whose prevalence is asked for; their labels are not read."""
    source = str(config.prevalence_from)
    manifest = load_source(source, replace(config, truth=None), part="test")
    if len(manifest.predictions) != 1 and "test" not in manifest.predictions:
        raise DataError("there are no predictions of test, and not of one part alone", where=source)
    reference = manifest.predictions.get("test") or next(iter(manifest.predictions.values()))
    predictions = open_predictions(reference)
    with at(display(Path(reference["path"]))):
        if predictions.classes != task.classes or predictions.score_kind != task.kind:
            raise DataError("these predictions are of other classes, or scores of another kind")
    probabilities = apply(
        predictions.scores,
        kind=task.kind,
        exclusive=task.exclusive,
        method=fitted["method"],
        parameters=fitted["parameters"],
    )
    return reference, Images(probabilities, patient_codes(predictions.records)[1])
