"""Options of `medcli evaluate`: which numbers are told, how sure they are, and what they must meet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medcli.config import Bootstrap, LabelPolicy, ShareInterval

Report = Annotated[Path, typer.Argument(metavar="REPORT/", help="Folder of report and figures")]
Calibration = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Manifest with the calibration to apply")
]
Policy = Annotated[LabelPolicy, typer.Option(help="What -1 and blank count as; sweep: all policies")]
Subgroups = Annotated[
    list[str],
    typer.Option(metavar="FIELD[:BINS][*FIELD]", help="Groups to compare: sex,age:0-40-60-120,sex*age"),
]
Level = Annotated[float, typer.Option(min=0.5, max=0.999, help="Confidence level")]
Bins = Annotated[int, typer.Option(min=2, help="Bins of the calibration error")]
DecisionRange = Annotated[
    str, typer.Option(metavar="LOW,HIGH", help="Decision curves between these risks: 0.05,0.5")
]
Plan = Annotated[
    str, typer.Option(metavar="NAME=VALUE,...", help="How large a study must be; beside IN, if given")
]
Readers = Annotated[
    list[str], typer.Option(metavar="TABLE", help="What readers said: tables, folders, or the word records")
]
Panel = Annotated[
    list[str], typer.Option(metavar="READER", help="Who made the truth, or all; again for more")
]
PositiveFrom = Annotated[
    float | None, typer.Option(metavar="RATING", help="Readers' ratings from here on are a yes")
]
ResampleCount = Annotated[int, typer.Option(min=100, help="Resamples of patients for bootstrap intervals")]
BootstrapKind = Annotated[
    Bootstrap, typer.Option(help="Bootstrap intervals: percentile or bias-corrected (BCa)")
]
IntervalKind = Annotated[ShareInterval, typer.Option(help="Intervals of shares; exact: Clopper-Pearson")]
FixedRate = Annotated[
    float, typer.Option(min=0.01, max=0.99, help="Fixed specificity (or sensitivity) to tell the other at")
]
Prevalences = Annotated[
    list[str], typer.Option(metavar="[LABEL=]P", help="Predictive values at this prevalence too; repeatable")
]
Gates = Annotated[
    list[str], typer.Option(metavar="GATE", help="As 'auroc>=0.85@ci_low', else status 4; repeatable")
]
