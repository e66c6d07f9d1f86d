"""How readers agree, label by label, and on how many images they differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.chapters.readers import agreement_row, coefficients
from medcli.reporting.drawings.agreement import agreement_figure, disagreement_figure
from medcli.reporting.figures import Drawing


def _rows(section: Section) -> Iterator[dict[str, Any]]:
    for label in section["labels"]:
        for item in label["agreement"]:
            name = ", ".join(filter(None, (label["class"], item.get("arm"))))
            yield agreement_row(name, item)


def _words(section: Section) -> dict[str, Any]:
    agreed = list(_rows(section))
    has_shares = any("shares" in row["agreement"] for row in agreed)
    return {"agreed": agreed, "coefficients": coefficients(agreed), "has_shares": has_shares}


def _figures(section: Section) -> dict[str, Drawing]:
    agreed = list(_rows(section))
    drawn = {"agreement": agreement_figure(agreed), "disagreement": disagreement_figure(agreed)}
    return {name: drawing for name, drawing in drawn.items() if drawing.panels}


CHAPTER = Chapter("agreement", "How readers agree", "has_agreement", words=_words, figures=_figures)
