"""What happens at the threshold: rates, counts, and the calls of the most likely class."""

from __future__ import annotations

from typing import Any

from medcli.reporting import words
from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.drawings.confusion import confusion_figure
from medcli.reporting.drawings.sweep import sweep_figure
from medcli.reporting.figures import Drawing


def _words(section: Section) -> dict[str, Any]:
    return {"rule": words.rule_words(section["thresholds"]["rule"])}


def _figures(section: Section) -> dict[str, Drawing]:
    return {"confusion": confusion_figure(section), "threshold_sweep": sweep_figure(section)}


CHAPTER = Chapter("thresholds", "At the threshold", "classes", words=_words, figures=_figures)
