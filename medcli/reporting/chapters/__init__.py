"""The chapters of the report of `evaluate`, in the order in which they are read.

A chapter is one module here, one template and one line in the table below. The module ends in

    CHAPTER = Chapter("subgroups", "Subgroups", "subgroups", words=..., figures=..., tables=...)

- `"subgroups"`, the name: anchor in the page and name of `templates/subgroups.html.j2`. The template is the
  body of the chapter: `<section>` and `<h2>` are written around it. It starts with
  `{% from "macros.html.j2" import cell, figures_of with context %}`, and sees `section` (all of it),
  `figures`, `titles` of all chapters by name, and what `words(section)` returns.
- `"Subgroups"`, the heading.
- the key: where its numbers are in the section. If `section.get(key)` is empty there is no chapter. Beside
  the section of the manifest there are `study` (counts of records, the history) and `gallery` (a PNG).
- `words(section)`: what the template needs and the section does not hold.
- `figures(section)`: by name a `Drawing` (`reporting/figures.py`): a function that draws one panel, and the
  panels, each with a `title` and an `alt` that tells the numbers. All panels are written into the report
  folder on one sheet, NAME.svg and NAME.png; the page shows them one by one: `{{ figures_of("NAME") }}`.
  How one figure is drawn is one module of `reporting/drawings/`.
- `tables(section)`: by name rows (`{"column": value}`), written as tables/NAME.csv. Every quantity anywhere
  in the section is in tables/numbers.csv already; `reporting/measures.py` names measures by their keys.

Filters: `number`, `interval`, `plain`, `printable` (every text that comes from a file), `count("image")`,
`short_digest`. `{{ cell(quantity) }}` writes a quantity into a table: interval, baseline, reason; its method
is its title. In narrow windows a row of a table becomes a list: give each `<td>` a `data-label`. All is
escaped.

Other documents (`compare`, `readers`) have a table like this and call `render_page` (`reporting/report.py`).
"""

from __future__ import annotations

from medcli.reporting.chapters import (
    calibration,
    data,
    decisions,
    discrimination,
    errors,
    heatmaps,
    history,
    methods,
    numbers,
    plan,
    policies,
    prediction_sets,
    probabilities,
    readers,
    requirements,
    subgroups,
    summary,
    thresholds,
)

CHAPTERS = (
    summary.CHAPTER,
    requirements.CHAPTER,
    discrimination.CHAPTER,
    thresholds.CHAPTER,
    calibration.CHAPTER,
    probabilities.CHAPTER,
    decisions.CHAPTER,
    prediction_sets.CHAPTER,
    subgroups.CHAPTER,
    policies.CHAPTER,
    errors.CHAPTER,
    readers.CHAPTER,
    heatmaps.CHAPTER,
    plan.CHAPTER,
    data.CHAPTER,
    history.CHAPTER,
    methods.CHAPTER,
    numbers.CHAPTER,
)
