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
    *("ppv_at_prevalence", "npv_at_prevalence", "net_benefit", "standardised_net_benefit"),
)
OF_CALLS = ("mcc", "kappa", "quadratic_kappa")
AVERAGED = {"Macro": "macro", "Micro": "micro", "Weighted by positives": "weighted"}


def _words(section: Section) -> dict[str, Any]:
    classes = of_classes(section)
    more = "Further measures at the threshold. Likelihood ratios of 1 tell nothing."
    return {
        "rule": words.rule_words(section["thresholds"]["rule"]),
        "more": measure_table(classes, MORE, caption=more),
        "of_calls": measure_table([("All", section["overall"])], OF_CALLS, caption="All classes together."),
        "averaged": _averaged(section),
    }


def _averaged(section: Section) -> dict[str, Any] | None:
    """Precision, recall and F1 over classes; of exclusive ones, recall is known by other names."""
    overall = dict(section["overall"])
    if len(section["classes"]) == 1:
        return None
    if section["exclusive"]:
        overall |= {"macro_recall": overall["balanced_accuracy"], "weighted_recall": overall["accuracy"]}
    rows = [
        (title, {name: overall[f"{kind}_{name}"] for name in ("precision", "recall", "f1")})
        for title, kind in AVERAGED.items()
        if f"{kind}_f1" in overall
    ]
    how = "the most likely class is called" if section["exclusive"] else "each label has its threshold"
    caption = (
        f"Averages over the classes with a positive case; {how}. Macro: every class alike; micro: every "
        "decision alike; weighted: by positive cases."
    )
    return measure_table(rows, ("precision", "recall", "f1"), caption=caption)


def _figures(section: Section) -> dict[str, Drawing]:
    return {"confusion": confusion_figure(section), "threshold_sweep": sweep_figure(section)}


CHAPTER = Chapter("thresholds", "At the threshold", "classes", words=_words, figures=_figures)
