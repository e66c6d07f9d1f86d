"""Any size to one size, for an image, its label map and its boxes alike."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from medcli.config import Fit
from medcli.errors import DataError


@dataclass(frozen=True)
class Placement:
    """Which rectangle of the source goes to which rectangle of a square canvas, in pixels."""

    size: int
    source_top: int
    source_left: int
    source_height: int
    source_width: int
    top: int
    left: int
    height: int
    width: int


def place_on_square(height: int, width: int, *, size: int, fit: Fit) -> Placement:
    """Where an image of `height` x `width` goes on a canvas of `size` x `size`.

    `pad` keeps the whole image and its proportions, centred, with black bars; `crop` keeps the proportions
    and fills the canvas with the central square; `stretch` keeps the whole image and fills the canvas;
    `center` keeps the scale, and pads or cuts each axis around the middle.
    """
    if min(height, width, size) < 1:
        raise DataError(f"cannot fit {height}x{width} pixels to {size}x{size}")
    if fit is Fit.crop:
        side = min(height, width)
        return Placement(size, (height - side) // 2, (width - side) // 2, side, side, 0, 0, size, size)
    if fit is Fit.stretch:
        return Placement(size, 0, 0, height, width, 0, 0, size, size)
    if fit is Fit.centre:
        kept_height, kept_width = min(height, size), min(width, size)
        top, left = (size - kept_height) // 2, (size - kept_width) // 2
        source_top, source_left = (height - kept_height) // 2, (width - kept_width) // 2
        return Placement(
            size, source_top, source_left, kept_height, kept_width, top, left, kept_height, kept_width
        )
    scale = size / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (size - new_height) // 2, (size - new_width) // 2
    return Placement(size, 0, 0, height, width, top, left, new_height, new_width)


def resize_image(pixels: np.ndarray, placement: Placement) -> np.ndarray:
    """The image on its canvas; the rest is 0.

    Shrinks by averaging over areas and enlarges linearly, so no value outside the source's range appears.

    Args:
        pixels: uint8, uint16 or float32, [height, width] or [height, width, channels].

    Returns:
        The type of `pixels`, [size, size] or [size, size, channels].
    """
    cut = _cut(pixels, placement)
    height = min(placement.height, placement.source_height)
    width = min(placement.width, placement.source_width)
    shrunk = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA)
    grown = cv2.resize(shrunk, (placement.width, placement.height), interpolation=cv2.INTER_LINEAR)
    return _put(grown.reshape(placement.height, placement.width, *pixels.shape[2:]), placement)


def resize_mask(mask: np.ndarray, placement: Placement) -> np.ndarray:
    """The label map on its canvas: the same geometry as `resize_image`, and no label that was not there.

    Args:
        mask: uint8 [height, width].
    """
    size = (placement.width, placement.height)
    return _put(cv2.resize(_cut(mask, placement), size, interpolation=cv2.INTER_NEAREST_EXACT), placement)


def move_boxes(boxes: np.ndarray, placement: Placement) -> np.ndarray:
    """Boxes in the coordinates of the canvas, clipped to what is on it.

    Args:
        boxes: float [boxes, 4]: left, top, right, bottom edges in pixels of the source; 0 is the outer edge
            of the first pixel.
    """
    across = placement.width / placement.source_width
    down = placement.height / placement.source_height
    moved = np.asarray(boxes, dtype=np.float64).copy()
    moved[:, 0::2] = (moved[:, 0::2] - placement.source_left) * across + placement.left
    moved[:, 1::2] = (moved[:, 1::2] - placement.source_top) * down + placement.top
    moved[:, 0::2] = moved[:, 0::2].clip(placement.left, placement.left + placement.width)
    moved[:, 1::2] = moved[:, 1::2].clip(placement.top, placement.top + placement.height)
    return moved


def _cut(pixels: np.ndarray, placement: Placement) -> np.ndarray:
    rows = slice(placement.source_top, placement.source_top + placement.source_height)
    columns = slice(placement.source_left, placement.source_left + placement.source_width)
    return np.ascontiguousarray(pixels[rows, columns])


def _put(pixels: np.ndarray, placement: Placement) -> np.ndarray:
    canvas = np.zeros((placement.size, placement.size, *pixels.shape[2:]), pixels.dtype)
    rows = slice(placement.top, placement.top + placement.height)
    columns = slice(placement.left, placement.left + placement.width)
    canvas[rows, columns] = pixels
    return canvas
