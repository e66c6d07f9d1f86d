"""What a statistician would say before anyone believes the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.config import ScoreKind
from medcli.metrics.patients import UNITS, patient_codes
from medcli.metrics.proportions import independent_difference
from medcli.metrics.scored import Scored
from medcli.stages._predictions import open_predictions, unread_patients
from medcli.stages._tuning import tuned_on
from medcli.store.manifest import Manifest
from medcli.store.predictions import Predictions
from medcli.store.references import Reference

FEW = 30
_DECIMALS = 2


@dataclass(frozen=True)
class Evidence:
    """What warnings look at: the numbers, and where they come from.

    `fitted_on` are the predictions that the calibration of another manifest was fitted on, if at hand.
    """

    section: dict[str, Any]
    scored: Scored
    predictions: Predictions
    manifest: Manifest
    fitted_on: Reference | None = None

    @property
    def val(self) -> Reference | None:
        """The predictions that thresholds were chosen on."""
        return self.fitted_on or self.manifest.predictions.get("val")


def warnings(evidence: Evidence) -> list[str]:
    """One sentence for each reason to distrust a result, worst first."""
    return [line for check in _CHECKS for line in check(evidence)]


def _optimistic(evidence: Evidence) -> Iterator[str]:
    part, manifest = evidence.predictions.part, evidence.manifest
    if part == "val" and evidence.section["thresholds"]["source"] != "default":
        yield "these numbers are optimistic: thresholds were chosen on the same images"
    if part == "train":
        yield "these numbers are optimistic: the model was trained on the same images"
    if part == "all" and manifest.splits is not None:
        ids = {record["id"] for record in evidence.predictions.records}
        if seen := len(ids.intersection(manifest.splits["parts"].get("train", ()))):
            yield f"these numbers are optimistic: {seen} of {len(ids)} images are in the training part"


def _tuned_on_test(evidence: Evidence) -> Iterator[str]:
    yield from tuned_on(evidence.predictions, evidence.manifest, evidence.val)


def _thresholds(evidence: Evidence) -> Iterator[str]:
    source = evidence.section["thresholds"]["source"]
    if source == "val":
        yield "no calibration: thresholds were chosen by Youden's rule on the val predictions"
    if source == "default" and evidence.predictions.score_kind != "rank":
        call = "the most likely class and 0.5" if evidence.scored.exclusive else "0.5"
        yield f"no calibration and no val predictions: the threshold is {call}, chosen on nothing"


def _scores(evidence: Evidence) -> Iterator[str]:
    predictions, scores = evidence.predictions, evidence.predictions.scores.astype(np.float64)
    if predictions.score_kind == "rank":
        why = predictions.header.get("score_reason") or "they were declared so"
        is_guess = predictions.header.get("declared") == ScoreKind.auto
        line = f"the scores are ranks ({why}): calibration, Brier score and log loss are undefined"
        yield f"{line}; --scores logit, if that is what they are" if is_guess else line
    for name, column in zip(predictions.classes, scores.T, strict=True):
        if len(column) > 1 and np.ptp(column) == 0:
            yield f"{name}: all scores are equal"
    if len(scores) >= FEW and _are_rounded(scores):
        yield (
            f"all scores are rounded to {_DECIMALS} decimals or fewer: ties and calibration suffer; "
            "give more digits"
        )


def _are_rounded(scores: np.ndarray) -> bool:
    """Whether shares, not all of them 0 or 1, have few decimals."""
    steps = scores * 10**_DECIMALS
    is_share = scores.min() >= 0 and scores.max() <= 1 and len(np.unique(scores)) > 2
    return bool(is_share and np.abs(steps - np.rint(steps)).max() < 1e-3)


def _shifted(evidence: Evidence) -> Iterator[str]:
    shift = (evidence.manifest.calibration or {}).get("prevalence_shift")
    moved = [entry for entry in (shift or {"classes": []})["classes"] if entry["shift"]]
    if moved:
        told = ", ".join(f"{entry['class']} {100 * entry['after']['estimate']:.3g} %" for entry in moved)
        yield f"probabilities were moved to another prevalence, and are calibrated for no other: {told}"


def _missing(evidence: Evidence) -> Iterator[str]:
    dropped = len(evidence.predictions.records) - len(evidence.scored.targets)
    if dropped:
        yield f"{dropped} images without a known class were left out"


def _patients(evidence: Evidence) -> Iterator[str]:
    yield from unread_patients(evidence.predictions)
    yield from unknown_patients(evidence.predictions.records)


def unknown_patients(records: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line where some images have a patient and others none."""
    for unit in UNITS:
        unknown = sum(not record.get(unit) for record in records)
        if unknown < len(records):
            if unknown:
                yield (
                    f"{unknown} of {len(records)} images have no {unit}: each counts as of its own, "
                    "which makes intervals too narrow if it is not"
                )
            return


