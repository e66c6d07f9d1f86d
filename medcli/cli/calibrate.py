"""The words of `medcli calibrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import KeyColumn, KeyFile, Output, PatientColumn, ScoreChoice, ScoreSource, Truth
from medcli.cli.output import deliver
from medcli.config import CalibrateConfig, CalibrationMethod, Part

EXAMPLES = [
    ("after training", "medcli calibrate trained.json -o calibrated.json"),
    ("scores of any tool", "medcli calibrate --part val val.csv -o calibration.json"),
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
