"""A contact sheet: each image before and after preprocessing, side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from medcli.errors import DataError
from medcli.reporting.display import Range, as_8_bit, display_range
from medcli.reporting.words import shorten

WIDTH, MARGIN, GAP, NUM_COLUMNS = 1240, 24, 20, 3
PANEL = 188
CARD = 2 * PANEL + 4
CAPTION = 34
HEADER = 44
MAX_SHOWN = 48
OUTLINE, INK, GREY, PAPER = (0, 229, 255), (28, 39, 51), (77, 90, 105), (255, 255, 255)


@dataclass(frozen=True)
class Pair:
    """One image before and after.

    Attributes:
        before: The source as a thumbnail: uint8 [height, width(, 3)].
        after: The result: uint8, uint16 or float16 [height, width, channels]; one and three channels are
            shown as they are, of others the first. Z-scores of all share one black and one white.
        mask: Of the result: [height, width], where it is not zero a region is outlined.
        boxes: Of the result: `{"box": [left, top, right, bottom]}` in its pixels.
    """

    before: np.ndarray
    after: np.ndarray
    mask: np.ndarray | None = None
    boxes: list[dict[str, Any]] = field(default_factory=list)


def choose_for_sheet(ids: Sequence[str], *, num: int = MAX_SHOWN) -> list[str]:
    """Up to `num` ids spread over a cohort by their hash, sorted; the same whatever the order."""
    return sorted(sorted(ids, key=lambda one: hashlib.sha256(one.encode()).hexdigest())[:num])


def render_sheet(pairs: Sequence[Pair], captions: Sequence[str]) -> bytes:
    """A PNG of 1240 pixels width, three pairs a row, source left and result right; always the same bytes.

    Args:
        pairs: At least one; only the first 48 are shown.
        captions: One a pair, such as its record id; what does not fit is cut.

    Raises:
        DataError: If there is nothing to show.
    """
    if not pairs:
        raise DataError("there is no image to show on a sheet")
    shown = list(zip(pairs, captions, strict=True))[:MAX_SHOWN]
    num_rows = -(-len(shown) // NUM_COLUMNS)
    row = PANEL + CAPTION
    sheet = Image.new("RGB", (WIDTH, HEADER + MARGIN + num_rows * row), PAPER)
    draw = ImageDraw.Draw(sheet)
    words = "Before (left) and after (right)"
    if any(pair.boxes or pair.mask is not None for pair, _ in shown):
        words += "; outlined: the truth region, moved as the image was"
    draw.text((MARGIN, 16), words, fill=INK, font=ImageFont.load_default(size=17))
    small = ImageFont.load_default(size=13)
    brightness = display_range([pair.after for pair, _ in shown])
    for index, (pair, caption) in enumerate(shown):
        left = MARGIN + index % NUM_COLUMNS * (CARD + GAP)
        top = HEADER + MARGIN // 2 + index // NUM_COLUMNS * row
        sheet.paste(_panel(pair.before), (left, top))
        sheet.paste(_panel(_marked(pair, shown=brightness)), (left + PANEL + 4, top))
        draw.text((left, top + PANEL + 5), shorten(caption, width=52), fill=GREY, font=small)
    buffer = BytesIO()
    sheet.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _panel(pixels: np.ndarray) -> Image.Image:
    """An image of 8 bits scaled into a black square of the panel's size."""
    image = Image.fromarray(_rgb(pixels))
    scale = PANEL / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    panel = Image.new("RGB", (PANEL, PANEL))
    panel.paste(image.resize(size, how), ((PANEL - size[0]) // 2, (PANEL - size[1]) // 2))
    return panel


def _marked(pair: Pair, *, shown: Range) -> np.ndarray:
    """The result at the panel's size, so that outlines are one line wide, with its mask and boxes."""
    panel = _panel(as_8_bit(pair.after, shown))
    height, width = pair.after.shape[:2]
    scale = PANEL / max(height, width)
    left, top = ((PANEL - round(side * scale)) // 2 for side in (width, height))
    if pair.mask is not None:
        region = Image.fromarray((pair.mask > 0).astype(np.uint8) * 255).resize(
            (max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.NEAREST
        )
        pixels = np.array(panel)
        inner = pixels[top : top + region.height, left : left + region.width]
        inner[_outline(np.array(region) > 0)] = OUTLINE
        panel = Image.fromarray(pixels)
    draw = ImageDraw.Draw(panel)
    for entry in pair.boxes:
        edges = [
            offset + scale * edge for offset, edge in zip((left, top, left, top), entry["box"], strict=True)
        ]
        last = [min(PANEL - 1, edge - 1) for edge in edges[2:]]
        draw.rectangle((edges[0], edges[1], max(edges[0], last[0]), max(edges[1], last[1])), outline=OUTLINE)
    return np.array(panel)


def _outline(region: np.ndarray) -> np.ndarray:
    """Pixels of a region that touch something outside it."""
    padded = np.pad(region, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return region & ~inside


def _rgb(pixels: np.ndarray) -> np.ndarray:
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    planes = planes if planes.shape[2] == 3 else planes[..., :1].repeat(3, axis=2)
    return np.ascontiguousarray(planes)
