"""What the phantoms are drawn with: coverage maps of soft shapes, and noise that keeps its look at any size.

Coordinates are (x, y) in units of the frame's height: y runs from 0 (top) to 1 (bottom), x from the middle
of the frame, negative to the left. So a shape looks the same at every size and in every frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from medcli.store.digests import derive_seed

Points = Sequence[tuple[float, float]] | np.ndarray

_SHIFT = 5  # OpenCV draws with coordinates in 1/32 pixel


def generator(*parts: int | str) -> np.random.Generator:
    """Random numbers that are a pure function of the parts."""
    return np.random.default_rng(derive_seed(*parts))


def grid(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """x and y of every pixel's centre, float32 [height, width] each."""
    height, width = shape
    y = (np.arange(height, dtype=np.float32) + 0.5) / height
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / height
    return np.broadcast_to(x, shape), np.broadcast_to(y[:, None], shape)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], *, cells: float) -> np.ndarray:
    """Smooth noise of about unit variance with `cells` bumps along the height, float32 [height, width]."""
    rows = max(2, round(cells) + 2)
    columns = max(2, round(cells * shape[1] / shape[0]) + 2)
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    return 1.3 * cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def fractal_noise(
    rng: np.random.Generator, shape: tuple[int, int], *, cells: float, octaves: int = 4, falloff: float = 0.55
) -> np.ndarray:
    """Sum of smooth noises, each twice as fine and `falloff` as strong, float32 [height, width]."""
    total = np.zeros(shape, np.float32)
    for k in range(octaves):
        total += falloff**k * smooth_noise(rng, shape, cells=cells * 2**k)
    return total / np.float32(np.sqrt(sum(falloff ** (2 * k) for k in range(octaves))))


def curve(points: Points, *, closed: bool = False, steps: int = 12) -> np.ndarray:
    """A smooth line through control points (uniform Catmull-Rom spline), float64 [vertices, 2]."""
    knots = np.asarray(points, dtype=np.float64)
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = (np.arange(steps) / steps)[None, :, None]
    before, start, end, after = (p[:, None, :] for p in (before, start, end, after))
    line = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    line = line.reshape(-1, 2)
    return line if closed else np.concatenate([line, knots[-1:]])


def area(shape: tuple[int, int], outline: Points) -> np.ndarray:
    """Coverage of a filled polygon, float32 [height, width] in [0, 1]."""
    canvas = np.zeros(shape, np.uint8)
    add_area(canvas, outline)
    return canvas.astype(np.float32) / 255


def add_area(canvas: np.ndarray, outline: Points) -> None:
    """Fill a polygon on a uint8 canvas."""
    cv2.fillPoly(canvas, [_fixed(outline, canvas.shape)], 255, cv2.LINE_AA, _SHIFT)


def stroke(shape: tuple[int, int], line: Points, *, width: float) -> np.ndarray:
    """Coverage of a line `width` thick, float32 [height, width]; lines thinner than a pixel fade instead."""
    canvas = np.zeros(shape, np.uint8)
    add_stroke(canvas, line, width=width)
    return canvas.astype(np.float32) / 255


def add_stroke(canvas: np.ndarray, line: Points, *, width: float, level: float = 1.0) -> None:
    """Draw a line over a uint8 canvas; of overlapping lines the last one counts."""
    pixels = width * canvas.shape[0]
    value = round(255 * level * min(1.0, pixels))
    thickness = max(1, round(pixels))
    cv2.polylines(canvas, [_fixed(line, canvas.shape)], False, value, thickness, cv2.LINE_AA, _SHIFT)


def add_disk(canvas: np.ndarray, centre: tuple[float, float], *, radius: float, level: float = 1.0) -> None:
    """Draw a filled disk over a uint8 canvas; disks smaller than a pixel fade instead."""
    add_disks(canvas, np.array([centre]), radii=np.array([radius]), level=level)


def add_disks(canvas: np.ndarray, centres: np.ndarray, *, radii: np.ndarray, level: float = 1.0) -> None:
    """Draw disks over a uint8 canvas, `centres` is [disks, (x, y)]; of overlapping ones the last counts."""
    pixels = radii * canvas.shape[0]
    values = np.round(255 * level * np.minimum(1.0, (pixels / 0.6) ** 2)).astype(int).tolist()
    sizes = np.round(np.maximum(pixels, 0.6) * 2**_SHIFT).astype(int).tolist()
    for (x, y), size, value in zip(_fixed(centres, canvas.shape).tolist(), sizes, values, strict=True):
        cv2.circle(canvas, (x, y), size, value, -1, cv2.LINE_AA, _SHIFT)


def ellipse_outline(
    centre: tuple[float, float], radii: tuple[float, float], *, angle: float = 0.0, vertices: int = 72
) -> np.ndarray:
    """Outline of an ellipse turned by `angle` (radians), float64 [vertices, 2]."""
    t = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    x, y = radii[0] * np.cos(t), radii[1] * np.sin(t)
    return np.stack(
        [
            centre[0] + x * np.cos(angle) - y * np.sin(angle),
            centre[1] + x * np.sin(angle) + y * np.cos(angle),
        ],
        axis=1,
    )


def blob_outline(
    rng: np.random.Generator,
    centre: tuple[float, float],
    radius: float,
    *,
    roughness: float,
    stretch: float = 1.0,
    harmonics: int = 7,
) -> np.ndarray:
    """Outline of an irregular round shape; `roughness` 0 is an ellipse, 0.3 is ragged, float64 [96, 2]."""
    t = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    wobble = np.zeros_like(t)
    for k in range(2, 2 + harmonics):
        wobble += rng.normal() / k * np.cos(k * t + rng.uniform(0, 2 * np.pi))
    r = radius * np.clip(1 + roughness * wobble, 0.3, 1.8)
    turn = rng.uniform(0, np.pi)
    x, y = r * np.cos(t) * np.sqrt(stretch), r * np.sin(t) / np.sqrt(stretch)
    return np.stack(
        [centre[0] + x * np.cos(turn) - y * np.sin(turn), centre[1] + x * np.sin(turn) + y * np.cos(turn)],
        axis=1,
    )


def soften(image: np.ndarray, radius: float) -> np.ndarray:
    """Gaussian blur with a standard deviation of `radius` (units of height)."""
    sigma = radius * image.shape[0]
    return image if sigma < 0.3 else cv2.GaussianBlur(image, (0, 0), sigma)


def depth(coverage: np.ndarray) -> np.ndarray:
    """Distance from the edge inside a shape, in units of height, float32 [height, width]."""
    inside = (coverage > 0.5).astype(np.uint8)
    return cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5) / coverage.shape[0]


def sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The image read at pixel positions (column x, row y), 0 outside, float32 like `x`."""
    return cv2.remap(image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)


def shrink(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The image at a smaller (or the same) size, by averaging."""
    return image if image.shape[:2] == shape else cv2.resize(image, shape[::-1], interpolation=cv2.INTER_AREA)


def shrink_region(region: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A region at a smaller size, bool [height, width]; what is not empty stays so."""
    part = shrink(region.astype(np.float32), shape)
    return part > min(0.5, 0.99 * float(part.max())) if region.any() else part > 0.5


def _fixed(points: Points, shape: tuple[int, ...]) -> np.ndarray:
    height, width = shape[:2]
    pixels = np.asarray(points, dtype=np.float64) * height + [width / 2, 0.0] - 0.5
    return np.round(pixels * 2**_SHIFT).astype(np.int32)
