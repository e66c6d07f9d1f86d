"""Compare: models against each other, on the same images or on different ones."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medcli import __version__
from medcli.cohorts.policies import POLICIES
from medcli.config import CompareConfig, LabelPolicy, recorded_options
from medcli.errors import UsageError
from medcli.metrics.bootstrap import Resamples
from medcli.metrics.call_differences import Calls, compare_calls
from medcli.metrics.curves import roc_points
from medcli.metrics.heterogeneity import cochran_q
from medcli.metrics.model_differences import MEASURES, Setting, compare_label, compare_macro
from medcli.metrics.monte_carlo import advice, is_p_unsettled, unsettled_verdicts
from medcli.metrics.multiplicity import holm
from medcli.metrics.noninferiority import after_holm, judge
from medcli.progress import SILENT, Progress
from medcli.stages._lineup import Entrant, Lineup, field_value, line_up, load_entrants
from medcli.stages._report_folder import write_report
from medcli.stages._shift import describe_shift
from medcli.stages._warnings import unknown_patients
from medcli.store.atomic import check_apart, check_creatable, prepare_folder
from medcli.store.digests import derive_seed
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
            document["by"] = _by(config, lineup)
        if is_sweep:
            document["policies"] = _sweep(config, entrants)
            document["flags"] += _flips(document["policies"], lineup.classes)
        step(1, note="shift")
    if config.report is not None:
        from medcli.reporting.comparison import render_comparison

        write_report(render_comparison(document), config.report)
    for flag in document["flags"]:
        progress.note(flag)
    return document


def _check(config: CompareConfig) -> None:
    if config.measure not in MEASURES:
        raise UsageError(
            f"{config.measure!r} is no measure of a comparison", hint=f"one of {', '.join(MEASURES)}"
        )
    if config.margin is not None and not config.margin > 0:
        raise UsageError(f"the margin is {config.margin:g}, it must be above 0")


def _document(config: CompareConfig, entrants: list[Entrant], lineup: Lineup, *, step: Any) -> Document:
    setting = _setting(config, lineup)
    labels = []
    for column, name in enumerate(lineup.classes):
        labels.append(_label(lineup, column, setting))
        for number, entry in enumerate(labels[-1]["models"]):
            label = lineup.label(number, column)
            is_mixed = len(np.unique(label.targets)) == 2
            entry["roc"] = roc_points(label.targets, label.ranks) if is_mixed else None
        step(1, note=name)
    _judge([pair for label in labels for pair in label["pairs"]], config)
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
        "overall": {"pairs": _overall(lineup, setting)},
        "shift": describe_shift(lineup, each=config.each, resamples=setting.resamples, level=config.level),
        "flags": [*lineup.flags, *_warnings(config, entrants, lineup), *_unsettled(labels)],
        "history": [_history(config, entrants)],
    }


def _label(
    lineup: Lineup,
    column: int,
    setting: Setting,
    *,
    rows: list[np.ndarray] | None = None,
    measures: Sequence[str] = tuple(MEASURES),
) -> dict[str, Any]:
    """One label of all models (of some rows of each), and every pair of them."""
    chosen: list[np.ndarray | None] = [*rows] if rows else [None for _ in lineup.names]
    labels = [lineup.label(number, column, mask) for number, mask in enumerate(chosen)]
    found = compare_label(labels, setting, measures=measures)
    models = []
    for name, label, auc in zip(lineup.names, labels, found["aucs"], strict=True):
        positives = int(np.sum(label.targets == 1))
        counts = {"n": len(label.targets), "n_positive": positives}
        models.append({"name": name, **counts, "n_negative": counts["n"] - positives, "auc": auc})
    return {
        "class": lineup.classes[column],
        "models": models,
        "global": found["global"],
        "pairs": [_named(pair, lineup) for pair in found["pairs"]],
    }


def _macro(lineup: Lineup, setting: Setting, *, rows: list[np.ndarray] | None = None) -> list[dict[str, Any]]:
    chosen: list[np.ndarray | None] = [*rows] if rows else [None for _ in lineup.names]
    labels = [
        [lineup.label(number, column, mask) for column in range(len(lineup.classes))]
        for number, mask in enumerate(chosen)
    ]
    return [_named(pair, lineup) for pair in compare_macro(labels, setting)]


def _overall(lineup: Lineup, setting: Setting) -> list[dict[str, Any]]:
    """Differences over all labels; where classes exclude each other also those of the calls."""
    pairs = _macro(lineup, setting)
    if not lineup.scored[0].exclusive:
        _correct_tests(pairs, level=setting.level)
        return pairs
    calls = [Calls(scored.labels, scored.calls, scored.clusters) for scored in lineup.scored]
    found = compare_calls(calls, setting, num_classes=len(lineup.classes))
    for pair, own in zip(pairs, found, strict=True):
        pair["measures"] |= own["measures"]
    _correct_tests(pairs, level=setting.level)
    return pairs


def _named(pair: dict[str, Any], lineup: Lineup) -> dict[str, Any]:
    return {"name": f"{lineup.names[pair['first']]} less {lineup.names[pair['second']]}", **pair}


def _setting(config: CompareConfig, lineup: Lineup) -> Setting:
    seed = derive_seed("medcli compare", config.seed)
    return Setting(
        is_paired=lineup.is_paired,
        resamples=Resamples(lineup.num_clusters, seed, config.resamples),
        level=config.level,
        threads=config.jobs or os.cpu_count() or 1,
        against_first=config.each is not None,
    )


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


def _judge(pairs: list[dict[str, Any]], config: CompareConfig) -> None:
    """Correct the tests of each measure for labels and pairs, and say what the one that decides shows."""
    _correct_tests(pairs, level=config.level)
    _, higher_is_better = MEASURES[config.measure]
    for pair in pairs:
        pair["judgement"] = judge(
            pair["measures"][config.measure], margin=config.margin, higher_is_better=higher_is_better
        )
    corrected = after_holm([pair["judgement"] for pair in pairs], level=config.level)
    unsure = unsettled_verdicts(
        [pair["measures"][config.measure] for pair in pairs],
        margin=config.margin,
        level=config.level,
        higher_is_better=higher_is_better,
    )
    for pair, found, is_unsure in zip(pairs, corrected, unsure, strict=True):
        pair["judgement"] |= {
            "unsettled": advice(config.resamples) if is_unsure else None,
            "verdict": found["verdict"],
            "after_holm": found["claims"],
            "p_holm": found["p"],
        }


def _unsettled(labels: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each verdict that hangs on the resamples drawn."""
    for label in labels:
        for pair in label["pairs"]:
            if pair["judgement"]["unsettled"]:
                yield f"{label['class']}, {pair['name']}: verdict {pair['judgement']['unsettled']}"


