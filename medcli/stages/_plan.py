"""How large a study must be: `evaluate --plan`, from what is expected of a model, without predictions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from medcli.errors import UsageError
from medcli.metrics.sample_size import (
    auc_sample_size,
    calibration_slope_sample_size,
    expected_precision,
    mcnemar_sample_size,
    observed_expected_sample_size,
    paired_auc_sample_size,
    proportion_sample_size,
    with_clusters,
)
from medcli.store.results_schema import PLAN_VERSION

DEFAULTS = {"width": 0.05, "oe_width": 0.2, "slope_width": 0.2, "images_per_patient": 1.0, "icc": 0.0}
OTHERS = ("auc", "prevalence", "sensitivity", "specificity", "images")
PAIRED = {"power": 0.8, "correlation": 0.5, "margin": 0.0}
COMPARED = ("other_auc", "only_right", "only_other_right", *PAIRED)
NAMES = (*OTHERS, *DEFAULTS, *COMPARED)
_GRID = 20_000


def plan_study(asked: str, *, level: float) -> dict[str, Any]:
    """Images and patients for intervals of a width that is wanted.

    Args:
        asked: Words of `--plan`: `auc=0.85,prevalence=0.1`, and further `NAMES`.
        level: Of the intervals.

    Returns:
        `assumed`; `needed`: one entry a goal, with its `measure` and half-`width` (of a ratio on the log
        scale), `images`, `patients`, `positives` and `method`; `comparisons`: entries alike, with `power`
        and without a width, of a second model on the same images, where one is expected; `images`, the
        largest of all; `expected`: intervals of a study of that size, or of as many `images` as given.

    Raises:
        UsageError: If a word is unknown, no number, or outside its range, or AUC or prevalence is missing.
        DataError: If no study of a practical size is enough.
    """
    assumed = _assumptions(asked)
    needed = _needed(assumed, level=level)
    comparisons = _comparisons(assumed, level=level)
    images = max(entry["images"] for entry in (*needed, *comparisons))
    size = int(assumed.get("images", images))
    effective = size / with_clusters(1, **_clusters(assumed))["design_effect"]
    positives = max(1, round(effective * assumed["prevalence"]))
    expected = expected_precision(
        positives=positives,
        negatives=max(1, round(effective) - positives),
        auc=assumed["auc"],
        sensitivity=assumed["sensitivity"],
        specificity=assumed["specificity"],
        level=level,
    )
    return {
        "medcli": PLAN_VERSION,
        "level": level,
        "assumed": assumed,
        "needed": needed,
        "comparisons": comparisons,
        "images": images,
        "expected": {"images": size, **expected},
    }


def _needed(assumed: dict[str, float], *, level: float) -> list[dict[str, Any]]:
    prevalence, width = assumed["prevalence"], assumed["width"]
    area = auc_sample_size(assumed["auc"], prevalence=prevalence, half_width=width, level=level)
    found = proportion_sample_size(assumed["sensitivity"], half_width=width, level=level)
    passed = proportion_sample_size(assumed["specificity"], half_width=width, level=level)
    slope = calibration_slope_sample_size(
        expected_logits(assumed["auc"], prevalence), half_width=assumed["slope_width"], level=level
    )
    ratio = observed_expected_sample_size(prevalence, half_width=assumed["oe_width"], level=level)
    ratio_goal = f"O/E within a factor of {math.exp(assumed['oe_width']):.2f}"
    slope_goal = f"calibration slope within {assumed['slope_width']:g}"
    goals = {
        "auc": (f"AUC within {width:g}", width, area["images"], "Newcombe 2006, method 5"),
        "sensitivity": (f"sensitivity within {width:g}", width, math.ceil(found / prevalence), "Wilson"),
        "specificity": (
            f"specificity within {width:g}",
            width,
            math.ceil(passed / (1 - prevalence)),
            "Wilson",
        ),
        "observed_to_expected": (ratio_goal, assumed["oe_width"], ratio, "Riley 2021, equation 4"),
        "calibration_slope": (slope_goal, assumed["slope_width"], slope, "Riley 2021, equation 7"),
    }
    entries = []
    for measure, (goal, half_width, size, method) in goals.items():
        whole = with_clusters(size, **_clusters(assumed))
        facts = {"measure": measure, "width": half_width, "positives": round(whole["images"] * prevalence)}
        entries.append({"goal": goal, **whole, **facts, "method": method})
    return entries


def _comparisons(assumed: dict[str, float], *, level: float) -> list[dict[str, Any]]:
    """What shows a difference to another model, or that a loss is within the margin."""
    prevalence, power = assumed["prevalence"], assumed.get("power", 0.0)
    sizes = []
    if "other_auc" in assumed:
        margin = assumed["margin"]
        area = paired_auc_sample_size(
            assumed["auc"],
            assumed["other_auc"],
            prevalence=prevalence,
            power=power,
            correlation=assumed["correlation"],
            margin=margin,
            level=level,
        )
        goal = f"AUC {assumed['auc']:g} against {assumed['other_auc']:g}"
        goal += f", no loss above {margin:g}" if margin else ""
        sizes.append(
            ("auc", goal, area["images"], "Obuchowski & McClish 1997, errors of Hanley & McNeil 1982")
        )
    if "only_right" in assumed:
        alone = assumed["only_right"], assumed["only_other_right"]
        goal = f"one alone right in {alone[0]:g} and {alone[1]:g} of images"
        sizes.append(
            ("accuracy", goal, mcnemar_sample_size(*alone, power=power, level=level), "Connor 1987 (McNemar)")
        )
    entries = []
    for measure, goal, size, method in sizes:
        whole = with_clusters(size, **_clusters(assumed))
        facts = {"measure": measure, "power": power, "positives": round(whole["images"] * prevalence)}
        entries.append({"goal": goal, **whole, **facts, "method": method})
    return entries


def expected_logits(auc: float, prevalence: float) -> np.ndarray:
    """Log odds of calibrated probabilities whose ROC curve is binormal with equal spread, [grid].

    Scores are normal with a distance of `sqrt(2) * quantile(auc)`, from which Bayes gives the probabilities.
    """
    distance = math.sqrt(2) * float(ndtri(auc))
    positives = min(_GRID - 1, max(1, round(_GRID * prevalence)))

    def scores(count: int) -> np.ndarray:
        return ndtri((np.arange(count) + 0.5) / count)

    values = np.concatenate([scores(positives) + distance, scores(_GRID - positives)])
    return math.log(prevalence / (1 - prevalence)) + distance * values - distance**2 / 2


def _clusters(assumed: dict[str, float]) -> dict[str, float]:
    return {
        "images_per_patient": assumed["images_per_patient"],
        "intraclass_correlation": assumed["icc"],
    }


def _assumptions(asked: str) -> dict[str, float]:
    given = _given(asked)
    for name, lowest in (("auc", 0.5), ("prevalence", 0.0)):
        if name not in given:
            raise UsageError(f"--plan needs {name}", hint="such as --plan auc=0.85,prevalence=0.1")
        _check(name, given[name], lowest, 1)
    # Where a binormal curve with equal spread has both alike.
    alike = float(ndtr(ndtri(given["auc"]) / math.sqrt(2)))
    is_compared = any(name in given for name in COMPARED)
    assumed = {"sensitivity": alike, "specificity": alike, **DEFAULTS, **(PAIRED if is_compared else {})}
    assumed |= given
    for name in ("sensitivity", "specificity"):
        _check(name, assumed[name], 0, 1)
    _check("width", assumed["width"], 0, 0.5)
    for name in ("oe_width", "slope_width"):
        _check(name, assumed[name], 0, math.inf)
    if assumed["images_per_patient"] < 1 or not 0 <= assumed["icc"] <= 1 or assumed.get("images", 2) < 2:
        raise UsageError("--plan: images_per_patient is at least 1, images at least 2, icc from 0 to 1")
    if is_compared:
        _check_compared(assumed)
    return {name: assumed[name] for name in NAMES if name in assumed}


def _given(asked: str) -> dict[str, float]:
    given: dict[str, float] = {}
    for word in asked.split(","):
        name, _, text = (part.strip() for part in word.partition("="))
        if name not in NAMES:
            raise UsageError(f"--plan does not know {name!r}", hint=f"it knows {', '.join(NAMES)}")
        try:
            given[name] = float(text)
        except ValueError:
            raise UsageError(f"--plan: {name} is {text!r}, it must be a number") from None
    return given


def _check_compared(assumed: dict[str, float]) -> None:
    if ("only_right" in assumed) != ("only_other_right" in assumed):
        raise UsageError("--plan: only_right and only_other_right go together")
    if not {"other_auc", "only_right"} & set(assumed):
        raise UsageError(
            "--plan: power, correlation and margin are of a second model", hint="give other_auc too"
        )
    _check("power", assumed["power"], 0, 1)
    _check("correlation", assumed["correlation"], -1, 1)
    if not 0 <= assumed["margin"] < 0.5:
        raise UsageError(f"--plan: margin is {assumed['margin']:g}, it must be at least 0 and below 0.5")
    if "other_auc" in assumed:
        _check("other_auc", assumed["other_auc"], 0, 1)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise UsageError(f"--plan: {name} is {value:g}, it must be above {low:g} and below {high:g}")
