"""What happens at the threshold: rates, counts, and the calls of the most likely class."""

from __future__ import annotations

from typing import Any

from medcli.reporting import words
from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.drawings.confusion import confusion_figure
from medcli.reporting.drawings.sweep import sweep_figure
from medcli.reporting.figures import Drawing
from medcli.reporting.measure_tables import measure_table, of_classes

MORE = (
    *("balanced_accuracy", "mcc", "kappa", "lr_positive", "lr_negative"),
    *("ppv_at_prevalence", "npv_at_prevalence"),
)
OF_CALLS = ("macro_f1", "weighted_f1", "mcc", "kappa", "quadratic_kappa")


def _words(section: Section) -> dict[str, Any]:
    classes = of_classes(section)
    more = "Further measures at the threshold. Likelihood ratios of 1 tell nothing."
    return {
        "rule": words.rule_words(section["thresholds"]["rule"]),
        "more": measure_table(classes, MORE, caption=more),
        "of_calls": measure_table([("All", section["overall"])], OF_CALLS, caption="All classes together."),
    }


def _figures(section: Section) -> dict[str, Drawing]:
    return {"confusion": confusion_figure(section), "threshold_sweep": sweep_figure(section)}


CHAPTER = Chapter("thresholds", "At the threshold", "classes", words=_words, figures=_figures)
