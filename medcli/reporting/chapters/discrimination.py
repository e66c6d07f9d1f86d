"""How well scores tell classes apart: areas under the curve and the curves."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.drawings.densities import densities_figure
from medcli.reporting.drawings.precision_recall import precision_recall_figure
from medcli.reporting.drawings.roc import roc_figure
from medcli.reporting.figures import Drawing
from medcli.reporting.measure_tables import measure_table, of_classes
from medcli.reporting.words import number


def _figures(section: Section) -> dict[str, Drawing]:
    return {
        "roc": roc_figure(section),
        "precision_recall": precision_recall_figure(section),
        "densities": densities_figure(section),
    }


MORE = (
    "average_precision",
    "partial_auc",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
    "best_youden",
)
OF_ALL = (
    *("macro_auc", "weighted_auc", "hand_till", "micro_auc"),
    *("macro_average_precision", "micro_average_precision"),
)


def _words(section: Section) -> dict[str, Any]:
    rate = section["fixed_rate"]
    more = (
        f"Further measures of ranking. Fixed rates are {number(rate, digits=2)}; the partial AUC is over "
        f"specificities from {number(rate, digits=2)} to 1, and 0.5 is chance."
    )
    over_all = measure_table([("All", section["overall"])], OF_ALL, caption="All classes together.")
    return {"more": measure_table(of_classes(section), MORE, caption=more), "over_all": over_all}


CHAPTER = Chapter("discrimination", "Telling classes apart", "classes", words=_words, figures=_figures)
