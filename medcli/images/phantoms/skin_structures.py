"""What is seen inside skin lesions under the dermatoscope, a simplified sketch for each class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from medcli.images.phantoms import canvas

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Site:
    """Where on the image a lesion lies, in units of its height."""

    sharp: np.ndarray  # coverage, float32 [height, width]
    centre: tuple[float, float]
    radius: float


def blend(image: np.ndarray, amount: np.ndarray, colour: Colour) -> np.ndarray:
    """A colour laid over an image, `amount` float32 [height, width] of it."""
    return image * (1 - amount[..., None]) + np.array(colour, np.float32) * amount[..., None]


def _network(rng: np.random.Generator, shape: tuple[int, int], *, cells: float, width: float) -> np.ndarray:
    """A honeycomb-like net of lines, float32 [height, width] in [0, 1]."""
    lines = [np.exp(-((canvas.smooth_noise(rng, shape, cells=cells) / width) ** 2)) for _ in range(2)]
    return np.clip(lines[0] + lines[1], 0, 1)


def _spots(
    rng: np.random.Generator, site: Site, *, reach: float, count: int, radii: tuple[float, float]
) -> np.ndarray:
    """Disks scattered within `reach` times the lesion's radius, float32 [height, width]."""
    drawn = np.zeros(site.sharp.shape, np.uint8)
    for _ in range(count):
        angle, far = float(rng.uniform(0, 2 * np.pi)), reach * site.radius * float(np.sqrt(rng.random()))
        spot = (site.centre[0] + far * np.cos(angle), site.centre[1] + far * np.sin(angle))
        canvas.add_disk(drawn, spot, radius=float(rng.uniform(*radii)))
    return canvas.soften(drawn.astype(np.float32) / 255, 0.003)


def _scaly(rng: np.random.Generator, lesion: np.ndarray, site: Site) -> np.ndarray:
    """Red with dots of keratin and white-yellow scale: actinic keratosis."""
    shape = site.sharp.shape
    scale = np.clip(canvas.fractal_noise(rng, shape, cells=16, octaves=3) - 0.55, 0, 1)
    lesion = blend(lesion, np.clip(1.2 * scale, 0, 0.85), (0.95, 0.88, 0.74))
    dots = _spots(rng, site, reach=0.9, count=int(rng.integers(25, 60)), radii=(0.006, 0.011))
    return blend(lesion, 0.55 * dots, (0.70, 0.28, 0.27))


def _pearly(rng: np.random.Generator, lesion: np.ndarray, site: Site) -> np.ndarray:
    """Pearly, with blue-grey nests and branching vessels: basal cell carcinoma."""
    shape = site.sharp.shape
    nests = _spots(rng, site, reach=0.75, count=int(rng.integers(4, 11)), radii=(0.018, 0.045))
    lesion = blend(lesion, 0.80 * canvas.soften(nests, 0.006), (0.36, 0.37, 0.46))
    vessels = np.zeros(shape, np.uint8)
    for _ in range(int(rng.integers(4, 8))):
        angle = float(rng.uniform(0, 2 * np.pi))
        start = np.array(site.centre) + site.radius * np.array([np.cos(angle), np.sin(angle)])
        _branch(rng, vessels, start, angle + np.pi, length=0.5 * site.radius, width=0.011)
    return blend(lesion, 0.85 * canvas.soften(vessels.astype(np.float32) / 255, 0.002), (0.72, 0.16, 0.20))


def _branch(
    rng: np.random.Generator,
    drawn: np.ndarray,
    start: np.ndarray,
    angle: float,
    *,
    length: float,
    width: float,
) -> None:
    bends = angle + np.cumsum(rng.normal(0, 0.35, 4))
    line = start + np.cumsum(length / 4 * np.stack([np.cos(bends), np.sin(bends)], axis=1), axis=0)
    canvas.add_stroke(drawn, np.concatenate([[start], line]), width=width)
    if width > 0.004:
        for turn in (-0.5, 0.6):
            _branch(rng, drawn, line[-1], float(bends[-1]) + turn, length=0.7 * length, width=0.6 * width)


def _stuck_on(rng: np.random.Generator, lesion: np.ndarray, site: Site) -> np.ndarray:
    """Waxy, furrowed, with white cysts and dark openings: benign keratosis."""
    shape = site.sharp.shape
    furrows = np.exp(-((canvas.fractal_noise(rng, shape, cells=12, octaves=2) / 0.16) ** 2))
    lesion = blend(lesion, 0.40 * furrows, (0.36, 0.25, 0.17))
    cysts = _spots(rng, site, reach=0.85, count=int(rng.integers(10, 26)), radii=(0.006, 0.014))
    lesion = blend(lesion, 0.75 * cysts, (0.96, 0.90, 0.74))
    openings = _spots(rng, site, reach=0.85, count=int(rng.integers(8, 20)), radii=(0.007, 0.015))
    return blend(lesion, 0.75 * openings, (0.20, 0.13, 0.09))


def _scarred(rng: np.random.Generator, lesion: np.ndarray, site: Site) -> np.ndarray:
    """A white patch in the middle of a delicate net: dermatofibroma."""
    shape = site.sharp.shape
    net = _network(rng, shape, cells=24, width=0.18)
    lesion = blend(lesion, 0.30 * net, (0.47, 0.30, 0.22))
    patch = canvas.area(shape, canvas.blob_outline(rng, site.centre, 0.48 * site.radius, roughness=0.2))
    return blend(lesion, 0.85 * canvas.soften(patch, 0.12 * site.radius), (0.95, 0.87, 0.83))


def _chaotic(rng: np.random.Generator, lesion: np.ndarray, site: Site) -> np.ndarray:
    """Many colours without symmetry, broken net, blue-white veil: melanoma."""
    shape = site.sharp.shape
    net = _network(rng, shape, cells=20, width=0.22) * (canvas.smooth_noise(rng, shape, cells=4) > 0)
    lesion = blend(lesion, 0.45 * canvas.soften(net.astype(np.float32), 0.004), (0.13, 0.08, 0.07))
    turn = float(rng.uniform(0, 2 * np.pi))
    for colour, far, amount in (
        ((0.40, 0.45, 0.55), 0.35, 0.75),
        ((0.60, 0.26, 0.22), 0.60, 0.60),
        ((0.10, 0.07, 0.07), 0.55, 0.80),
    ):
        turn += float(rng.uniform(1.4, 2.6))
        away = far * site.radius
        place = (site.centre[0] + away * np.cos(turn), site.centre[1] + away * np.sin(turn))
        patch = canvas.area(shape, canvas.blob_outline(rng, place, 0.36 * site.radius, roughness=0.35))
        lesion = blend(lesion, amount * canvas.soften(patch, 0.10 * site.radius), colour)
    dots = _spots(rng, site, reach=1.0, count=int(rng.integers(8, 20)), radii=(0.006, 0.013))
    return blend(lesion, 0.8 * dots, (0.08, 0.06, 0.06))


def _regular(rng: np.random.Generator, lesion: np.ndarray, site: Site) -> np.ndarray:
    """An even brown net that fades outwards: naevus."""
    net = _network(rng, site.sharp.shape, cells=float(rng.uniform(20, 30)), width=0.20)
    return blend(lesion, float(rng.uniform(0.2, 0.45)) * net, (0.27, 0.16, 0.11))


def _lagoons(rng: np.random.Generator, lesion: np.ndarray, site: Site) -> np.ndarray:
    """Round red and purple lakes, paler between them: vascular lesion."""
    lakes = _spots(rng, site, reach=0.85, count=int(rng.integers(10, 22)), radii=(0.022, 0.050))
    lesion = blend(lesion, 0.45 * (1 - lakes), (0.86, 0.55, 0.54))
    dark = _spots(rng, site, reach=0.70, count=int(rng.integers(3, 9)), radii=(0.015, 0.035))
    return blend(lesion, 0.6 * dark, (0.30, 0.06, 0.20))


STRUCTURES: dict[str, Callable[[np.random.Generator, np.ndarray, Site], np.ndarray]] = {
    "akiec": _scaly,
    "bcc": _pearly,
    "bkl": _stuck_on,
    "df": _scarred,
    "mel": _chaotic,
    "nv": _regular,
    "vasc": _lagoons,
}
