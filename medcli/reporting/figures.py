"""Figures as bytes: each panel as SVG for the page, and all of them on one sheet as SVG and PNG.

The same numbers give the same bytes: bundled fonts, no date, no software name, fixed identifiers.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from medcli.reporting.words import shorten

INK, GREY, LIGHT = "#1c2733", "#5f6b7a", "#d5dbe3"
GUIDE = "#868f9c"
"""Of lines that something is compared with, and of bars: three times as dark as paper (WCAG 2.2, 1.4.11)."""
BLUE, ORANGE = "#1f5fa8", "#b8500f"
PALE_BLUE = "#cfdff2"
DOTS_PER_INCH = 150
_STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "svg.hashsalt": "medcli",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}

Panel = dict[str, Any]
Draw = Callable[[Axes, Panel], None]


@dataclass(frozen=True)
class Drawing:
    """What a figure shows.

    Attributes:
        draw: Draws one panel.
        panels: What each shows; `title` names it and `alt` tells it in words and numbers.
        size: Width and height of a panel in inches.
        margins: Left, bottom, right and top of a panel's axes, in inches; None measures the words of each.
    """

    draw: Draw
    panels: Sequence[Panel]
    size: tuple[float, float] = (2.7, 2.9)
    margins: tuple[float, float, float, float] | None = (0.55, 0.5, 0.16, 0.3)

    @property
    def columns(self) -> int:
        """Panels beside each other on a page or sheet; three where four would leave one or two alone."""
        number, most = len(self.panels), max(1, min(4, round(11 / self.size[0])))
        return 3 if most == 4 and number in {5, 6, 9} else min(number, most)


@dataclass(frozen=True)
class Drawn:
    """A figure as bytes: its panels one by one as SVG with their words (`width` in inches), and one sheet."""

    panels: list[bytes]
    alts: list[str]
    columns: int
    width: float
    svg: bytes
    png: bytes


def render(drawing: Drawing) -> Drawn:
    """Draw all panels."""
    vectors, rasters = [], []
    for panel in drawing.panels:
        svg, pixels = _render_panel(drawing, panel)
        vectors.append(svg)
        rasters.append(pixels)
    alts = [panel["alt"] for panel in drawing.panels]
    columns = max(1, drawing.columns)
    return Drawn(
        panels=vectors,
        alts=alts,
        columns=columns,
        width=drawing.size[0],
        svg=_svg_sheet(vectors, alts, size=drawing.size, columns=columns),
        png=_png_sheet(rasters, columns=columns),
    )


def _render_panel(drawing: Drawing, panel: Panel) -> tuple[bytes, np.ndarray]:
    """SVG, and pixels uint8 [height, width, 3]."""
    with _style():
        figure = Figure(figsize=drawing.size, dpi=DOTS_PER_INCH)
        if drawing.margins is None:
            figure.set_layout_engine("constrained")
            axes = figure.add_subplot()
        else:
            (width, height), (left, bottom, right, top) = drawing.size, drawing.margins
            inner = (1 - (left + right) / width, 1 - (bottom + top) / height)
            axes = figure.add_axes((left / width, bottom / height, *inner))
        drawing.draw(axes, panel)
        raster = FigureCanvasAgg(figure)
        raster.draw()
        pixels = np.asarray(raster.buffer_rgba())[..., :3].copy()
        # The layout is done: both forms have the same, and it is the slowest part.
        figure.set_layout_engine("none")
        text = io.StringIO()
        # Not `savefig`, which draws everything once more to measure it.
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None})
        return text.getvalue().encode(), pixels


def _svg_sheet(
    panels: Sequence[bytes], alts: Sequence[str], *, size: tuple[float, float], columns: int
) -> bytes:
    """Panels as they are, nested side by side."""
    width, height = (72 * side for side in size)
    rows = max(1, math.ceil(len(panels) / columns))
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * width:g}pt" height="{rows * height:g}pt" '
        f'viewBox="0 0 {columns * width:g} {rows * height:g}" role="img">',
        f"<title>{escape(' '.join(alts))}</title>",
    ]
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        inner = panel.decode()[panel.index(b"<svg") :]
        place = f'x="{column * width:g}" y="{row * height:g}" width="{width:g}" height="{height:g}"'
        parts.append(re.sub(r'width="[^"]*pt" height="[^"]*pt"', place, inner, count=1).rstrip())
    return "\n".join([*parts, "</svg>", ""]).encode()


def _png_sheet(panels: Sequence[np.ndarray], *, columns: int) -> bytes:
    rows = max(1, math.ceil(len(panels) / columns))
    height, width = panels[0].shape[:2] if panels else (1, 1)
    sheet = np.full((rows * height, columns * width, 3), 255, dtype=np.uint8)
    for index, pixels in enumerate(panels):
        row, column = divmod(index, columns)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = pixels
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="PNG", dpi=(DOTS_PER_INCH, DOTS_PER_INCH))
    return buffer.getvalue()


def unit_square(axes: Axes, *, title: str, across: str, up: str) -> None:
    """Both axes from 0 to 1, of equal length."""
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=across, ylabel=up, aspect="equal")
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    set_title(axes, title)


def draw_diagonal(axes: Axes) -> None:
    """Chance, or perfect agreement."""
    axes.plot([0, 1], [0, 1], color=GUIDE, linewidth=0.7, zorder=1)


def draw_point(axes: Axes, place: tuple[float, float], *, color: str) -> None:
    """The operating point."""
    style: Any = {"marker": "o", "markersize": 7, "markeredgecolor": "white", "clip_on": False, "zorder": 5}
    axes.plot(*place, color=color, **style)


def probability_scale(axes: Axes) -> None:
    """Log odds from 0.001 to 0.999 across, named by their probabilities."""
    shares = [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999]
    names = [".001", ".01", ".1", ".5", ".9", ".99", ".999"]
    axes.set_xticks([log_odds(share) for share in shares], names)
    axes.set_xlim(-7, 7)


def log_odds(share: float) -> float:
    """Log odds, no further out than probability_scale shows."""
    return max(-7.0, min(7.0, math.log(share / (1 - share)))) if 0 < share < 1 else 14.0 * share - 7


def set_title(axes: Axes, title: str) -> None:
    """The panel's name, cut where it is too long."""
    # A place of its own: else every tick is measured to find one, twice.
    axes.set_title(shorten(title, width=24), loc="left", y=1.0)


@contextmanager
def _style() -> Iterator[None]:
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # Class names may use any script; the bundled font shows a box for what it lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield
