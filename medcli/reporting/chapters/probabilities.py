"""Whether a predicted 70 % happens in 70 of 100 images."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.drawings.reliability import reliability_figure
from medcli.reporting.figures import Drawing
from medcli.reporting.measure_tables import measure_table, of_classes

TRUST = {"ece": "ECE", "brier": "Brier score", "log_loss": "Log loss"}


MORE = (
    *("calibration_intercept", "calibration_slope", "observed_to_expected"),
    *("ici", "corp", "ece_mass", "ece_smooth", "scaled_brier"),
)


def _words(section: Section) -> dict[str, Any]:
    state = "after calibration" if section["calibration"] else "as the model gave them"
    caption = (
        f"Further measures, {state}. Perfect are an intercept of 0, a slope of 1, observed as expected. "
        "Miscalibration is the part of the Brier score that calibration could remove."
    )
    return {"trust": TRUST, "more": measure_table(of_classes(section), MORE, caption=caption)}


def _figures(section: Section) -> dict[str, Drawing]:
    return {"reliability": reliability_figure(section)}


CHAPTER = Chapter(
    "probabilities", "Can the probabilities be trusted?", "classes", words=_words, figures=_figures
)
