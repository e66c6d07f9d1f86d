"""The words of `medcli ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.cli.command import invocation, planned_only
from medcli.cli.options import Jobs, KeyFile, MaxRejects, Output
from medcli.cli.output import deliver, exit_for_rejects
from medcli.config import IngestConfig, Layout, Series, Task, Unmatched

EXAMPLES = [
    ("a table in the documented form", "medcli ingest --labels phantoms/labels.csv phantoms/ -o cohort.json"),
    (
        "with a page to look at",
        "medcli ingest --report ingest.html --labels phantoms/labels.csv phantoms/ -o cohort.json",
    ),
    ("sub-folders are the classes", "medcli ingest --layout class-folders folders/ -o cohort.json"),
    (
        "other column names",
        "medcli ingest --labels t.csv --key image --label dx --patient pid in/ -o cohort.json",
    ),
]


def ingest(
    source: Annotated[Path, typer.Argument(metavar="IN/", help="Folder of images")],
    output: Output = IngestConfig.output,
    layout: Annotated[
        Layout | None, typer.Option(metavar="LAYOUT", help="What the folder is, see the manual [detected]")
    ] = None,
    labels: Annotated[Path | None, typer.Option(metavar="TABLE", help="CSV or TSV, a row an image")] = None,
    delimiter: Annotated[
        str | None, typer.Option(metavar="CHAR", help="Between the table's cells [, ; or tab, as its header]")
    ] = IngestConfig.delimiter,
    task: Annotated[Task | None, typer.Option(help="What the labels are [from their columns]")] = None,
    key: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of path, file name, stem or DICOM UID")
    ] = (IngestConfig.key),
    label: Annotated[
        list[str],
        typer.Option(metavar="COLUMN", help="Class column; again for one column a class [label, label:*]"),
    ] = IngestConfig.label,  # type: ignore[assignment]
    separator: Annotated[
        str | None, typer.Option(metavar="CHAR", help="Between several classes in one cell")
    ] = None,
    classes: Annotated[
        list[str],
        typer.Option(metavar="NAME", help="A class, in order; for binary the positive one [all seen]"),
    ] = IngestConfig.classes,  # type: ignore[assignment]
    patient: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the patient")] = (
        IngestConfig.patient
    ),
    group: Annotated[str, typer.Option(metavar="COLUMN", help="Column of what stays together")] = (
        IngestConfig.group
    ),
    site: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the site")] = IngestConfig.site,
    device: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the device")] = (
        IngestConfig.device
    ),
    view: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the view")] = IngestConfig.view,
    age: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the age in years")] = IngestConfig.age,
    sex: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the sex")] = IngestConfig.sex,
    part: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the official part")] = (
        IngestConfig.part
    ),
    mask: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of the mask's path")
    ] = IngestConfig.mask,
    keep: Annotated[
        list[str], typer.Option(metavar="NAME", help="Another column or DICOM keyword to keep as it is")
    ] = IngestConfig.keep,  # type: ignore[assignment]
    key_file: KeyFile = None,
    unmatched: Annotated[
        Unmatched, typer.Option(help="Files without a row and rows without a file: reject or leave out")
    ] = IngestConfig.unmatched,
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="Rows become records; no image is looked for")
    ] = IngestConfig.labels_only,
    quick: Annotated[
        bool, typer.Option("--quick", help="Headers only: pixels are neither decoded nor compared")
    ] = IngestConfig.quick,
    series: Annotated[
        Series, typer.Option(help="Slices of a DICOM series: one volume, or each an image")
    ] = IngestConfig.series,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Page on what came in: counts, doubles, pictures")
    ] = IngestConfig.report,
    max_rejects: MaxRejects = IngestConfig.max_rejects,
    jobs: Jobs = IngestConfig.jobs,
) -> None:
    """List images with their labels, patients and sites."""
    config = IngestConfig(**locals())
    if planned_only(config):
        return
    from medcli.stages.ingest import run

    manifest = run(config, progress=invocation.progress)
    deliver(manifest, output=output)
    exit_for_rejects(len(manifest.rejected), is_allowed=max_rejects is not None)
