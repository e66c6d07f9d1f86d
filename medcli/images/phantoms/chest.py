"""Chest films: a sketch of the anatomy in attenuation, seen through detectors that differ.

The body is a map of attenuation (0 outside, about 1 behind the spine), lungs take some away, bones add a
little, and a finding changes either within its region only. A detector turns attenuation into grey levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.images.phantoms import canvas
from medcli.images.phantoms.chest_anatomy import draw_anatomy
from medcli.images.phantoms.chest_findings import add_findings

MIN_WORKING_SIZE = 256


@dataclass(frozen=True)
class Detector:
    """How a device turns attenuation into grey levels."""

    gamma: float
    contrast: float
    noise: float
    blur: float
    aspect: float  # width of the film over its height


DETECTORS: dict[str, Detector] = {
    "dx-100": Detector(gamma=1.0, contrast=1.0, noise=0.010, blur=0.0008, aspect=1.0),
    "dx-200": Detector(gamma=0.85, contrast=0.85, noise=0.018, blur=0.0012, aspect=0.9),
    "cr-300": Detector(gamma=1.2, contrast=1.12, noise=0.026, blur=0.0020, aspect=0.82),
}


@dataclass(frozen=True)
class ChestFilm:
    """A film, bright where attenuation is high, and where its findings are."""

    pixels: np.ndarray  # uint16 [height, width], 0 to 4095
    regions: dict[str, np.ndarray]  # finding -> bool [height, width], in the order of FINDINGS


def chest_film(
    seed: int,
    *,
    size: int,
    device: str = "dx-100",
    view: str = "PA",
    findings: tuple[str, ...] = (),
    film: int = 0,
) -> ChestFilm:
    """One film of one patient.

    Args:
        seed: The patient; films with the same seed show the same anatomy and the same findings in place.
        size: Height of the film in pixels.
        device: Key of DETECTORS.
        view: PA, or AP with a larger heart and shallower breath.
        findings: Which of FINDINGS to plant.
        film: Number of the film: position and noise differ between films.
    """
    detector = DETECTORS[device]
    working = max(size, MIN_WORKING_SIZE)
    shape = (working, max(1, round(working * detector.aspect)))
    anatomy = draw_anatomy(
        seed, shape, view=view, shift=_shift(seed, film), enlarged="Cardiomegaly" in findings
    )
    attenuation, regions = add_findings(canvas.generator(seed, "findings"), anatomy, findings)
    final = (size, max(1, round(size * detector.aspect)))
    value = canvas.shrink(attenuation, final)
    pixels = expose(value, detector, canvas.generator(seed, "noise", film))
    return ChestFilm(pixels, {name: canvas.shrink_region(regions[name], final) for name in regions})


def expose(attenuation: np.ndarray, detector: Detector, rng: np.random.Generator) -> np.ndarray:
    """Grey levels that a detector makes of attenuation, uint16 0 to 4095, bright where it is high."""
    sharp = canvas.soften(np.ascontiguousarray(attenuation), detector.blur)
    grey = 0.06 + 0.86 * np.clip(0.5 + detector.contrast * (sharp - 0.5), 0, 1.05) ** detector.gamma
    # Fewer photons arrive behind dense tissue, so bright parts of a film are the noisier ones.
    noise = detector.noise * (0.4 + grey) * rng.standard_normal(grey.shape, dtype=np.float32)
    grain = 0.3 * detector.noise * canvas.smooth_noise(rng, grey.shape, cells=grey.shape[0] / 4)
    return np.round(np.clip(grey + noise + grain, 0, 1) * 4095).astype(np.uint16)


def _shift(seed: int, film: int) -> tuple[float, float]:
    rng = canvas.generator(seed, "position", film)
    return float(rng.uniform(-0.015, 0.015)), float(rng.uniform(-0.015, 0.02))
