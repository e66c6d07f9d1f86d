"""How well scores tell classes apart: areas under the curve and the curves."""

from __future__ import annotations

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.drawings.densities import densities_figure
from medcli.reporting.drawings.precision_recall import precision_recall_figure
from medcli.reporting.drawings.roc import roc_figure
from medcli.reporting.figures import Drawing


def _figures(section: Section) -> dict[str, Drawing]:
    return {
        "roc": roc_figure(section),
        "precision_recall": precision_recall_figure(section),
        "densities": densities_figure(section),
    }


CHAPTER = Chapter("discrimination", "Telling classes apart", "classes", figures=_figures)
