"""The words of `medcli readers`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.choices import Adjudication, AreaCovariance, KappaWeights, RatingScale
from medcli.cli.command import invocation, planned_only
from medcli.cli.options import KeyColumn, PatientColumn, ReportFolder
from medcli.cli.output import deliver_document
from medcli.cli.streams import result_is_terminal, say
from medcli.config import ReadersConfig

EXAMPLES = [
    ("a folder with a table a reader", "medcli readers radiologists/ -o agreement.json"),
    (
        "what each of them reaches, as a report",
        "medcli readers --truth reference.csv radiologists/ --report agreement/ -o agreement.json",
    ),
    ("one truth of them", "medcli readers radiologists/ --adjudicated truth.csv -o agreement.json"),
    (
        "the same readers with and without help",
        "medcli readers --arm arm --truth reference.csv readings.csv -o arms.json",
    ),
]


def readers(
    sources: Annotated[list[str], typer.Argument(metavar="TABLE...", help="Tables of readers, or folders")],
    report: ReportFolder = ReadersConfig.report,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the JSON result here")
    ] = ReadersConfig.output,
    key: KeyColumn = ReadersConfig.key,
    patient: PatientColumn = ReadersConfig.patient,
    label: Annotated[
        list[str], typer.Option(metavar="COLUMN", help="Column that is a label; again for more [all others]")
    ] = ReadersConfig.label,  # type: ignore[assignment]
    positive_from: Annotated[
        float | None, typer.Option(metavar="RATING", help="Readers' ratings from here on are a yes")
    ] = ReadersConfig.positive_from,
    scale: Annotated[
        RatingScale,
        typer.Option(
            help="What readings are; auto: names nominal, a few whole grades ordinal, else interval"
        ),
    ] = ReadersConfig.scale,
    weights: Annotated[
        KappaWeights, typer.Option(help="Of disagreement between ordered grades, by their distance")
    ] = ReadersConfig.weights,
    rule: Annotated[Adjudication, typer.Option(help="What makes one truth")] = ReadersConfig.rule,
    adjudicator: Annotated[
        str | None, typer.Option(metavar="READER", help="Who settles what the others do not agree on")
    ] = ReadersConfig.adjudicator,
    adjudicated: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="Write one truth here, which --truth reads")
    ] = ReadersConfig.adjudicated,
    truth: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="What readers are compared with")
    ] = ReadersConfig.truth,
    arm: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the arm: with or without help, ...")
    ] = ReadersConfig.arm,
    covariance: Annotated[
        AreaCovariance, typer.Option(help="How errors of areas under the curve go together")
    ] = ReadersConfig.covariance,
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="Confidence level")] = ReadersConfig.level,
) -> None:
    """Measure how readers agree; make one truth of many.

    Fleiss' and Cohen's kappa, Gwet's AC1 (of grades weighted, then AC2), Krippendorff's alpha and the
    intraclass correlation, as fits what they say, with intervals by patient and the prevalence beside them.
    With a truth, what each reader and their mean reach, and how arms differ (Obuchowski and Rockette; Hillis
    2007). A table is of one reader and has that reader's name, or has a column reader, or columns
    reader:NAME.
    """
    config = ReadersConfig(**locals())
    if planned_only(config):
        return
    from medcli.reporting.reader_tables import readers_text
    from medcli.stages.readers import run

    document = run(config, progress=invocation.progress)
    table = readers_text(document)
    if (output is not None or not result_is_terminal()) and not invocation.is_quiet:
        for line in table.splitlines():
            say(line)
    deliver_document(document, output=output, text=table, as_json=invocation.as_json)
