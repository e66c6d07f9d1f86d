"""The words of `medcli calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import (
    KeyColumn,
    KeyFile,
    Output,
    PatientColumn,
    ScoreChoice,
    ScoreColumn,
    ScoreSource,
    TargetColumn,
    Truth,
)
from medcli.cli.output import deliver
from medcli.config import CalibrateConfig, CalibrationMethod, Part, SetScore

EXAMPLES = [
    ("after training", "medcli calibrate trained.json -o calibrated.json"),
    ("scores of any tool", "medcli calibrate --part val val.csv -o calibration.json"),
    ("sets that hold the truth of 90 %", "medcli calibrate --coverage 0.9 trained.json"),
    ("a rarer finding", "medcli calibrate --part val --prevalence-shift 0.02 val.csv"),
    ("a threshold with 90 % sensitivity", "medcli calibrate --operating-point sensitivity=0.9 trained.json"),
]


def calibrate(
    source: ScoreSource = CalibrateConfig.source,
    output: Output = CalibrateConfig.output,
    part: Annotated[
        Part | None, typer.Option(help="What the rows of a table are; only val is calibrated on")
    ] = CalibrateConfig.part,
    truth: Truth = None,
    key: KeyColumn = CalibrateConfig.key,
    patient: PatientColumn = CalibrateConfig.patient,
    target: TargetColumn = CalibrateConfig.target,
    score: ScoreColumn = CalibrateConfig.score,
    scores: ScoreChoice = CalibrateConfig.scores,
    key_file: KeyFile = None,
    method: Annotated[
        CalibrationMethod, typer.Option(help="auto: the one that serves unseen patients best")
    ] = CalibrateConfig.method,
    operating_point: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="youden, sensitivity=, specificity=, cost=FN,FP[@PREVALENCE], net-benefit= or alerts=",
        ),
    ] = CalibrateConfig.operating_point,
    prevalence_shift: Annotated[
        list[str], typer.Option(metavar="[CLASS=]P", help="Move probabilities to this prevalence")
    ] = CalibrateConfig.prevalence_shift,  # type: ignore[assignment]
    prevalence_from: Annotated[
        Path | None,
        typer.Option(metavar="IN", help="Move them to the prevalence that these scores suggest, unlabelled"),
    ] = None,
    coverage: Annotated[
        float | None, typer.Option(metavar="P", help="Prediction sets that hold each class this often")
    ] = CalibrateConfig.coverage,
    set_score: Annotated[
        SetScore, typer.Option(help="How sets are made; aps adapts to hard images, of exclusive classes")
    ] = CalibrateConfig.set_score,
) -> None:
    """Turn scores into probabilities; choose thresholds.

    Both are fitted to the frequencies observed in the validation part; predictions of the test part are
    refused.
    """
    config = CalibrateConfig(**locals())
    if planned_only(config):
        return
    from medcli.stages.calibrate import run

    deliver(run(config, progress=invocation.progress), output=output)
