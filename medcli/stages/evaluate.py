"""Numbers with intervals, figures and a report for the predictions of one part."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from medcli.config import EvaluateConfig, LabelPolicy
from medcli.errors import at
from medcli.metrics.curves import class_curves
from medcli.metrics.gates import check_gates, check_labels, parse_gate, unsettled
from medcli.metrics.optimism import optimism
from medcli.metrics.patients import patient_codes
from medcli.metrics.scored import Scored
from medcli.metrics.summary import summarize
from medcli.metrics.worst_errors import worst_errors
from medcli.progress import SILENT, Progress
from medcli.stages._cohort import cohort_section
from medcli.stages._decisions import decision_section
from medcli.stages._heatmaps import gallery_of, heatmap_section
from medcli.stages._plan import plan_study
from medcli.stages._policies import moved_by_policy, sweep_policies
from medcli.stages._prediction_sets import sets_section
from medcli.stages._predictions import by_id, is_table, load_source, open_predictions, predictions_of
from medcli.stages._reader_tables import table_files
from medcli.stages._readers import RECORDS, readers_section
from medcli.stages._readers import check_options as check_reader_options
from medcli.stages._report_folder import write_report
from medcli.stages._scoring import score, scored_records
from medcli.stages._settings import measure_settings
from medcli.stages._subgroups import group_flags, subgroup_section
from medcli.stages._tuning import take_calibration
from medcli.stages._warnings import Evidence, warnings
from medcli.store.atomic import check_apart, check_creatable, prepare_folder
from medcli.store.manifest import Manifest
from medcli.store.predictions import Predictions
from medcli.store.references import display
from medcli.store.results_schema import EVALUATION_VERSION

CALIBRATION = ("method", "fitted_on", "parameters", "folds", "comparison", "prevalence_shift", "digest")


def run(config: EvaluateConfig, *, progress: Progress = SILENT) -> Manifest:
    """Add the section `evaluation` and write report, figures and `evaluation.json` into a folder.

    Raises:
        UsageError: If an option is outside its range, or names a measure or class that is not there.
        DataError: If the part has no predictions, or the calibration belongs to other classes or models.
    """
    gates = [parse_gate(text) for text in config.require]
    _check_options(config)
    plan = plan_study(config.plan, level=config.level) if config.plan else None
    manifest = load_source(config.source, config, part=config.part.value)
    fitted_on = take_calibration(manifest, config.calibration)
    ref = predictions_of(manifest, config.part.value)
    prepare_folder(config.report)
    check_creatable(config.output)
    is_sweep = config.label_policy is LabelPolicy.sweep
    policy = LabelPolicy.stored if is_sweep else config.label_policy
    predictions = by_id(open_predictions(ref, policy=policy))
    check_labels(gates, predictions.classes)
    settings = measure_settings(config, classes=predictions.classes, part=predictions.part)
    with at(display(Path(ref["path"]))):
        scored, thresholds = score(predictions, manifest)
    with progress.task("evaluate", 3) as step:
        # First, so that what is wrong with --subgroup and --readers is told before the long work.
        readers, reader_inputs = readers_section(config, predictions, scored)
        groups = subgroup_section(scored, predictions, config.subgroup, settings=settings)
        decisions = decision_section(scored, config.decision_range, level=config.level)
        section = _facts(scored, predictions, manifest=manifest, thresholds=thresholds, config=config)
        section |= summarize(scored, settings)
        section["optimism"] = optimism(scored.thresholds, section["classes"])
        section |= sets_section(
            scored, predictions, manifest, config.subgroup, level=config.level, exact=settings.exact
        )
        section["curves"] = class_curves(scored, level=config.level, seed=settings.seed)
        section["errors"] = worst_errors(scored, [record["id"] for record in scored_records(predictions)])
        section["flags"] = warnings(Evidence(section, scored, predictions, manifest, fitted_on))
        if gates:
            section["requirements"] = check_gates(gates, section)
        if is_sweep:
            section["policies"] = sweep_policies(predictions, level=config.level)
            section["flags"] += moved_by_policy(section["policies"])
        if groups:
            section["subgroups"] = groups
            section["flags"] += group_flags(groups, level=config.level)
        section |= {"readers": readers} if readers else {}
        section["flags"] += [*readers.get("flags", ()), *unsettled(section.get("requirements", ()))]
        section |= {"decision_curves": decisions} if decisions else {}
        section |= {"plan": plan} if plan else {}
        section |= {"heatmaps": heatmaps} if (heatmaps := heatmap_section(manifest)) else {}
        step(1, note="numbers")
        inputs = [("predictions", ref["sha256"]), *reader_inputs]
        if thresholds["source"] == "val":
            inputs.append(("val predictions", manifest.predictions["val"]["sha256"]))
        section["predictions"] = ref["sha256"]
        manifest.add_history("evaluate", config, inputs, part=predictions.part)
        files = _render(section, manifest, step=step)
        manifest.evaluation = {**section, "files": write_report(files, config.report)}
        step(1, note="written")
    return manifest


def _check_options(config: EvaluateConfig) -> None:
    """Refuse options of readers without readers, and an output that is a table or another side input."""
    check_reader_options(config)
    tables = [Path(config.source)] if is_table(config.source) else []
    readers = [] if config.readers == (RECORDS,) else table_files(config.readers)
    inputs = (*tables, *readers, config.truth, config.calibration, config.key_file)
    check_apart((config.output,), inputs)


def _facts(
    scored: Scored,
    predictions: Predictions,
    *,
    manifest: Manifest,
    thresholds: dict[str, Any],
    config: EvaluateConfig,
) -> dict[str, Any]:
    """What was evaluated, and how."""
    unit, _ = patient_codes(predictions.records)
    calibration = manifest.calibration
    return {
        "medcli": EVALUATION_VERSION,
        "task": {"type": predictions.task_type, "classes": predictions.classes},
        "part": predictions.part,
        "level": config.level,
        "bins": config.bins,
        "resamples": config.resamples,
        "fixed_rate": config.fixed_rate,
        "unit": unit,
        "n": len(scored.targets),
        "n_missing": len(predictions.records) - len(scored.targets),
        "n_clusters": scored.num_clusters,
        "score": predictions.score_kind,
        "model": predictions.header.get("model"),
        "policy": predictions.header.get("policy"),
        "exclusive": scored.exclusive,
        "cohort": cohort_section(manifest, predictions),
        "calibration": calibration and {name: calibration.get(name) for name in CALIBRATION},
        "thresholds": thresholds,
    }


def _render(section: dict[str, Any], manifest: Manifest, *, step: Any) -> dict[str, bytes]:
    """Every file of the report folder, by name."""
    from medcli.reporting.report import render_report

    numbers = json.dumps(section, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    files = render_report(section, study=_study(manifest), gallery=gallery_of(manifest))
    step(1, note="figures")
    return {**files, "evaluation.json": numbers.encode(), "methods.md": _methods(section, manifest).encode()}


def _methods(section: dict[str, Any], manifest: Manifest) -> str:
    """The paragraph for a paper, and what reporting guidelines ask for beside it."""
    from medcli.reporting.chapters import CHAPTERS
    from medcli.reporting.checklists import answered_parts, checklist_markdown
    from medcli.reporting.methods import methods_markdown, methods_used

    parts = answered_parts({**section, "study": _study(manifest)})
    titles = {chapter.name: chapter.title for chapter in CHAPTERS}
    return f"{methods_markdown(*methods_used(section))}\n{checklist_markdown(parts, titles)}"


def _study(manifest: Manifest) -> dict[str, Any]:
    """What the report says about data and training: counts and digests, no file names."""
    return {
        "num_records": len(manifest.records),
        "rejected": sorted(Counter(item["code"] for item in manifest.rejected).items()),
        "num_rejected": len(manifest.rejected),
        "model": (manifest.model or {}).get("name"),
        "history": manifest.history,
    }
