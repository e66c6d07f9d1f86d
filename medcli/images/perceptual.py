"""Hashes of what an image looks like, which survive recompression and rescaling, and thumbnails."""

from __future__ import annotations

import math

import cv2
import imagehash
import numpy as np
from PIL import Image

from medcli.images.quality import MAX_SAMPLE, has_few_values, sample_slices
from medcli.images.voi import is_usable, voi_ramp
from medcli.voi import Voi

THUMBNAIL_SIDE = 96
DETAIL_SIDE = 16
HASHED_SIDE = 256


def perceptual_hashes(pixels: np.ndarray, *, is_volume: bool) -> dict[str, str] | None:
    """Two independent hashes of an image or of the central slice of a volume.

    None when it holds at most four values: constant images and masks look like too many others.

    Args:
        pixels: [height, width(, channels)], of a volume with slices first; finite.

    Returns:
        `phash`: 16 hex digits, the 64 lowest frequencies against their median, to search by; `dhash`: 64 hex
        digits, 256 horizontal steps, to confirm by. Equal looks give hashes that differ in few bits.

    Reference: Zauner, Implementation and benchmarking of perceptual image hash functions, 2010, 3.2.1.
    """
    plane = _central(pixels) if is_volume else pixels
    if has_few_values(plane):
        return None
    grey = _grey_8_bit(_reduced(plane))
    image = Image.fromarray(grey)
    return {
        "phash": str(imagehash.phash(image)),
        "dhash": str(imagehash.dhash(image, hash_size=DETAIL_SIDE)),
    }


def thumbnail(
    pixels: np.ndarray,
    *,
    is_volume: bool,
    voi: Voi | None = None,
    is_inverted: bool = False,
) -> np.ndarray:
    """What a person would recognise: uint8 [96, 96], or [96, 96, 3] of colour, black around.

    Args:
        pixels: As decoded; of a volume the central slice is shown, of channels that are no colour the first.
        voi: Of the header; without it, percentiles of the slice. Colour of 8 bits is left as it is.
        is_inverted: Bright is stored as low.
    """
    plane = _central(pixels) if is_volume else pixels
    is_colour = plane.ndim == 3 and plane.shape[2] == 3 and plane.dtype == np.uint8
    if plane.ndim == 3 and not is_colour:
        plane = plane[..., 0]
    small = _fitted(plane if is_colour else plane.astype(np.float32))
    if not is_colour:
        small = _scaled(small, voi=voi)
        small = 255 - small if is_inverted else small
    canvas = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE, *small.shape[2:]), np.uint8)
    top, left = ((THUMBNAIL_SIDE - side) // 2 for side in small.shape[:2])
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def _central(volume: np.ndarray) -> np.ndarray:
    return sample_slices(volume, num=1)[0]


def _fitted(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape[:2]
    scale = THUMBNAIL_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(plane), size, interpolation=how)


def _scaled(plane: np.ndarray, *, voi: Voi | None = None) -> np.ndarray:
    if voi is not None and is_usable(voi):
        return np.round(voi_ramp(voi).brightness(plane) * np.float32(255)).astype(np.uint8)
    step = math.ceil(math.sqrt(plane.size / MAX_SAMPLE))
    low, high = (float(value) for value in np.percentile(plane[::step, ::step], (0.5, 99.5)))
    if high <= low:
        return np.zeros(plane.shape, np.uint8)
    brightness = (plane.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.round(np.clip(brightness, 0, 255)).astype(np.uint8)


def _reduced(plane: np.ndarray) -> np.ndarray:
    """A large image at a half, a third, ...: hashes look at 32 pixels a side, and averaging is fast."""
    factor = min(plane.shape[:2]) // HASHED_SIDE
    if factor < 2:
        return plane
    size = (plane.shape[1] // factor, plane.shape[0] // factor)
    plain = plane if plane.dtype in (np.uint8, np.uint16) else plane.astype(np.float32)
    return cv2.resize(np.ascontiguousarray(plain), size, interpolation=cv2.INTER_AREA)


def _grey_8_bit(plane: np.ndarray) -> np.ndarray:
    """Grey of 8 bits: 8-bit pixels as they are, everything else between its outer percentiles."""
    if plane.ndim == 3:
        is_colour = plane.shape[2] == 3 and plane.dtype == np.uint8
        plane = cv2.cvtColor(plane, cv2.COLOR_RGB2GRAY) if is_colour else plane.mean(axis=2)
    return np.ascontiguousarray(plane) if plane.dtype == np.uint8 else _scaled(plane)
