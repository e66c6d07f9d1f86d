"""Brain MRI without the skull: four registered sequences as in BraTS, with a glioma or none.

Tissue is a partition of the head into water, grey and white matter; each sequence shows a tissue at its own
brightness. A tumour replaces tissue inside its region: necrotic core, enhancing rim, oedema around.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.images.phantoms import canvas

CHANNELS = ("t1", "t1ce", "t2", "flair")
NUM_SLICES = 16
FIELD_OF_VIEW_MM = 200.0
SLICE_DISTANCE_MM = 8.0
MIN_WORKING_SIZE = 128

# Brightness of water, grey matter, white matter, oedema, necrosis and enhancing rim in each sequence.
_BRIGHTNESS = {
    "t1": (0.16, 0.50, 0.72, 0.46, 0.28, 0.50),
    "t1ce": (0.17, 0.53, 0.74, 0.47, 0.25, 1.00),
    "t2": (0.95, 0.60, 0.42, 0.80, 0.88, 0.66),
    "flair": (0.14, 0.58, 0.48, 0.92, 0.40, 0.76),
}
NOISE = 0.018  # of the brightest tissue
_SCALE = 1000.0


@dataclass(frozen=True)
class BrainVolume:
    """Four sequences of one head and where the tumour is; x to the right of the image, z upwards."""

    volume: np.ndarray  # int16 [height, width, slices, 4], in the order of CHANNELS; 0 outside the brain
    region: np.ndarray  # bool [height, width, slices]
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True)
class _Tumour:
    centre: tuple[float, float, float]  # x, y as on the canvas; z in [-1, 1]
    radius: float
    oedema: float
    necrosis: float
    enhancement: float


def brain_volume(seed: int, *, size: int, has_tumour: bool) -> BrainVolume:
    """Four-channel MRI of one head.

    Args:
        seed: The patient; the same seed shows the same brain with or without the tumour.
        size: Rows and columns of a slice.
        has_tumour: Plant a glioma, near enough to the middle of the volume to be in the central slice.
    """
    rng = canvas.generator(seed, "brain")
    tumour = _place_tumour(canvas.generator(seed, "tumour")) if has_tumour else None
    working = max(size, MIN_WORKING_SIZE)
    shape, final = (working, working), (size, size)
    folds = _noise_stack(rng, shape, cells=13.0)
    shading = 1 + 0.04 * canvas.smooth_noise(rng, final, cells=2.5)
    gain = (1 + rng.normal(0, 0.05, len(CHANNELS))).astype(np.float32)
    frame = (float(rng.uniform(0.94, 1.05)), float(rng.uniform(0.94, 1.05)))
    volume = np.zeros((*final, NUM_SLICES, len(CHANNELS)), np.int16)
    region = np.zeros((*final, NUM_SLICES), bool)
    for number in range(NUM_SLICES):
        level = 2 * (number + 0.5) / NUM_SLICES - 1
        parts, inside, lesion = _tissues(seed, folds[number], level=level, frame=frame, tumour=tumour)
        noise = canvas.generator(seed, "noise", number).standard_normal(
            (len(CHANNELS), 2, *final), dtype=np.float32
        )
        brain = canvas.shrink(inside, final) > 0.5
        for channel, name in enumerate(CHANNELS):
            clean = sum(part * value for part, value in zip(parts, _BRIGHTNESS[name], strict=True))
            clean = canvas.shrink(canvas.soften(clean * inside, 0.0028), final) * gain[channel] * shading
            # The magnitude of a complex signal with Gaussian noise in both parts (Rician noise).
            seen = np.hypot(clean + NOISE * noise[channel, 0], NOISE * noise[channel, 1])
            seen *= brain
            volume[:, :, number, channel] = np.round(_SCALE * seen)
        region[:, :, number] = canvas.shrink_region(lesion, final)
    spacing = FIELD_OF_VIEW_MM / size
    return BrainVolume(volume, region, (spacing, spacing, SLICE_DISTANCE_MM))


def _place_tumour(rng: np.random.Generator) -> _Tumour:
    side = -1 if rng.random() < 0.5 else 1
    return _Tumour(
        centre=(
            side * float(rng.uniform(0.13, 0.22)),
            0.5 + float(rng.uniform(-0.17, 0.17)),
            float(rng.uniform(-0.05, 0.17)),
        ),
        radius=float(rng.uniform(0.055, 0.095)),
        oedema=float(rng.uniform(1.35, 1.9)),
        necrosis=float(rng.uniform(0.50, 0.75)),
        enhancement=float(rng.uniform(0.75, 1.0)),
    )


def _noise_stack(rng: np.random.Generator, shape: tuple[int, int], *, cells: float) -> list[np.ndarray]:
    """Noise that changes smoothly from slice to slice, NUM_SLICES times float32 [height, width]."""
    keys = [canvas.fractal_noise(rng, shape, cells=cells, octaves=2) for _ in range(NUM_SLICES // 2 + 1)]
    stack = []
    for number in range(NUM_SLICES):
        t = np.pi / 4 * (number % 2)
        stack.append(np.cos(t) * keys[number // 2] + np.sin(t) * keys[number // 2 + 1])
    return stack


def _tissues(
    seed: int, folds: np.ndarray, *, level: float, frame: tuple[float, float], tumour: _Tumour | None
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Shares of water, grey, white, oedema, necrosis and rim; coverage of the brain; region of the tumour."""
    shape = folds.shape
    inside = _outline(shape, level, frame)
    deep = canvas.depth(inside)
    water = _furrows(folds, deep, shape) + _ventricles(shape, level)
    water = np.clip(canvas.soften(water, 0.003), 0, 1)
    ribbon = np.exp(-((folds / 0.80) ** 2)) * np.clip((0.105 - deep) / 0.02, 0, 1)
    cortex = np.clip((0.034 - deep) / 0.006, 0, 1)
    grey = np.clip(np.maximum(ribbon, cortex) + _deep_nuclei(shape, level), 0, 1) * (1 - water)
    parts = [water, grey, np.clip(1 - water - grey, 0, 1)]
    if tumour is None:
        nothing = np.zeros(shape, np.float32)
        return [*parts, nothing, nothing, nothing], inside, nothing > 0
    oedema, core, rim = _tumour_parts(seed, shape, level, tumour, inside)
    whole = np.clip(oedema + core + rim, 0, 1)
    return [part * (1 - whole) for part in parts] + [oedema, core, rim], inside, whole > 0.5


