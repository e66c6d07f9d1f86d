"""Dermatoscopic images: a lesion on skin, its colours, outline and structures as its class has them.

Classes are those of HAM10000 (Tschandl et al., Scientific Data 2018). What differs between them here is what
a dermatologist looks for, simplified: symmetry, border, number of colours, network, scale, vessels, lagoons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.images.phantoms import canvas
from medcli.images.phantoms.skin_structures import STRUCTURES, Colour, Site, blend

CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")

MIN_WORKING_SIZE = 192
ASPECT = 4 / 3  # width over height

_LIGHT_SKIN: Colour = (0.90, 0.74, 0.66)
_DARK_SKIN: Colour = (0.62, 0.43, 0.32)


@dataclass(frozen=True)
class Look:
    """What a class of lesion tends to look like."""

    rim: Colour
    core: Colour
    radius: tuple[float, float]  # in units of the image height
    roughness: tuple[float, float]
    stretch: float
    edge: float  # softness of the border
    strength: tuple[float, float]  # how much of the skin's own colour is hidden
    patchiness: float  # how irregularly the colours are spread


LOOKS: dict[str, Look] = {
    "akiec": Look(
        rim=(0.84, 0.55, 0.5), core=(0.8, 0.47, 0.44), radius=(0.2, 0.32), roughness=(0.2, 0.35),
        stretch=1.3, edge=0.03, strength=(0.6, 0.85), patchiness=0.7,
    ),
    "bcc": Look(
        rim=(0.86, 0.62, 0.6), core=(0.8, 0.55, 0.56), radius=(0.18, 0.3), roughness=(0.1, 0.25),
        stretch=1.2, edge=0.018, strength=(0.6, 0.85), patchiness=0.5,
    ),
    "bkl": Look(
        rim=(0.66, 0.5, 0.35), core=(0.58, 0.42, 0.29), radius=(0.18, 0.33), roughness=(0.12, 0.28),
        stretch=1.4, edge=0.006, strength=(0.7, 0.92), patchiness=0.5,
    ),
    "df": Look(
        rim=(0.62, 0.42, 0.33), core=(0.7, 0.6, 0.52), radius=(0.15, 0.24), roughness=(0.04, 0.12),
        stretch=1.1, edge=0.035, strength=(0.6, 0.85), patchiness=0.3,
    ),
    "mel": Look(
        rim=(0.45, 0.28, 0.2), core=(0.22, 0.14, 0.13), radius=(0.22, 0.36), roughness=(0.2, 0.38),
        stretch=1.5, edge=0.01, strength=(0.85, 0.97), patchiness=1.2,
    ),
    "nv": Look(
        rim=(0.6, 0.4, 0.28), core=(0.42, 0.26, 0.18), radius=(0.13, 0.27), roughness=(0.03, 0.12),
        stretch=1.2, edge=0.02, strength=(0.7, 0.95), patchiness=0.3,
    ),
    "vasc": Look(
        rim=(0.74, 0.26, 0.3), core=(0.52, 0.1, 0.2), radius=(0.12, 0.24), roughness=(0.08, 0.22),
        stretch=1.2, edge=0.01, strength=(0.8, 0.95), patchiness=0.5,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class SkinImage:
    """A dermatoscopic image and where its lesion is."""

    pixels: np.ndarray  # uint8 [height, width, 3], RGB
    region: np.ndarray  # bool [height, width]


def skin_image(
    seed: int, *, size: int, diagnosis: str | None, tone: float = 0.3, hair: float = 0.5, image: int = 0
) -> SkinImage:
    """One image of one lesion.

    Args:
        seed: The lesion; images with the same seed show the same lesion from slightly elsewhere.
        size: Width of the image in pixels; the height is three quarters of it.
        diagnosis: One of CLASSES, or None for bare skin.
        tone: Skin tone, 0 light to 1 dark.
        hair: Density of hair, 0 to 1.
        image: Number of the image of this lesion.
    """
    final = (max(1, round(size / ASPECT)), size)
    working = max(final[0], MIN_WORKING_SIZE)
    shape = (working, round(working * ASPECT))
    view = canvas.generator(seed, "view", image)
    centre = (float(view.uniform(-0.10, 0.10)), 0.5 + float(view.uniform(-0.07, 0.07)))
    zoom = float(view.uniform(0.9, 1.1))
    pixels = _skin(canvas.generator(seed, "skin", image), shape, tone)
    region = np.zeros(shape, bool)
    if diagnosis is not None:
        pixels, region = _add_lesion(
            canvas.generator(seed, "lesion"), pixels, diagnosis, centre=centre, zoom=zoom
        )
    pixels = _add_hair(canvas.generator(seed, "hair", image), pixels, hair, tone)
    return SkinImage(
        _photograph(canvas.generator(seed, "light", image), pixels, final),
        canvas.shrink_region(region, final),
    )


def _skin(rng: np.random.Generator, shape: tuple[int, int], tone: float) -> np.ndarray:
    """Bare skin with mottling and fine furrows, float32 [height, width, 3] in [0, 1]."""
    base = np.array(_LIGHT_SKIN) * (1 - tone) + np.array(_DARK_SKIN) * tone
    mottled = canvas.fractal_noise(rng, shape, cells=3, octaves=4)
    redness = canvas.fractal_noise(rng, shape, cells=4, octaves=3)
    furrows = np.abs(canvas.fractal_noise(rng, shape, cells=26, octaves=2))
    light = 1 + 0.022 * mottled - 0.05 * np.exp(-((furrows / 0.18) ** 2))
    pixels = base.astype(np.float32) * light[..., None]
    return pixels + 0.012 * redness[..., None] * np.array([0.4, -1, -0.8], np.float32)


def _add_lesion(
    rng: np.random.Generator, skin: np.ndarray, diagnosis: str, *, centre: tuple[float, float], zoom: float
) -> tuple[np.ndarray, np.ndarray]:
    """The image with a lesion, and the bool region of the lesion."""
    look, shape = LOOKS[diagnosis], skin.shape[:2]
    radius = zoom * float(rng.uniform(*look.radius))
    stretch, roughness = float(rng.uniform(1.0, look.stretch)), float(rng.uniform(*look.roughness))
    sharp = canvas.area(shape, canvas.blob_outline(rng, centre, radius, roughness=roughness, stretch=stretch))
    patches = canvas.fractal_noise(rng, shape, cells=5, octaves=3)
    inner = np.clip(1.3 * canvas.depth(sharp) / radius + 0.35 * look.patchiness * patches, 0, 1)[..., None]
    rim, core = (_vary(rng, colour) for colour in (look.rim, look.core))
    lesion = rim * (1 - inner) + core * inner
    lesion = STRUCTURES[diagnosis](rng, lesion, Site(sharp, centre, radius))
    cover = (canvas.soften(sharp, look.edge) * float(rng.uniform(*look.strength)))[..., None]
    return skin * (1 - cover) + lesion * cover, sharp > 0.5


def _vary(rng: np.random.Generator, colour: Colour) -> np.ndarray:
    return np.clip(np.array(colour) * rng.uniform(0.90, 1.10) + rng.normal(0, 0.02, 3), 0, 1).astype(
        np.float32
    )


def _add_hair(rng: np.random.Generator, pixels: np.ndarray, density: float, tone: float) -> np.ndarray:
    """Dark hairs across the image, roughly in one direction."""
    drawn = np.zeros(pixels.shape[:2], np.uint8)
    direction = float(rng.uniform(0, np.pi))
    for _ in range(int(rng.poisson(14 * density))):
        start = np.array([rng.uniform(-0.67, 0.67), rng.uniform(0, 1)])
        bends = direction + float(rng.normal(0, 0.35)) + np.cumsum(rng.normal(0, 0.10, 6))
        steps = rng.uniform(0.3, 0.9) / 6 * np.stack([np.cos(bends), np.sin(bends)], axis=1)
        line = np.concatenate([[start], start + np.cumsum(steps, axis=0)])
        canvas.add_stroke(drawn, canvas.curve(line), width=float(rng.uniform(0.003, 0.0065)))
    blonde = 0.35 * max(0.0, float(rng.uniform(-1, 1)) - tone)
    colour = (0.13 + blonde, 0.09 + 0.8 * blonde, 0.07 + 0.5 * blonde)
    return blend(pixels, 0.85 * canvas.soften(drawn.astype(np.float32) / 255, 0.0015), colour)


def _photograph(rng: np.random.Generator, pixels: np.ndarray, final: tuple[int, int]) -> np.ndarray:
    """Light that falls off to the corners, a slight colour cast, noise; uint8 RGB at the final size."""
    small = canvas.shrink(pixels.astype(np.float32), final)
    x, y = canvas.grid(final)
    falloff = 1 - float(rng.uniform(0.25, 0.55)) * np.clip((x**2 + (y - 0.5) ** 2) - 0.10, 0, 1)
    cast = (1 + rng.normal(0, 0.025, 3)).astype(np.float32)
    noise = 0.012 * rng.standard_normal(small.shape, dtype=np.float32)
    exposed = small * falloff[..., None] * cast * float(rng.uniform(0.92, 1.06)) + noise
    return np.round(np.clip(exposed, 0, 1) * 255).astype(np.uint8)