def _correct_tests(pairs: list[dict[str, Any]], *, level: float) -> None:
    """Give every test its p-value after Holm's correction over all of its measure."""
    for name in pairs[0]["measures"]:
        tests = [pair["measures"][name].get("test") for pair in pairs]
        adjusted = holm([test["p"] if test else None for test in tests])
        for pair, test, p in zip(pairs, tests, adjusted, strict=True):
            if test:
                value = pair["measures"][name]
                value["test"] = {**test, "p_holm": p}
                count = value.get("resamples", 0)
                if count and is_p_unsettled(value["test"], count, level=level):
                    value["flags"] = [*value["flags"], f"p {advice(count)}"]


def _by(config: CompareConfig, lineup: Lineup) -> dict[str, Any]:
    """Differences of the AUC within each value of a field, and whether they differ between its values."""
    field = str(config.by)
    values = [[field_value(record, field) for record in records] for records in lineup.records]
    groups = sorted({value for own in values for value in own if value is not None})
    if not groups:
        raise UsageError(f"no record has the field {field!r}", hint="--by takes a field such as site or sex")
    setting = _setting(config, lineup)
    found = []
    for group in groups:
        rows = [np.array([value == group for value in own]) for own in values]
        labels = [
            _label(lineup, column, setting, rows=rows, measures=("auc",))
            for column in range(len(lineup.classes))
        ]
        overall = {"pairs": _macro(lineup, setting, rows=rows)}
        found.append(
            {"group": group, "n": [int(mask.sum()) for mask in rows], "labels": labels, "overall": overall}
        )
    unknown = sum(value is None for own in values for value in own)
    return {"field": field, "unknown": unknown, "groups": found, "heterogeneity": _spread(found, lineup)}


def _spread(groups: list[dict[str, Any]], lineup: Lineup) -> list[dict[str, Any]]:
    """Cochran's Q of the differences over the groups, of each label and pair."""
    result = []
    for column, name in enumerate(lineup.classes):
        for number, pair in enumerate(groups[0]["labels"][column]["pairs"]):
            values = [group["labels"][column]["pairs"][number]["measures"]["auc"] for group in groups]
            usable = [value for value in values if value["estimate"] is not None and value["se"]]
            found = cochran_q([v["estimate"] for v in usable], [v["se"] for v in usable])
            result.append(
                {"class": name, "name": pair["name"], "first": pair["first"], "second": pair["second"]}
                | {"groups": len(usable), **found}
            )
    return result


def _sweep(config: CompareConfig, entrants: list[Entrant]) -> list[dict[str, Any]]:
    """Differences of the AUC under every label policy."""
    swept = []
    for policy in POLICIES:
        lineup = line_up(entrants, pairing=config.pairing, policy=policy)
        setting = _setting(config, lineup)
        labels = [_label(lineup, column, setting, measures=("auc",)) for column in range(len(lineup.classes))]
        swept.append({"policy": str(policy), "labels": labels})
    return swept


def _flips(policies: list[dict[str, Any]], classes: list[str]) -> Iterator[str]:
    """A line for each label and pair whose order, or whose conclusion, depends on the policy."""
    for column, name in enumerate(classes):
        for number in range(len(policies[0]["labels"][column]["pairs"])):
            found = {
                item["policy"]: item["labels"][column]["pairs"][number]["measures"]["auc"]
                for item in policies
            }
            known = {key: value for key, value in found.items() if value["estimate"] is not None}
            signs = {np.sign(value["estimate"]) for value in known.values()} - {0}
            verdicts = {key: judge(value, margin=None)["verdict"] for key, value in known.items()}
            told = ", ".join(
                f"{value['estimate']:+.3f} ({key}, {verdicts[key]})" for key, value in known.items()
            )
            if len(signs) > 1:
                yield f"{name}: which model ranks better depends on what -1 and blank count as: {told}"
            elif len(set(verdicts.values())) > 1:
                yield f"{name}: the conclusion depends on what -1 and blank count as: {told}"


def _warnings(config: CompareConfig, entrants: list[Entrant], lineup: Lineup) -> list[str]:
    flags = list(
        unknown_patients(
            [record for own in lineup.records[: 1 if lineup.is_paired else None] for record in own]
        )
    )
    flags += dict.fromkeys(line for entrant in entrants for line in entrant.flags)
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
