"""The prevalence that calibrated probabilities are moved to: as given, or as unlabelled images suggest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from medcli.calibration.calibrator import apply
from medcli.calibration.prevalence import estimate_prevalences, prevalences, shifts, spread_over_classes
from medcli.calibration.referee import Task
from medcli.config import CalibrateConfig
from medcli.errors import DataError, UsageError, at
from medcli.stages._class_shares import class_shares
from medcli.stages._predictions import load_source, open_predictions
from medcli.store.references import Reference, display

GIVEN = "as given, by Bayes' rule on the odds"
ESTIMATED = "estimated without labels by expectation and maximisation (Saerens et al., 2002)"


def prevalence_shift(
    config: CalibrateConfig, targets: np.ndarray, fitted: dict[str, Any], *, task: Task
) -> dict[str, Any] | None:
    """How far each class's probabilities are moved, and from which prevalence to which; None when not asked.

    Returns:
        `method`, `sha256` and `n` of the unlabelled predictions (null when given), and `classes`: `class`,
        `before` (among the images of the fit), `after`, and `shift` in log-odds, or of exclusive classes in
        log-probability.

    Raises:
        UsageError: If both ways are asked for, or a class or a prevalence is none.
        DataError: If the other predictions are not of these classes or of another kind.
    """
    if not config.prevalence_shift and config.prevalence_from is None:
        return None
    if config.prevalence_shift and config.prevalence_from is not None:
        raise UsageError("give the prevalence with --prevalence-shift, or estimate it, not both")
    before = prevalences(targets)
    if config.prevalence_from is None:
        given = _given(config.prevalence_shift, task.classes)
        after = before.copy()
        after[list(given)] = list(given.values())
        if task.exclusive:
            after = spread_over_classes(given, before)
        facts: dict[str, Any] = {"method": GIVEN, "sha256": None, "n": None}
    else:
        reference, scores = _unlabelled(config, task)
        found = apply(
            scores,
            kind=task.kind,
            exclusive=task.exclusive,
            method=fitted["method"],
            parameters=fitted["parameters"],
        )
        after = estimate_prevalences(found, before, exclusive=task.exclusive)
        facts = {"method": ESTIMATED, "sha256": reference["sha256"], "n": len(scores)}
    added = shifts(before, after, exclusive=task.exclusive)
    rows = zip(task.classes, before, after, added, strict=True)
    return {
        **facts,
        "classes": [
            {"class": name, "before": _plain(one), "after": _plain(other), "shift": float(shift)}
            for name, one, other, shift in rows
        ],
    }


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


def _unlabelled(config: CalibrateConfig, task: Task) -> tuple[Reference, np.ndarray]:
    """Scores of the images whose prevalence is asked for; their labels are not read."""
    source = str(config.prevalence_from)
    manifest = load_source(source, replace(config, truth=None), part="test")
    if len(manifest.predictions) != 1 and "test" not in manifest.predictions:
        raise DataError("there are no predictions of test, and not of one part alone", where=source)
    reference = manifest.predictions.get("test") or next(iter(manifest.predictions.values()))
    predictions = open_predictions(reference)
    with at(display(Path(reference["path"]))):
        if predictions.classes != task.classes or predictions.score_kind != task.kind:
            raise DataError("these predictions are of other classes, or scores of another kind")
    return reference, predictions.scores


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
