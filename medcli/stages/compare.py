"""Compare: models against each other, on the same images or on different ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from medcli import __version__
from medcli.config import CompareConfig, LabelPolicy, recorded_options
from medcli.errors import UsageError
from medcli.metrics.curves import roc_points
from medcli.metrics.model_differences import MEASURES
from medcli.progress import SILENT, Progress
from medcli.stages._entrants import Entrant, load_entrants
from medcli.stages._lineup import Lineup, line_up
from medcli.stages._pairs import judge_pairs, label_pairs, overall_pairs, setting_of, unsettled
from medcli.stages._predictions import unread_patients
from medcli.stages._report_folder import write_report
from medcli.stages._shift import describe_shift
from medcli.stages._strata import flips, under_policies, within_field
from medcli.stages._warnings import unknown_patients
from medcli.store.atomic import check_apart, check_creatable, prepare_folder
from medcli.store.results_schema import COMPARISON_VERSION

Document = dict[str, Any]


def run(config: CompareConfig, *, progress: Progress = SILENT) -> Document:
    """All differences with intervals and tests, as one JSON document; with `report` also as a report.

    Raises:
        UsageError: If an option does not fit.
        DataError: If the sources cannot be compared.
    """
    _check(config)
    check_apart(
        (config.output,), (*map(Path, config.sources), *config.calibration, config.truth, config.key_file)
    )
    check_creatable(config.output)
    if config.report is not None:
        prepare_folder(config.report)
    entrants = load_entrants(config)
    is_sweep = config.label_policy is LabelPolicy.sweep
    policy = LabelPolicy.stored if is_sweep else config.label_policy
    lineup = line_up(entrants, pairing=config.pairing, policy=policy)
    with progress.task("compare", len(lineup.classes) + 1) as step:
        document = _document(config, entrants, lineup, step=step)
        if config.by is not None:
            document["by"] = within_field(config, lineup)
        if is_sweep:
            document["policies"] = under_policies(config, entrants)
            document["flags"] += flips(document["policies"], lineup.classes)
        step(1, note="shift")
    if config.report is not None:
        from medcli.reporting.comparison import render_comparison

        write_report(render_comparison(document), config.report)
    return document


def _check(config: CompareConfig) -> None:
    if config.measure not in MEASURES:
        raise UsageError(
            f"{config.measure!r} is no measure of a comparison", hint=f"one of {', '.join(MEASURES)}"
        )
    if config.margin is not None and not config.margin > 0:
        raise UsageError(f"the margin is {config.margin:g}, it must be above 0")


def _document(config: CompareConfig, entrants: list[Entrant], lineup: Lineup, *, step: Any) -> Document:
    setting = setting_of(config, lineup)
    labels = []
    for column, name in enumerate(lineup.classes):
        labels.append(label_pairs(lineup, column, setting))
        for number, entry in enumerate(labels[-1]["models"]):
            label = lineup.label(number, column)
            is_mixed = len(np.unique(label.targets)) == 2
            entry["roc"] = roc_points(label.targets, label.ranks) if is_mixed else None
        step(1, note=name)
    judge_pairs([pair for label in labels for pair in label["pairs"]], config)
    return {
        "medcli": COMPARISON_VERSION,
        "task": entrants[0].predictions.header["task"],
        "models": [_model(entrant, lineup, number) for number, entrant in enumerate(entrants)],
        "pairing": "paired" if lineup.is_paired else "unpaired",
        "unit": lineup.unit,
        "n_clusters": lineup.num_clusters,
        "level": config.level,
        "measure": config.measure,
        "margin": config.margin,
        "labels": labels,
        "overall": {"pairs": overall_pairs(lineup, setting)},
        "shift": describe_shift(lineup, each=config.each, resamples=setting.resamples, level=config.level),
        "flags": [*lineup.flags, *_warnings(config, entrants, lineup), *unsettled(labels)],
        "history": [_history(config, entrants)],
    }


def _model(entrant: Entrant, lineup: Lineup, number: int) -> dict[str, Any]:
    scored, calibration = lineup.scored[number], entrant.manifest.calibration
    return {
        "name": entrant.name,
        "part": entrant.predictions.part,
        "score": entrant.predictions.score_kind,
        "model": entrant.predictions.header.get("model"),
        "predictions": entrant.ref["sha256"],
        "calibration": calibration["method"] if calibration else None,
        "thresholds": {
            **lineup.thresholds[number],
            "values": [point["threshold"] for point in scored.thresholds],
        },
        "n": len(scored.targets),
        "n_clusters": len(np.unique(scored.clusters)),
    }


def _warnings(config: CompareConfig, entrants: list[Entrant], lineup: Lineup) -> list[str]:
    flags = list(
        unknown_patients(
            [record for own in lineup.records[: 1 if lineup.is_paired else None] for record in own]
        )
    )
    flags += dict.fromkeys(
        line for entrant in entrants for line in (*entrant.flags, *unread_patients(entrant.predictions))
    )
    parts = {entrant.predictions.part for entrant in entrants}
    for part in ("train", "val"):
        if part in parts:
            flags.append(f"predictions of {part} flatter the model that saw them")
    policies = {json.dumps(entrant.predictions.header.get("policy"), sort_keys=True) for entrant in entrants}
    if len(policies) > 1 and config.label_policy is LabelPolicy.stored:
        flags.append("the predictions were made under different label policies; --label-policy sets one")
    if config.margin is None and len(lineup.names) == 2:
        flags.append("no margin was given: that no difference is shown does not mean that there is none")
    if config.label_policy is LabelPolicy.sweep:
        flags.append("the labels as stored decide; the other policies stand beside")
    return flags


def _history(config: CompareConfig, entrants: list[Entrant]) -> dict[str, Any]:
    return {
        "command": "compare",
        "version": __version__,
        "options": recorded_options(config),
        "inputs": [{"role": entrant.name, "sha256": entrant.ref["sha256"]} for entrant in entrants],
    }
