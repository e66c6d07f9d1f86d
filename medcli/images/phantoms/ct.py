"""Chest CT: axial slices in Hounsfield units, with a lung nodule or none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.images.phantoms import canvas
from medcli.images.phantoms.ct_anatomy import (
    AIR_HU,
    SLICE_DISTANCE_MM,
    Chest,
    add_lung_vessels,
    add_middle,
    draw_body,
    paint,
    vessel_points,
)

FIELD_OF_VIEW_MM = 360.0
MIN_WORKING_SIZE = 192
NOISE_HU = 18.0


@dataclass(frozen=True)
class CTSeries:
    """Axial slices from the feet upwards and where the nodule is."""

    volume_hu: np.ndarray  # int16 [slices, height, width]
    region: np.ndarray  # bool [slices, height, width]
    pixel_spacing_mm: float
    slice_distance_mm: float
    nodule_diameter_mm: float | None


@dataclass(frozen=True)
class _Nodule:
    centre: tuple[float, float]
    slice: float
    radius_mm: float
    spikes: float  # 0 smooth to 1 spiculated
    density_hu: float


def ct_series(seed: int, *, size: int, malignancy: float | None = None) -> CTSeries:
    """A chest CT of 16 to 24 slices.

    Args:
        seed: The patient.
        size: Rows and columns of a slice.
        malignancy: 1 (small, round, smooth) to 5 (large, spiculated) plants a nodule; None plants none.
    """
    rng = canvas.generator(seed, "body")
    count = int(rng.integers(16, 25))
    chest = Chest(
        width=float(rng.uniform(0.42, 0.455)),
        depth=float(rng.uniform(0.29, 0.325)),
        fat=float(rng.uniform(0.018, 0.040)),
        lung=float(rng.uniform(0.92, 1.03)),
        segments=vessel_points(canvas.generator(seed, "vessels"), count),
    )
    nodule = (
        None if malignancy is None else _place_nodule(canvas.generator(seed, "nodule"), count, malignancy)
    )
    slices = [
        _slice(seed, number, count=count, size=size, chest=chest, nodule=nodule) for number in range(count)
    ]
    return CTSeries(
        volume_hu=np.stack([hu for hu, _ in slices]),
        region=np.stack([region for _, region in slices]),
        pixel_spacing_mm=FIELD_OF_VIEW_MM / size,
        slice_distance_mm=SLICE_DISTANCE_MM,
        nodule_diameter_mm=None if nodule is None else 2 * nodule.radius_mm,
    )


def _place_nodule(rng: np.random.Generator, count: int, malignancy: float) -> _Nodule:
    side = -1 if rng.random() < 0.5 else 1
    return _Nodule(
        centre=(side * float(rng.uniform(0.18, 0.27)), 0.5 + float(rng.uniform(-0.11, 0.10))),
        slice=count * float(rng.uniform(0.35, 0.65)),
        radius_mm=float(3.0 + 2.1 * malignancy + rng.uniform(-0.8, 1.2)),
        spikes=float(np.clip((malignancy - 2.4) / 2.6, 0, 1)),
        density_hu=float(rng.uniform(20, 60)),
    )


def _slice(
    seed: int, number: int, *, count: int, size: int, chest: Chest, nodule: _Nodule | None
) -> tuple[np.ndarray, np.ndarray]:
    """One slice, int16 HU, and the nodule's region in it."""
    working = max(size, MIN_WORKING_SIZE)
    shape, final = (working, working), (size, size)
    rng = canvas.generator(seed, "slice", number)
    level = (number + 0.5) / count  # 0 at the diaphragm, 1 near the apex
    hu, lungs = draw_body(canvas.generator(seed, "texture"), shape, chest, level)
    hu = add_middle(hu, level)
    hu = add_lung_vessels(hu, lungs, chest.segments, SLICE_DISTANCE_MM * number)
    region = np.zeros(shape, bool)
    if nodule is not None:
        hu, region = _add_nodule(seed, hu, nodule, number)
    noise = NOISE_HU * canvas.soften(rng.standard_normal(final, dtype=np.float32), 0.7 / size)
    x, y = canvas.grid(final)
    scanned = x**2 + (y - 0.5) ** 2 < 0.25
    small = canvas.shrink(canvas.soften(hu, 0.0016), final) + 1.6 * noise
    small = np.clip(np.where(scanned, small, AIR_HU - 24), -1024, 3071)
    return np.round(small).astype(np.int16), canvas.shrink_region(region, final)


def _add_nodule(seed: int, hu: np.ndarray, nodule: _Nodule, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The slice through a ball, its outline ragged and with spikes when it looks malignant."""
    away_mm = SLICE_DISTANCE_MM * (number - nodule.slice)
    if abs(away_mm) >= nodule.radius_mm:
        return hu, np.zeros(hu.shape, bool)
    radius = float(np.sqrt(nodule.radius_mm**2 - away_mm**2)) / FIELD_OF_VIEW_MM
    rng = canvas.generator(seed, "outline")
    outline = canvas.blob_outline(
        rng, nodule.centre, radius, roughness=0.06 + 0.22 * nodule.spikes, stretch=1.12
    )
    ball = canvas.area(hu.shape, outline)
    spikes = np.zeros(hu.shape, np.uint8)
    for angle in rng.uniform(0, 2 * np.pi, round(16 * nodule.spikes)):
        reach = radius * float(rng.uniform(1.35, 1.9))
        tip = np.array(nodule.centre) + reach * np.array([np.cos(angle), np.sin(angle)])
        canvas.add_stroke(spikes, np.stack([nodule.centre, tip]), width=0.0045, level=0.75)
    solid = np.maximum(ball, spikes.astype(np.float32) / 255)
    return paint(hu, solid, nodule.density_hu), solid > 0.4
