"""A page of examples: image, heatmap over it, and what was said and what is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from medcli.errors import DataError
from medcli.reporting.display import as_8_bit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Pixels of a page that is 1200 wide: three cards a row, two panels a card.
WIDTH, MARGIN, GAP, NUM_COLUMNS = 1200, 24, 24, 3
CARD = (WIDTH - 2 * MARGIN - (NUM_COLUMNS - 1) * GAP) // NUM_COLUMNS
PANEL, PANEL_GAP = 180, CARD - 2 * 180
HEADER, HEADING, CAPTION, FOOT = 104, 36, 44, 22
DPI = 100

COLOUR_MAP = "inferno"
OPACITY = 0.75
# Stretching a map whose values differ by less than this share would only show noise.
FLAT = 0.05
OUTLINE = "#00e5ff"
GREY = "#5f6368"
# Told apart by sign and word as well as by colour (Okabe & Ito's green and vermilion).
MARKS = {"right": ("✓", "#007a5a"), "wrong": ("✗", "#c8430a"), "unknown": ("?", GREY)}


@dataclass(frozen=True)
class Example:
    """One image and the map of one class.

    Attributes:
        image: uint8, uint16 or float16 [height, width, channels]; three are shown as colour,
            of one or two the first.
        attribution: float [height, width] in [0, 1]; zero everywhere when nothing spoke for the class.
        mask: bool [height, width], where the finding is, or None.
        name: The class that the map and the probability are of.
        probability: What the model gives that class.
        threshold: From which probability on the class is called present; None where the highest is called.
        verdict: right, wrong or unknown.
        truth: What the label says, in a few words.
        record: Opaque id.
    """

    image: np.ndarray
    attribution: np.ndarray
    mask: np.ndarray | None
    name: str
    probability: float
    threshold: float | None
    verdict: str
    truth: str
    record: str


def gallery_png(sections: dict[str, list[Example]], *, title: str, subtitle: str) -> bytes:
    """Examples under their headings as a PNG of 1200 pixels width, three a row; the same bytes every time.

    Args:
        sections: Examples by heading, in the order to show; at least one; all images of one size.
        title: What is shown.
        subtitle: What the map and the number are of.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    examples = [example for section in sections.values() for example in section]
    if not examples:
        raise DataError("there is no example to show")
    height, width = examples[0].attribution.shape
    panel_height = round(PANEL * height / width)
    tops, page_height = _layout(sections, row_height=CAPTION + panel_height + FOOT)
    with matplotlib.rc_context(_settings()):
        figure = Figure(figsize=(WIDTH / DPI, page_height / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        place = _placer(figure, page_height)
        _draw_header(place, title=title, subtitle=subtitle, has_masks=_any_mask(examples))
        for (heading, section), (top, row_tops) in zip(sections.items(), tops, strict=True):
            _draw_heading(place(MARGIN, top, WIDTH - 2 * MARGIN, HEADING), heading)
            for index, example in enumerate(section):
                left = MARGIN + index % NUM_COLUMNS * (CARD + GAP)
                _draw_card(place, example, left=left, top=row_tops[index], panel_height=panel_height)
        return _png(figure)


def _layout(
    sections: dict[str, list[Example]], *, row_height: int
) -> tuple[list[tuple[int, list[int]]], int]:
    """For each section its top and the tops of its cards, and the height of the page, in pixels."""
    y = HEADER
    tops = []
    for section in sections.values():
        top, y = y, y + HEADING
        tops.append((top, [y + index // NUM_COLUMNS * row_height for index in range(len(section))]))
        y += -(-len(section) // NUM_COLUMNS) * row_height
    return tops, y + MARGIN // 2


def _settings() -> dict:
    """Matplotlib's own defaults, so that a user's matplotlibrc does not change the page."""
    import matplotlib

    own = {"backend", "backend_fallback", "interactive", "toolbar", "timezone"}
    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if key not in own}
    return {**defaults, "font.family": "DejaVu Sans", "text.parse_math": False}


def _placer(figure: Figure, page_height: int) -> Callable[[float, float, float, float], Axes]:
    """A function that adds axes without frame at left, top, width, height in pixels from the top left."""

    def place(left: float, top: float, width: float, height: float) -> Axes:
        bottom = page_height - top - height
        box = (left / WIDTH, bottom / page_height, width / WIDTH, height / page_height)
        axes = figure.add_axes(box)
        axes.set_axis_off()
        return axes

    return place


def _draw_header(place: Callable[..., Axes], *, title: str, subtitle: str, has_masks: bool) -> None:
    axes = place(MARGIN, 0, WIDTH - 2 * MARGIN, HEADER)
    axes.set(xlim=(0, WIDTH - 2 * MARGIN), ylim=(HEADER, 0))
    axes.text(0, 42, printable(title, 70), fontsize=15, weight="bold")
    axes.text(0, 68, printable(subtitle, 110), fontsize=9.5, color=GREY)
    if has_masks:
        axes.plot([2, 22], [86, 86], color=OUTLINE, linewidth=2)
        axes.text(28, 90, "where the finding is known to be", fontsize=9.5, color=GREY)
    _draw_colour_bar(place(WIDTH - MARGIN - 180, 48, 180, 10))


def _draw_colour_bar(axes: Axes) -> None:
    """The colours as they look over a middle grey, weak where the map is weak."""
    ramp = np.linspace(0, 1, 256)[None, :]
    grey = np.full((1, 256, 1), 128, np.uint8)
    axes.imshow(blend(grey, ramp), aspect="auto", extent=(0, 1, 0, 1))
    axes.text(0, 1.5, "weight of a pixel", fontsize=9, color=GREY)
    axes.text(0, -0.4, "lowest", fontsize=9, color=GREY, va="top")
    axes.text(1, -0.4, "highest of the map", fontsize=9, color=GREY, va="top", ha="right")


def _draw_heading(axes: Axes, heading: str) -> None:
    axes.set(xlim=(0, WIDTH - 2 * MARGIN), ylim=(HEADING, 0))
    axes.text(0, 20, printable(heading, 110), fontsize=11, color=GREY)
    axes.plot([0, WIDTH - 2 * MARGIN], [28, 28], color="#dadce0", linewidth=1)


def _draw_card(
    place: Callable[..., Axes], example: Example, *, left: int, top: int, panel_height: int
) -> None:
    below = top + CAPTION
    _draw_caption(place(left, top, CARD, CAPTION), example)
    _draw_image(place(left, below, PANEL, panel_height), example)
    _draw_heatmap(place(left + PANEL + PANEL_GAP, below, PANEL, panel_height), example)


def _draw_caption(axes: Axes, example: Example) -> None:
    sign, colour = MARKS[example.verdict]
    axes.set(xlim=(0, CARD), ylim=(CAPTION, 0))
    axes.text(0, 18, sign, fontsize=13, color=colour, weight="bold")
    axes.text(20, 18, printable(example.name, 34), fontsize=11, weight="bold")
    axes.text(CARD, 18, _in_words(example.probability, example.threshold), fontsize=11, ha="right")
    axes.text(20, 36, printable(example.truth, 34), fontsize=9, color=colour)
    axes.text(CARD, 36, printable(example.record, 16), fontsize=7.5, color=GREY, ha="right")


def _in_words(probability: float, threshold: float | None) -> str:
    if threshold is None:
        return f"{probability:.2f}"
    look_alike = probability != threshold and f"{probability:.2f}" == f"{threshold:.2f}"
    digits = 4 if look_alike else 2
    return f"{probability:.{digits}f} {'≥' if probability >= threshold else '<'} {threshold:.{digits}f}"


def _draw_image(axes: Axes, example: Example) -> None:
    axes.imshow(_rgb(example.image), aspect="auto")
    _draw_outline(axes, example.mask)


def _draw_heatmap(axes: Axes, example: Example) -> None:
    stretched, words = _stretched(example.attribution)
    axes.imshow(blend(example.image, stretched), aspect="auto")
    _draw_outline(axes, example.mask)
    if words:
        note = axes.text(0.5, 0.5, words, fontsize=8.5, color="white", ha="center", va="center")
        note.set_transform(axes.transAxes)
        note.set_bbox({"facecolor": "black", "alpha": 0.6, "edgecolor": "none"})


def _stretched(attribution: np.ndarray) -> tuple[np.ndarray, str]:
    """The map from its lowest to its highest value; zeros and a few words where there is nothing to see."""
    low, high = float(attribution.min()), float(attribution.max())
    if high <= 0:
        return np.zeros_like(attribution), "nothing in the image\nspeaks for this class"
    if high - low < FLAT * high:
        return np.zeros_like(attribution), "nearly the same weight\neverywhere"
    return (attribution - low) / (high - low), ""


def _draw_outline(axes: Axes, mask: np.ndarray | None) -> None:
    if mask is None or not mask.any():
        return
    # A border of zeros closes the outline of a finding that touches the edge of the image.
    padded = np.pad(mask.astype(float), 1)
    columns, rows = np.arange(padded.shape[1]) - 1, np.arange(padded.shape[0]) - 1
    axes.contour(columns, rows, padded, levels=[0.5], colors=[OUTLINE], linewidths=1.2)
    axes.set(xlim=(-0.5, mask.shape[1] - 0.5), ylim=(mask.shape[0] - 0.5, -0.5))


def blend(image: np.ndarray, attribution: np.ndarray) -> np.ndarray:
    """The image with the map over it, uint8 [height, width, 3]; opacity grows with the map.

    Args:
        image: As in `Example`; colour is turned to grey, so that hue belongs to the map.
        attribution: float [height, width] in [0, 1].
    """
    import matplotlib

    grey = _rgb(image).mean(axis=2, keepdims=True)
    heat = matplotlib.colormaps[COLOUR_MAP](attribution)[..., :3] * 255
    opacity = OPACITY * np.sqrt(np.clip(attribution, 0, 1))[..., None]
    return np.round((1 - opacity) * grey + opacity * heat).astype(np.uint8)


def _rgb(image: np.ndarray) -> np.ndarray:
    shown = image[..., :3] if image.shape[2] >= 3 else image[..., :1].repeat(3, axis=2)
    return as_8_bit(shown)


def printable(text: str, length: int) -> str:
    """Text that came from a file, without control characters and not longer than `length`."""
    plain = "".join(character if character.isprintable() else "·" for character in text)
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def _any_mask(examples: list[Example]) -> bool:
    return any(example.mask is not None and example.mask.any() for example in examples)


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    # Matplotlib would write its version into the file.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
