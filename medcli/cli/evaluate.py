"""The words of `medcli evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import (
    KeyColumn,
    KeyFile,
    Margin,
    Output,
    PartChoice,
    PatientColumn,
    ScoreChoice,
    ScoreSource,
    Truth,
)
from medcli.cli.output import deliver
from medcli.cli.streams import result_is_terminal, say
from medcli.config import EvaluateConfig, LabelPolicy

EXAMPLES = [
    ("the test part", "medcli evaluate calibrated.json report/ > study.json"),
    (
        "groups of patients",
        "medcli evaluate --subgroup sex,age:0-40-60-120 calibrated.json report/ -o study.json",
    ),
    ("scores from elsewhere", "medcli evaluate --part all scores.h5 report/ -o study.json"),
]


def evaluate(
    source: ScoreSource,
    report: Annotated[Path, typer.Argument(metavar="REPORT/", help="Folder of report and figures")],
    output: Output = EvaluateConfig.output,
    part: PartChoice = EvaluateConfig.part,
    truth: Truth = None,
    key: KeyColumn = EvaluateConfig.key,
    patient: PatientColumn = EvaluateConfig.patient,
    scores: ScoreChoice = EvaluateConfig.scores,
    key_file: KeyFile = None,
    calibration: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Manifest with the calibration to apply")
    ] = None,
    label_policy: Annotated[
        LabelPolicy, typer.Option(help="What -1 and blank count as; sweep: all policies")
    ] = EvaluateConfig.label_policy,
    subgroup: Annotated[
        list[str],
        typer.Option(metavar="FIELD[:BINS][*FIELD]", help="Groups to compare: sex,age:0-40-60-120,sex*age"),
    ] = EvaluateConfig.subgroup,  # type: ignore[assignment]
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="Confidence level")] = EvaluateConfig.level,
    bins: Annotated[int, typer.Option(min=2, help="Bins of the calibration error")] = EvaluateConfig.bins,
    readers: Annotated[
        list[str], typer.Option(metavar="TABLE", help="What readers said: a table or folder; again for more")
    ] = EvaluateConfig.readers,  # type: ignore[assignment]
    panel: Annotated[
        list[str], typer.Option(metavar="READER", help="Who made the truth, or all; again for more")
    ] = EvaluateConfig.panel,  # type: ignore[assignment]
    positive_from: Annotated[
        float | None, typer.Option(metavar="RATING", help="Readers' ratings from here on are a yes")
    ] = EvaluateConfig.positive_from,
    margin: Margin = EvaluateConfig.margin,
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
    """
    config = EvaluateConfig(**locals())
    if planned_only(config):
        return
    from medcli.reporting.tables import evaluation_table
    from medcli.stages.evaluate import run

    manifest = run(config, progress=invocation.progress)
    table = [*evaluation_table(manifest.evaluation or {}).splitlines(), f"report: {report}/report.html"]
    if not result_is_terminal() and not invocation.is_quiet:
        for line in table:
            say(line)
    deliver(manifest, output=output, as_json=invocation.as_json, summary=table)
