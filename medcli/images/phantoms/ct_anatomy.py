"""The anatomy of a chest CT: one axial slice after another, in Hounsfield units.

Radiodensities are those of textbooks: air -1000, lung about -850, fat -100, muscle 50, blood with contrast
agent 150, cancellous bone 250, cortical bone 700.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.images.phantoms import canvas

SLICE_DISTANCE_MM = 3.0

AIR_HU, LUNG_HU, FAT_HU = -1000, -850, -100
MUSCLE_HU, BLOOD_HU = 50, 150
MARROW_HU, CORTEX_HU = 250, 700


@dataclass(frozen=True)
class Chest:
    """What a patient's slices have in common."""

    width: float
    depth: float
    fat: float
    lung: float
    segments: np.ndarray  # vessels: [points, (x, y, z_mm, radius)]


def paint(hu: np.ndarray, coverage: np.ndarray, value: float | np.ndarray) -> np.ndarray:
    """The slice with something of radiodensity `value` laid over it."""
    return hu * (1 - coverage) + value * coverage


def draw_body(
    rng: np.random.Generator, shape: tuple[int, int], chest: Chest, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Skin, fat, muscle, lungs and the bones of the wall; and the lungs' coverage."""
    hu = np.full(shape, AIR_HU, np.float32)
    hu = paint(hu, canvas.area(shape, _trunk(chest, 0.0)), 20)
    fatty = FAT_HU + 8 * canvas.smooth_noise(rng, shape, cells=20)
    hu = paint(hu, canvas.area(shape, _trunk(chest, 0.006)), fatty)
    streaks = MUSCLE_HU + 9 * canvas.fractal_noise(rng, shape, cells=24, octaves=2)
    hu = paint(hu, canvas.area(shape, _trunk(chest, 0.006 + chest.fat)), streaks)
    hu = _add_wall(hu, chest, level)
    lungs = np.maximum(*(canvas.area(shape, _lung(chest, level, side)) for side in (-1, 1)))
    _, y = canvas.grid(shape)
    dependent = LUNG_HU + 70 * (y - 0.5) / 0.3  # blood pools at the back, so lung is denser there
    tissue = dependent + 14 * canvas.fractal_noise(rng, shape, cells=40, octaves=2)
    return paint(hu, lungs, tissue), lungs


def _trunk(chest: Chest, inset: float) -> np.ndarray:
    """Outline of the trunk, `inset` below the skin: a flat oval, dented over the spine and the sternum."""
    t = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    dent = (
        1 - 0.05 * np.exp(-(((t - np.pi / 2) / 0.22) ** 2)) - 0.03 * np.exp(-(((t - 1.5 * np.pi) / 0.3) ** 2))
    )
    x = (chest.width - inset) * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** 0.85
    y = 0.5 + (chest.depth - inset) * dent * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** 0.85
    return np.stack([x, y], axis=1)


def _lung(chest: Chest, level: float, side: int) -> np.ndarray:
    """Outline of one lung; narrower towards the apex, indented by the heart on the patient's left."""
    narrow = chest.lung * (1.03 - 0.20 * level**2)
    wide, deep = (chest.width - 0.085) * narrow, (chest.depth - 0.075) * narrow
    heart = (0.085 if side > 0 else 0.035) * max(0.0, 1 - 1.3 * level)
    inner = 0.065
    outline = [
        (inner + 0.015, 0.5 - 0.92 * deep), (0.45 * wide, 0.5 - 0.93 * deep),
        (0.80 * wide, 0.5 - 0.62 * deep), (wide, 0.5),
        (0.97 * wide, 0.5 + 0.42 * deep), (0.74 * wide, 0.5 + 0.86 * deep),
        (0.45 * wide, 0.5 + deep), (inner + 0.02, 0.5 + 0.80 * deep), (inner - 0.005, 0.5 + 0.35 * deep),
        (inner + 0.4 * heart, 0.5 + 0.06 * deep), (inner + heart + 0.012, 0.5 - 0.25 * deep),
        (inner + 0.8 * heart, 0.5 - 0.60 * deep),
    ]  # fmt: skip
    return canvas.curve(np.array(outline) * [side, 1], closed=True)


def _add_wall(hu: np.ndarray, chest: Chest, level: float) -> np.ndarray:
    """Ribs (cut obliquely, so they wander with the slice), sternum, shoulder blades, spine."""
    bones, fat_planes = np.zeros(hu.shape, np.uint8), np.zeros(hu.shape, np.uint8)
    reach = (_lung(chest, level, 1)[:, 0].max() + 0.022, chest.depth - 0.048)
    for side in (-1, 1):
        for number in range(7):
            angle = -1.35 + 0.40 * number + 0.40 * ((3.1 * level) % 1.0)
            centre = (side * reach[0] * np.cos(angle), 0.5 + reach[1] * np.sin(angle))
            along = float(np.arctan2(reach[1] * np.cos(angle), -side * reach[0] * np.sin(angle)))
            canvas.add_area(bones, canvas.ellipse_outline(centre, (0.034, 0.0105), angle=along))
        blade = canvas.curve([(side * 0.20, 0.745), (side * 0.265, 0.725), (side * 0.325, 0.675)])
        canvas.add_stroke(fat_planes, blade * [1, 0.99] + [0, -0.012], width=0.012, level=0.6)
        if level > 0.35:
            canvas.add_stroke(bones, blade, width=0.014)
    sternum = canvas.ellipse_outline((0, 0.5 - chest.depth + 0.055), (0.045, 0.013))
    canvas.add_area(bones, sternum)
    back = 0.5 + chest.depth
    _add_vertebra(bones, back)
    hu = paint(hu, canvas.soften(fat_planes.astype(np.float32) / 255, 0.004), FAT_HU)
    whole = bones.astype(np.float32) / 255
    marrow = np.clip((canvas.depth(whole) - 0.004) / 0.003, 0, 1)
    hu = paint(hu, whole, CORTEX_HU * (1 - marrow) + MARROW_HU * marrow)
    return paint(hu, canvas.area(hu.shape, canvas.ellipse_outline((0, back - 0.086), (0.020, 0.014))), 30)


def _add_vertebra(bones: np.ndarray, back: float) -> None:
    canvas.add_area(bones, canvas.ellipse_outline((0, back - 0.135), (0.048, 0.040)))
    for side in (-1, 1):
        arch = [(side * 0.036, back - 0.108), (side * 0.034, back - 0.085), (side * 0.012, back - 0.062)]
        canvas.add_stroke(bones, canvas.curve(arch), width=0.014)
        canvas.add_stroke(bones, [(side * 0.034, back - 0.09), (side * 0.09, back - 0.083)], width=0.016)
    canvas.add_stroke(bones, [(0, back - 0.065), (0, back - 0.030)], width=0.013)


def add_middle(hu: np.ndarray, level: float) -> np.ndarray:
    """Fat of the mediastinum, heart or great vessels, trachea or bronchi, oesophagus, aorta."""
    shape = hu.shape

    def oval(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> np.ndarray:
        return canvas.area(shape, canvas.ellipse_outline((x, y), (rx, ry), angle=angle))

    low = float(np.clip(1 - 1.6 * level, 0, 1))
    middle = oval(0.0, 0.47, 0.058, 0.16)
    hu = paint(hu, canvas.soften(middle, 0.004), FAT_HU + 40)
    if low > 0:
        heart = oval(0.028, 0.42, 0.055 + 0.062 * low, 0.060 + 0.045 * low, 0.5)
        hu = paint(hu, heart, MUSCLE_HU + 10)
        hu = paint(
            hu,
            canvas.soften(oval(0.055, 0.425, 0.030 * low + 0.01, 0.045 * low + 0.01, 0.6), 0.004),
            BLOOD_HU,
        )
        hu = paint(hu, canvas.soften(oval(-0.020, 0.405, 0.036 * low + 0.01, 0.034, 0.2), 0.004), BLOOD_HU)
    else:
        arch = float(np.clip((level - 0.6) / 0.2, 0, 1))
        hu = paint(hu, oval(-0.022, 0.385, 0.026 - 0.006 * arch, 0.027 - 0.006 * arch), BLOOD_HU)
        hu = paint(hu, oval(0.030, 0.395, 0.022, 0.024 + 0.03 * arch * (1 - arch)), BLOOD_HU - 10)
        hu = paint(hu, oval(-0.048, 0.40, 0.014, 0.016), BLOOD_HU + 20)
    hu = paint(hu, oval(0.050, 0.600, 0.027, 0.027), BLOOD_HU)
    hu = paint(hu, oval(0.012, 0.575, 0.014, 0.011), MUSCLE_HU - 10)
    if level > 0.5:
        hu = paint(hu, oval(0.0, 0.49, 0.028, 0.029), MUSCLE_HU)
        return paint(hu, oval(0.0, 0.49, 0.0235, 0.0245), AIR_HU)
    apart = 0.020 + 0.07 * (0.5 - level)
    for side in (-1, 1):
        hu = paint(hu, oval(side * apart, 0.50, 0.020, 0.017), MUSCLE_HU)
        hu = paint(hu, oval(side * apart, 0.50, 0.016, 0.0135), AIR_HU)
    return hu


def vessel_points(rng: np.random.Generator, count: int) -> np.ndarray:
    """Points along branching lung vessels of both sides, [points, (x, y, z_mm, radius)]."""
    points: list[np.ndarray] = []
    top = count * SLICE_DISTANCE_MM
    for side in (-1, 1):
        for _ in range(40):
            start = np.array([side * 0.075, 0.50 + rng.uniform(-0.05, 0.06), rng.uniform(-0.1, 1.1) * top])
            turn = float(rng.uniform(-1.35, 1.35))
            climb = float(rng.uniform(-160, 160))
            _follow(
                rng,
                points,
                start,
                side=side,
                turn=turn,
                climb=climb,
                radius=float(rng.uniform(0.0035, 0.0085)),
            )
    return np.concatenate(points)


def _follow(
    rng: np.random.Generator,
    points: list[np.ndarray],
    start: np.ndarray,
    *,
    side: int,
    turn: float,
    climb: float,
    radius: float,
) -> None:
    length = float(rng.uniform(0.055, 0.10))
    t = np.linspace(0, 1, 14)[:, None]
    bend = float(rng.normal(0, 0.35))
    heading = turn + bend * t
    path = start + np.cumsum(
        np.concatenate([side * np.cos(heading), np.sin(heading), np.full_like(heading, climb)], axis=1)
        * length
        / 14,
        axis=0,
    )
    points.append(np.concatenate([path, radius * (1 - 0.35 * t)], axis=1))
    if radius > 0.0020:
        for fork in (-0.45, 0.45):
            steeper = climb * 0.7 + float(rng.normal(0, 130))
            turned = turn + bend + fork
            _follow(rng, points, path[-1], side=side, turn=turned, climb=steeper, radius=0.66 * radius)


def add_lung_vessels(hu: np.ndarray, lungs: np.ndarray, points: np.ndarray, z_mm: float) -> np.ndarray:
    """The slice with the vessels that cross its lungs at height `z_mm`."""
    drawn = np.zeros(hu.shape, np.uint8)
    away = np.abs(points[:, 2] - z_mm)
    near = points[away < SLICE_DISTANCE_MM]
    canvas.add_disks(drawn, near[:, :2], radii=near[:, 3])
    inside = lungs * (canvas.depth(lungs) > 0.012)
    return paint(hu, inside * canvas.soften(drawn.astype(np.float32) / 255, 0.001), 40.0)
