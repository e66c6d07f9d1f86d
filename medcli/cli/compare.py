"""The words of `medcli compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import (
    Jobs,
    KeyColumn,
    KeyFile,
    Margin,
    PatientColumn,
    ReportFolder,
    ScoreChoice,
    ScoreColumn,
    Seed,
    TargetColumn,
    Truth,
)
from medcli.cli.output import deliver_document
from medcli.cli.streams import result_is_terminal, say
from medcli.config import CompareConfig, LabelPolicy, Pairing, Part

EXAMPLES = [
    ("two models on the same images", "medcli compare model-a.csv model-b.csv -o comparison.json"),
    (
        "may the smaller one replace the larger one, if it may lose 0.05?",
        "medcli compare small.csv large.csv --margin 0.05 --report compared/ -o comparison.json",
    ),
    ("one model at home and elsewhere", "medcli compare home.csv away.csv"),
    ("at home and at each site elsewhere", "medcli compare --each site home.csv sites.csv"),
]


def compare(
    sources: Annotated[
        list[str], typer.Argument(metavar="A B...", help="Manifests, predictions or tables of scores")
    ],
    report: ReportFolder = CompareConfig.report,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the result here, as JSON")
    ] = CompareConfig.output,
    jobs: Jobs = CompareConfig.jobs,
    name: Annotated[
        list[str], typer.Option(metavar="NAME", help="Of each source, in order [default: its file]")
    ] = (),  # type: ignore[assignment]
    part: Annotated[
        Part | None, typer.Option(help="Which part of the splits [test, or the only one]")
    ] = CompareConfig.part,
    pairing: Annotated[
        Pairing, typer.Option(help="Same images or others; auto: all the same, or none")
    ] = CompareConfig.pairing,
    measure: Annotated[
        str, typer.Option(metavar="NAME", help="What decides: auc, sensitivity, brier, ...")
    ] = CompareConfig.measure,
    margin: Margin = CompareConfig.margin,
    by: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Compare within each site, device, sex, ... too")
    ] = CompareConfig.by,
    each: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Set every site, ... of the others against the first")
    ] = CompareConfig.each,
    truth: Truth = None,
    key: KeyColumn = CompareConfig.key,
    patient: PatientColumn = CompareConfig.patient,
    target: TargetColumn = CompareConfig.target,
    score: ScoreColumn = CompareConfig.score,
    scores: ScoreChoice = CompareConfig.scores,
    key_file: KeyFile = None,
    calibration: Annotated[
        list[Path], typer.Option(metavar="FILE", help="Manifest with the calibration: one for all, or each")
    ] = (),  # type: ignore[assignment]
    label_policy: Annotated[
        LabelPolicy, typer.Option(help="What -1 and blank count as; sweep: all policies")
    ] = CompareConfig.label_policy,
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="Confidence level")] = CompareConfig.level,
    resamples: Annotated[int, typer.Option(min=100, help="Resamples of patients")] = CompareConfig.resamples,
    seed: Seed = CompareConfig.seed,
) -> None:
    """Compare models with each other.

    On the same images, or on different ones such as those of another site. AUCs by DeLong's test, paired or
    not, clustered by patient, with a global test of three or more; shares by McNemar's mid-p; all else by
    resampled patients. P-values are corrected by Holm over labels and pairs; the verdict is superior,
    equivalent or non-inferior by a margin that is given before. Differences are A less B.

    --each FIELD takes every value of a field in the sources after the first as a source of its own, and
    compares each with the first: a result at home against those of several sites. Of a manifest with an
    external part it takes that part.

    The shift section sets every source against the first. Of other images: scores, calls, prevalences, what
    the pixels are like (brightness, contrast, sharpness, noise, saturation; preprocess measures them), sex,
    age, view, device, site and every column that was kept, by Kolmogorov-Smirnov or chi-square tests and the
    stability index. Of the same images: how far scores, calls and pixels changed. Holm over all inputs.
    """
    config = CompareConfig(**locals())
    if planned_only(config):
        return
    from medcli.reporting.comparison_tables import comparison_table
    from medcli.stages.compare import run

    document = run(config, progress=invocation.progress)
    table = comparison_table(document)
    if (output is not None or not result_is_terminal()) and not invocation.is_quiet:
        for line in table.splitlines():
            say(line)
    deliver_document(document, output=output, text=table, as_json=invocation.as_json)
