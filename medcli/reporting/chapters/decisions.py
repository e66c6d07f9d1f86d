"""Whether acting on the model does more good than acting on all patients, or on none."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Rows, Section
from medcli.reporting.drawings.decision_curve import decision_figure
from medcli.reporting.figures import Drawing


def _figures(section: Section) -> dict[str, Drawing]:
    return {"decision_curve": decision_figure(section["decision_curves"])}


def _tables(section: Section) -> dict[str, Rows]:
    columns = ("thresholds", "model", "low", "high", "everyone")
    rows: list[dict[str, Any]] = []
    for entry in section["decision_curves"]["classes"]:
        curve = entry["curve"]
        if curve is None:
            continue
        for values in zip(*(curve[name] for name in columns), strict=True):
            threshold, model, low, high, everyone = values
            point = {"class": entry["class"], "threshold": threshold, "net_benefit": model}
            rows.append({**point, "ci_low": low, "ci_high": high, "everyone": everyone, "nobody": 0.0})
    return {"decision_curves": rows}


CHAPTER = Chapter(
    "decisions", "Is acting on it worthwhile?", "decision_curves", figures=_figures, tables=_tables
)