def _outline(shape: tuple[int, int], level: float, frame: tuple[float, float]) -> np.ndarray:
    """Coverage of the brain in an axial slice: widest below the middle, rounder at the top."""
    share = float(np.sqrt(max(0.05, 1 - (0.93 * level + 0.08) ** 2)))
    t = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    rear = 1 + 0.07 * np.sin(t)
    x = 0.335 * frame[0] * share * rear * np.cos(t)
    y = 0.5 + 0.415 * frame[1] * share * np.sin(t)
    gap = 0.030 * np.exp(-((x / 0.03) ** 2)) * np.sign(0.5 - y)
    return canvas.area(shape, np.stack([x, y + gap], axis=1))


def _furrows(folds: np.ndarray, deep: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Water between the folds of the cortex and between the hemispheres."""
    x, y = canvas.grid(shape)
    width = np.clip(0.17 * (1 - deep / 0.085), 0.0, None)
    sulci = np.exp(-((folds / np.maximum(width, 1e-3)) ** 2)) * (deep < 0.085)
    between = np.exp(-(((x + 0.004 * np.sin(25 * y)) / 0.0045) ** 2)) * np.clip(
        (np.abs(y - 0.5) - 0.12) / 0.03, 0, 1
    )
    surface = np.clip((0.007 - deep) / 0.004, 0, 1)
    return np.maximum(np.maximum(0.9 * sulci, 0.8 * between), 0.8 * surface)


def _ventricles(shape: tuple[int, int], level: float) -> np.ndarray:
    """Water of the lateral ventricles, in the slices above the middle, and of the third below."""
    total = np.zeros(shape, np.float32)
    size = float(np.clip(1 - abs(level - 0.12) / 0.42, 0, 1)) ** 0.5
    if size > 0.05:
        for side in (-1, 1):
            front = [
                (0.012, 0.375),
                (0.040, 0.345),
                (0.062, 0.335),
                (0.052, 0.39),
                (0.028, 0.46),
                (0.040, 0.55),
                (0.085, 0.64),
                (0.075, 0.665),
                (0.040, 0.61),
                (0.014, 0.50),
            ]
            points = np.array([0.02, 0.49]) + (np.array(front) - [0.02, 0.49]) * size
            total = np.maximum(total, canvas.area(shape, canvas.curve(points * [side, 1], closed=True)))
    elif -0.6 < level < 0:
        total = canvas.area(shape, canvas.ellipse_outline((0, 0.50), (0.008, 0.045)))
    return total


def _deep_nuclei(shape: tuple[int, int], level: float) -> np.ndarray:
    """Grey matter of thalamus and basal ganglia, float32 [height, width]."""
    total = np.zeros(shape, np.float32)
    size = float(np.clip(1 - abs(level + 0.05) / 0.40, 0, 1)) ** 0.5
    if size > 0.1:
        for side in (-1, 1):
            for centre, radii, angle in (
                ((0.045, 0.53), (0.030, 0.045), 0.3),
                ((0.110, 0.46), (0.022, 0.065), -0.25),
            ):
                nucleus = canvas.ellipse_outline(
                    (side * centre[0], centre[1]), (radii[0] * size, radii[1] * size), angle=side * angle
                )
                total = np.maximum(total, canvas.area(shape, nucleus))
    return 0.85 * canvas.soften(total, 0.004)


def _tumour_parts(
    seed: int, shape: tuple[int, int], level: float, tumour: _Tumour, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of oedema, necrotic core and enhancing rim in a slice; they do not overlap."""
    away = (level - tumour.centre[2]) * NUM_SLICES * SLICE_DISTANCE_MM / (2 * FIELD_OF_VIEW_MM)

    def cut(part: str, radius: float, roughness: float) -> np.ndarray:
        if abs(away) >= radius:
            return np.zeros(shape, np.float32)
        rng = canvas.generator(seed, "outline", part)
        across = float(np.sqrt(radius**2 - away**2))
        blob = canvas.blob_outline(rng, tumour.centre[:2], across, roughness=roughness, stretch=1.2)
        return canvas.area(shape, blob) * inside

    whole = canvas.soften(cut("oedema", tumour.radius * tumour.oedema, 0.28), 0.006)
    tumour_core = cut("rim", tumour.radius, 0.16)
    core = cut("core", tumour.radius * tumour.necrosis, 0.22) * tumour_core
    rim = (tumour_core - core) * tumour.enhancement
    return np.clip(0.9 * whole - tumour_core, 0, 1), np.clip(tumour_core - rim, 0, 1), rim


def to_nifti_axes(array: np.ndarray) -> np.ndarray:
    """Axes [rows, columns, ...] as [x, y, ...], growing to the patient's right and front (RAS+ of NIfTI).

    On the slices as drawn the patient's right is at the left and his front at the top, so both axes turn.
    """
    return np.ascontiguousarray(np.swapaxes(array, 0, 1)[::-1, ::-1])