def _few(evidence: Evidence) -> Iterator[str]:
    for kind in ("positive", "negative"):
        found = [
            f"{entry['class']} {entry[f'n_{kind}']}"
            for entry in evidence.section["classes"]
            if 0 < entry[f"n_{kind}"] < FEW
        ]
        if found:
            yield f"few {kind} images, so intervals are wide: {', '.join(found)}"


def _below_chance(evidence: Evidence) -> Iterator[str]:
    found = [
        f"{entry['class']} {entry['auc']['estimate']:.3f}"
        for entry in evidence.section["classes"]
        if entry["auc"]["estimate"] is not None and entry["auc"]["estimate"] < 0.5
    ]
    if found:
        yield f"the AUC is below 0.5, so the scores run against the labels: {', '.join(found)}"


def _unstable(evidence: Evidence) -> Iterator[str]:
    """Calibration errors that perfect probabilities would show too, by half or more."""
    found = []
    for entry in evidence.section["classes"]:
        value = entry["ece"]["after"] or entry["ece"]["before"]
        if value["estimate"] is None:
            continue
        perfect = value["baseline"]["estimate"]
        if perfect > 0.02 and perfect >= value["estimate"] / 2:
            found.append(f"{entry['class']} {value['estimate']:.3f} where perfect is {perfect:.3f}")
    if found:
        yield f"the calibration error is unstable at this size: {', '.join(found)}"


def _prevalences(evidence: Evidence) -> Iterator[str]:
    """Labels that are clearly more or less frequent than where thresholds were chosen."""
    val = evidence.val
    if val is None or evidence.predictions.part == "val":
        return
    chosen_on = open_predictions(val)
    if chosen_on.classes != evidence.predictions.classes:
        return
    found = []
    for column, name in enumerate(chosen_on.classes):
        sides = [_known(part, column) for part in (evidence.predictions, chosen_on)]
        difference = independent_difference(
            sides[0][0],
            sides[1][0],
            first_clusters=sides[0][1],
            second_clusters=sides[1][1],
            level=1 - 0.05 / len(chosen_on.classes),
        )
        if difference["ci"] is not None and not difference["ci"][0] <= 0 <= difference["ci"][1]:
            shares = [100 * float(np.mean(side[0])) for side in sides]
            found.append(f"{name} {shares[0]:.1f} % against {shares[1]:.1f} %")
    if found:
        yield (
            "the prevalence differs from that of val, so predictive values and calibration do too: "
            f"{', '.join(found)}"
        )


def _known(predictions: Predictions, column: int) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(predictions.targets[:, column])
    return predictions.targets[known, column] == 1, patient_codes(predictions.records)[1][known]


_CHECKS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    _optimistic,
    _tuned_on_test,
    _scores,
    _below_chance,
    _thresholds,
    _prevalences,
    _shifted,
    _few,
    _unstable,
    _missing,
    _patients,
)
