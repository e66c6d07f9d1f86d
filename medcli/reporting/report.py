"""The report: one HTML file that needs no network, script or other file; figures and tables beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from medcli.reporting import words
from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.chapters import CHAPTERS
from medcli.reporting.csv_tables import as_csv, quantity_rows
from medcli.reporting.figures import Drawn, render
from medcli.reporting.templating import data_address, environment

REM_PER_INCH = 8
"""How large figures are shown at most: a third above their own size."""
PAPER_WIDTH = 11
"""In inches, of all panels beside each other in print: on 7.2 inches of paper their letters have 6 points."""


def render_report(
    evaluation: Section, *, study: dict[str, Any], gallery: bytes | None = None
) -> dict[str, bytes]:
    """The report of `evaluate`: `report.html`, and every figure and table, by file name.

    Args:
        evaluation: Section `evaluation` of a manifest.
        study: Counts of records, parts and rejects, the calibration, the history.
        gallery: PNG of heatmaps to embed.
    """
    document = {**evaluation, "study": study, "gallery": gallery}
    part = words.printable(evaluation["part"])
    title = "Evaluation on all images" if part == "all" else f"Evaluation on the {part} part"
    return render_page(CHAPTERS, document, title=title, lead=_lead(evaluation, study))


def render_page(chapters: Sequence[Chapter], document: Section, *, title: str, lead: str) -> dict[str, bytes]:
    """A page of those chapters for which the document has something to say.

    Args:
        chapters: In the order of the page.
        document: What chapters read; each by its key.
        title: Heading of the page.
        lead: One line below it.

    Returns:
        `report.html`, NAME.svg and NAME.png of each figure, tables/NAME.csv of each table.
    """
    files = {"tables/numbers.csv": as_csv(quantity_rows(document))}
    shown, titles = [], {chapter.name: chapter.title for chapter in chapters}
    for chapter in chapters:
        if not document.get(chapter.key):
            continue
        drawn = {name: render(drawing) for name, drawing in chapter.figures(document).items()}
        for name, figure in drawn.items():
            files |= {f"{name}.svg": figure.svg, f"{name}.png": figure.png}
        for name, rows in chapter.tables(document).items():
            files[f"tables/{name}.csv"] = as_csv(rows)
        shown.append(
            {"name": chapter.name, "title": chapter.title, "body": _body(chapter, document, drawn, titles)}
        )
    page = environment().get_template("report.html.j2")
    files["report.html"] = page.render(chapters=shown, title=title, lead=lead).encode()
    return files


def _body(chapter: Chapter, document: Section, drawn: dict[str, Drawn], titles: dict[str, str]) -> Markup:
    figures = {
        name: {
            "columns": figure.columns,
            "on_paper": min(len(figure.panels), 4, max(1, round(PAPER_WIDTH / figure.width))),
            "width": round(figure.columns * figure.width * REM_PER_INCH),
            "panels": [
                {"source": data_address(panel), "alt": alt}
                for panel, alt in zip(figure.panels, figure.alts, strict=True)
            ],
        }
        for name, figure in drawn.items()
    }
    template = environment().get_template(f"{chapter.name}.html.j2")
    # Templates escape what they are given, so their result is safe.
    return Markup(
        template.render(section=document, figures=figures, titles=titles, **chapter.words(document))
    )


def _lead(evaluation: Section, study: dict[str, Any]) -> str:
    model = f" Model: {words.printable(study['model'])}." if study["model"] else ""
    return f"{words.sample(evaluation)}.{model} Intervals are {words.percent(evaluation['level'])} %."
