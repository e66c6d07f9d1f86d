"""Findings of a chest film: each changes attenuation inside its own region, and only there."""

from __future__ import annotations

import numpy as np

from medcli.images.phantoms import canvas
from medcli.images.phantoms.chest_anatomy import Anatomy

FINDINGS = ("Atelectasis", "Cardiomegaly", "Effusion", "Nodule", "Pneumothorax")

_AIR = 0.47  # attenuation that a full depth of lung takes away


def add_findings(
    rng: np.random.Generator, anatomy: Anatomy, findings: tuple[str, ...]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Attenuation of the chest with findings, float32 [height, width], and the bool region of each.

    Every finding draws from its own stream, so adding one does not move another.
    """
    streams = dict(zip(FINDINGS, rng.spawn(len(FINDINGS)), strict=True))
    change = {name: _PAINTERS[name](streams[name], anatomy) for name in FINDINGS if name in findings}
    air, vessels, extra = anatomy.air.copy(), anatomy.vessels.copy(), np.zeros_like(anatomy.air)
    for air_factor, vessel_factor, added, _ in change.values():
        air *= air_factor
        vessels *= vessel_factor
        extra += added
    attenuation = anatomy.body - _AIR * air + vessels + anatomy.bones * (0.75 + 0.25 * anatomy.body) + extra
    return attenuation, {name: change[name][3] for name in change}


_Change = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # factors of air and vessels, added, region


def _atelectasis(rng: np.random.Generator, anatomy: Anatomy) -> _Change:
    """Two or three plates of collapsed lung across the lower zone of one side."""
    shape = anatomy.air.shape
    side, sign = _side(rng)
    lung = anatomy.lungs[side]
    left, right, _, bottom = _extent(lung)
    reach = right - left
    plates = np.zeros(shape, np.float32)
    tilt = float(rng.uniform(0.05, 0.35)) * sign * -1
    middle = left + reach * (0.5 + 0.06 * sign)
    for number in range(int(rng.integers(2, 4))):
        y = bottom - 0.16 - 0.052 * number + float(rng.normal(0, 0.006))
        x = middle + float(rng.normal(0, 0.015))
        half = reach * float(rng.uniform(0.24, 0.36))
        angle = tilt + float(rng.normal(0, 0.08))
        line = [(x - half, y - half * angle), (x, y + 0.006), (x + half, y + half * angle)]
        plate = canvas.stroke(shape, canvas.curve(line), width=float(rng.uniform(0.018, 0.034)))
        plates = np.maximum(plates, plate)
    plates *= lung
    soft = canvas.soften(plates, 0.006)
    haze = canvas.soften(plates, 0.022)
    filled = np.clip(0.72 * soft + 0.25 * haze, 0, 1) * lung
    return 1 - 0.85 * filled, 1 - 0.5 * filled, 0.02 * filled, filled > 0.15


def _cardiomegaly(_: np.random.Generator, anatomy: Anatomy) -> _Change:
    """The enlarged heart itself, which the anatomy was already drawn with."""
    same = np.ones_like(anatomy.air)
    return same, same, np.zeros_like(anatomy.air), anatomy.heart > 0.5


def _effusion(rng: np.random.Generator, anatomy: Anatomy) -> _Change:
    """Fluid that fills the angle of one side and climbs along the chest wall."""
    side, sign = _side(rng)
    lung = anatomy.lungs[side]
    left, right, _, bottom = _extent(lung)
    x, y = canvas.grid(anatomy.air.shape)
    outward = np.clip(((x - left) if sign > 0 else (right - x)) / (right - left), 0, 1)
    height = float(rng.uniform(0.18, 0.36))
    level = bottom - 0.03 - height * (0.35 + 0.65 * outward**2.2)
    waves = 0.004 * canvas.smooth_noise(rng, anatomy.air.shape, cells=8)
    near_wall = np.clip((outward - 0.12) / 0.12, 0, 1)
    # Reaches over the soft edge of the lung, or a rim of air would outline the fluid.
    chest_half = np.minimum(1, 4 * canvas.soften(lung, 0.006))
    fluid = near_wall * chest_half / (1 + np.exp(np.clip(-(y - level + waves) / 0.007, -40, 40)))
    return 1 - 0.93 * fluid, 1 - 0.95 * fluid, 0.03 * fluid * lung, fluid * lung > 0.3


def _nodule(rng: np.random.Generator, anatomy: Anatomy) -> _Change:
    """One to three round opacities inside the lungs, away from heart and edges."""
    shape = anatomy.air.shape
    added = np.zeros(shape, np.float32)
    room = np.maximum(
        canvas.depth(anatomy.lungs["right"] * (anatomy.heart < 0.5)),
        canvas.depth(anatomy.lungs["left"] * (anatomy.heart < 0.5)),
    )
    for _ in range(int(rng.integers(1, 4))):
        radius = float(rng.uniform(0.027, 0.045))
        rows, columns = np.nonzero(room > min(1.15 * radius, 0.9 * float(room.max())))
        pick = int(rng.integers(len(rows)))
        centre = ((columns[pick] + 0.5 - shape[1] / 2) / shape[0], (rows[pick] + 0.5) / shape[0])
        outline = canvas.blob_outline(
            rng, centre, radius, roughness=0.10, stretch=float(rng.uniform(1, 1.25))
        )
        ball = canvas.area(shape, outline)
        thick = np.sqrt(np.clip(canvas.depth(ball) / radius, 0, 1))
        added = np.maximum(
            added, canvas.soften(ball * (0.45 + 0.55 * thick), 0.004) * float(rng.uniform(0.21, 0.30))
        )
    same = np.ones(shape, np.float32)
    return same, same, added, added > 0.06


def _pneumothorax(rng: np.random.Generator, anatomy: Anatomy) -> _Change:
    """Free air over one lung: darker, without vessels, bounded by a fine line."""
    side, sign = _side(rng)
    lung = anatomy.lungs[side]
    left, right, top, bottom = _extent(lung)
    x, y = canvas.grid(lung.shape)
    hilum_x, hilum_y = (left if sign > 0 else right), top + 0.62 * (bottom - top)
    size = float(rng.uniform(0.70, 0.84))
    height, width = lung.shape
    source_x = (hilum_x + (x - hilum_x) / size) * height + width / 2 - 0.5
    source_y = (hilum_y + (y - hilum_y) / (size + 0.05)) * height - 0.5
    collapsed = canvas.sample(lung, source_x, source_y)
    free = np.clip(lung - collapsed, 0, 1) * _fade(y, end=top + 0.80 * (bottom - top))
    line = canvas.soften(_edge(collapsed), 0.0012) * lung * _fade(y, end=top + 0.80 * (bottom - top))
    soft = canvas.soften(free, 0.003)
    return 1 + 0.42 * soft, 1 - 0.97 * soft, 0.10 * line, free > 0.4


def _side(rng: np.random.Generator) -> tuple[str, int]:
    return ("right", -1) if rng.random() < 0.5 else ("left", 1)


def _extent(lung: np.ndarray) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of a lung in units of height."""
    rows, columns = np.nonzero(lung > 0.5)
    height, width = lung.shape
    left, right = (float(f(columns)) - width / 2 for f in (np.min, np.max))
    return left / height, right / height, float(rows.min()) / height, float(rows.max()) / height


def _fade(y: np.ndarray, *, end: float) -> np.ndarray:
    return 1 / (1 + np.exp(np.clip((y - end) / 0.02, -40, 40)))


def _edge(coverage: np.ndarray) -> np.ndarray:
    inside = canvas.depth(coverage)
    return ((inside > 0) & (inside < 0.006)).astype(np.float32)


_PAINTERS = {
    "Atelectasis": _atelectasis,
    "Cardiomegaly": _cardiomegaly,
    "Effusion": _effusion,
    "Nodule": _nodule,
    "Pneumothorax": _pneumothorax,
}
