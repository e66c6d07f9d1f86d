"""Whether a predicted 70 % happens in 70 of 100 images."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.drawings.reliability import reliability_figure
from medcli.reporting.figures import Drawing

TRUST = {"ece": "ECE", "brier": "Brier score", "log_loss": "Log loss"}


def _words(section: Section) -> dict[str, Any]:
    return {"trust": TRUST}


def _figures(section: Section) -> dict[str, Drawing]:
    return {"reliability": reliability_figure(section)}


CHAPTER = Chapter(
    "probabilities", "Can the probabilities be trusted?", "classes", words=_words, figures=_figures
)
