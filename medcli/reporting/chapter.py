"""What a chapter of a report is; `medcli.reporting.chapters` says how to add one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from medcli.reporting.figures import Drawing

Section = dict[str, Any]
Rows = list[dict[str, Any]]


def nothing(section: Section) -> dict[str, Any]:
    """No words, figures or tables."""
    return {}


@dataclass(frozen=True)
class Chapter:
    """A part of a report with a heading of its own.

    Attributes:
        name: Anchor in the page, and name of the template: `templates/NAME.html.j2`.
        title: Heading.
        key: Where its numbers are in the section; without them there is no chapter.
        words: Values that the template needs and the section does not hold.
        figures: By name: written as NAME.svg and NAME.png, and shown in the page.
        tables: By name: written as tables/NAME.csv.
    """

    name: str
    title: str
    key: str
    words: Callable[[Section], dict[str, Any]] = nothing
    figures: Callable[[Section], dict[str, Drawing]] = nothing
    tables: Callable[[Section], dict[str, Rows]] = nothing
