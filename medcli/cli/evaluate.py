"""The words of `medcli evaluate`."""

from __future__ import annotations

from medcli.cli import evaluate_options as options
from medcli.cli.command import invocation, planned_only
from medcli.cli.options import (
    KeyColumn,
    KeyFile,
    Margin,
    Output,
    PartChoice,
    PatientColumn,
    ScoreChoice,
    ScoreColumn,
    ScoreSource,
    Seed,
    TargetColumn,
    Truth,
)
from medcli.cli.output import deliver, deliver_document, exit_for_gates
from medcli.cli.streams import result_is_terminal, say
from medcli.config import EvaluateConfig

EXAMPLES = [
    ("the test part", "medcli evaluate calibrated.json report/ > study.json"),
    (
        "groups of patients",
        "medcli evaluate --subgroup sex,age:0-40-60-120 calibrated.json report/ -o study.json",
    ),
    (
        "decision curves between risks of 5 % and 50 %",
        "medcli evaluate --decision-range 0.05,0.5 calibrated.json report/ -o study.json",
    ),
    ("how many images a study needs", "medcli evaluate --plan auc=0.85,prevalence=0.1,width=0.05"),
    ("scores from elsewhere", "medcli evaluate --part all scores.h5 report/ -o study.json"),
]


def evaluate(
    source: ScoreSource = EvaluateConfig.source,
    report: options.Report = EvaluateConfig.report,
    output: Output = EvaluateConfig.output,
    part: PartChoice = EvaluateConfig.part,
    truth: Truth = None,
    key: KeyColumn = EvaluateConfig.key,
    patient: PatientColumn = EvaluateConfig.patient,
    target: TargetColumn = EvaluateConfig.target,
    score: ScoreColumn = EvaluateConfig.score,
    scores: ScoreChoice = EvaluateConfig.scores,
    key_file: KeyFile = None,
    calibration: options.Calibration = None,
    label_policy: options.Policy = EvaluateConfig.label_policy,
    subgroup: options.Subgroups = EvaluateConfig.subgroup,  # type: ignore[assignment]
    level: options.Level = EvaluateConfig.level,
    bins: options.Bins = EvaluateConfig.bins,
    decision_range: options.DecisionRange = EvaluateConfig.decision_range,
    plan: options.Plan = EvaluateConfig.plan,
    readers: options.Readers = EvaluateConfig.readers,  # type: ignore[assignment]
    panel: options.Panel = EvaluateConfig.panel,  # type: ignore[assignment]
    positive_from: options.PositiveFrom = EvaluateConfig.positive_from,
    margin: Margin = EvaluateConfig.margin,
    resamples: options.ResampleCount = EvaluateConfig.resamples,
    bootstrap: options.BootstrapKind = EvaluateConfig.bootstrap,
    interval: options.IntervalKind = EvaluateConfig.interval,
    fixed_rate: options.FixedRate = EvaluateConfig.fixed_rate,
    prevalence: options.Prevalences = EvaluateConfig.prevalence,  # type: ignore[assignment]
    require: options.Gates = EvaluateConfig.require,  # type: ignore[assignment]
    seed: Seed = EvaluateConfig.seed,
) -> None:
    """Measure a model, with intervals, and write the report.

    AUC with DeLong's interval, sensitivity and specificity at the threshold that was chosen on the
    validation part, F1, calibration before and after, the trivial baseline beside each; patients, not
    images, are counted.

    --subgroup measures every group of a field of the records (sex, age, site, device, view, a kept column,
    any other column of a table) at the same threshold, and tells gaps beside chance: FIELD;
    FIELD:0-40-60-120 for bins from 0 to below 40, 40 to below 60, 60 to below 120; FIELD*FIELD for
    combinations; several with commas between, or the option again. Groups of fewer than 10 patients with or
    without the finding are listed, not tested.

    A gate is MEASURE[:LABEL], one of >= > <= <, a number, and perhaps @estimate, @ci_low or @ci_high.
    Measures are named as in evaluation.json; auroc is auc. Without a label it is about all classes
    together (macro_auc, accuracy), else every class must meet it. What is undefined fails.

    --plan takes what is expected: auc and prevalence; and if need be sensitivity and specificity, the
    half-widths that are wanted (width, and slope_width and oe_width of the calibration, oe_width on the log
    scale), images_per_patient with icc, and images for the precision of a given size. A second model on the
    same images takes other_auc (with power, margin, and the correlation of both areas), or the shares of
    images on which one alone is right (only_right, only_other_right). Without IN and REPORT/ the plan is
    printed, and no predictions are read; with them, the report tells what was reached of it.
    """
    config = EvaluateConfig(**locals())
    if planned_only(config):
        return
    if plan and (source, report) == (EvaluateConfig.source, EvaluateConfig.report):
        from medcli.reporting.tables import plan_table
        from medcli.stages._plan import plan_study

        document = plan_study(plan, level=level)
        text = plan_table(document)
        deliver_document(document, output=output, text=text, as_json=invocation.as_json)
        return
    from medcli.reporting.reader_tables import verdict_lines
    from medcli.reporting.tables import evaluation_table
    from medcli.stages.evaluate import run

    manifest = run(config, progress=invocation.progress)
    evaluation = manifest.evaluation or {}
    table = [*evaluation_table(evaluation).splitlines(), *verdict_lines(evaluation)]
    table.append(f"report: {report}/report.html")
    if (output is not None or not result_is_terminal()) and not invocation.is_quiet:
        for line in table:
            say(line)
    deliver(manifest, output=output, as_json=invocation.as_json, summary=table)
    exit_for_gates(evaluation.get("requirements", ()))
