"""The anatomy of a chest film: a map of attenuation, in parts that findings can change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcli.images.phantoms import canvas

_RIB_REACH = (0.17, 0.24, 0.29, 0.325, 0.35, 0.37, 0.38, 0.385, 0.385, 0.38)


@dataclass(frozen=True)
class Anatomy:
    """Attenuation of one patient, in parts that findings can change; each float32 [height, width]."""

    body: np.ndarray
    air: np.ndarray  # of both lungs, 0 to about 1
    vessels: np.ndarray
    bones: np.ndarray
    lungs: dict[str, np.ndarray]  # coverage of "right" (left in the image) and "left"
    heart: np.ndarray  # coverage of heart and great vessels


def draw_anatomy(
    seed: int, shape: tuple[int, int], *, view: str, shift: tuple[float, float], enlarged: bool
) -> Anatomy:
    """Attenuation of a patient's chest without findings, but for an enlarged heart."""
    rng = canvas.generator(seed, "anatomy")
    build = rng.uniform(0.93, 1.04)
    width = float(min(1.0, shape[1] / shape[0]) * rng.uniform(0.95, 1.03))
    breath = float(rng.uniform(-0.02, 0.025) - (0.03 if view == "AP" else 0.0))
    heart_size = float(rng.uniform(0.94, 1.06) * (1.08 if view == "AP" else 1.0))
    growth = float(rng.uniform(1.42, 1.65))  # drawn for healthy hearts as well: what follows stays alike
    place = _Placer(width, *shift)
    lungs = {side: canvas.area(shape, place(_lung(side, breath))) for side in ("right", "left")}
    heart, vessels_of_heart = _heart(
        shape, place, breath=breath, size=heart_size, growth=growth if enlarged else 1.0
    )
    covered = np.maximum(heart, vessels_of_heart)
    air: np.ndarray = np.zeros(shape, np.float32)
    for lung in lungs.values():
        deep = np.clip(canvas.depth(lung) / 0.10, 0, 1)
        air += canvas.soften(lung * (0.62 + 0.38 * np.sqrt(deep)), 0.004)
    air = np.minimum(air, 1) * (1 - 0.88 * canvas.soften(covered, 0.005))
    return Anatomy(
        body=_body(rng, shape, place, build),
        air=air,
        vessels=_vessels(rng, shape, place, lungs) * (1 - 0.85 * canvas.soften(covered, 0.005)),
        bones=_bones(rng, shape, place, view),
        lungs=lungs,
        heart=heart,
    )


class _Placer:
    """Moves points of the atlas to where this patient stands on this film."""

    def __init__(self, width: float, x: float, y: float) -> None:
        self.width, self.x, self.y = width, x, y

    def __call__(self, points: canvas.Points) -> np.ndarray:
        return np.asarray(points, dtype=np.float64) * [self.width, 1.0] + [self.x, self.y]


def _lung(side: str, breath: float) -> np.ndarray:
    low = 0.745 + breath
    outline = [
        (0.115, 0.125), (0.175, 0.128), (0.245, 0.185), (0.305, 0.30), (0.345, 0.45), (0.365, 0.60),
        (0.375, low + 0.02), (0.372, low + 0.085), (0.345, low + 0.035), (0.275, low - 0.025),
        (0.19, low - 0.045), (0.11, low - 0.02),
        (0.055, low + 0.01), (0.045, 0.60), (0.045, 0.45), (0.05, 0.30), (0.065, 0.18),
    ]  # fmt: skip
    points = np.array(outline)
    if side == "left":
        points[6:13, 1] += 0.022  # the left half of the diaphragm is the lower one
    else:
        points[:, 0] *= -1
    return canvas.curve(points, closed=True)


def _heart(
    shape: tuple[int, int], place: _Placer, *, breath: float, size: float, growth: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coverage of the heart and of the great vessels."""
    low = 0.79 + breath
    outline = np.array([
        (-0.035, 0.43), (-0.07, 0.52), (-0.095, 0.62), (-0.085, low - 0.05), (0.0, low), (0.12, low + 0.005),
        (0.205, low - 0.02), (0.205, low - 0.085), (0.165, 0.59), (0.115, 0.50), (0.07, 0.43), (0.02, 0.40),
    ])  # fmt: skip
    centre = np.array([0.045, 0.64])
    grown = centre + (outline - centre) * [size * growth, 1 + 0.35 * (size * growth - 1)]
    heart = canvas.area(shape, place(canvas.curve(grown, closed=True)))
    trunk = [
        (-0.05, 0.10), (-0.055, 0.25), (-0.06, 0.42), (-0.05, 0.75), (0.06, 0.75), (0.075, 0.44),
        (0.06, 0.385), (0.088, 0.345), (0.08, 0.29), (0.05, 0.26), (0.045, 0.10),
    ]  # fmt: skip
    return heart, canvas.area(shape, place(canvas.curve(trunk, closed=True)))


def _body(rng: np.random.Generator, shape: tuple[int, int], place: _Placer, build: float) -> np.ndarray:
    coverage = canvas.area(shape, place(_torso() * [build, 1]))
    x, y = canvas.grid(shape)
    across = np.clip(1 - ((x - place.x) / (0.50 * place.width)) ** 2, 0, 1)
    thickness = (0.46 + 0.22 * np.sqrt(across)) * (0.92 + 0.13 * y)
    belly = 0.12 / (1 + np.exp(-(y - 0.78) / 0.03))
    spine_side = 0.10 * np.exp(-(((x - place.x) / 0.07) ** 2))
    mottled = 1 + 0.03 * canvas.fractal_noise(rng, shape, cells=5)
    edge = np.clip(canvas.depth(coverage) / 0.045, 0, 1) ** 0.5
    tissue = (thickness + belly + spine_side) * mottled * (0.45 + 0.55 * edge)
    return canvas.soften(coverage, 0.003) * tissue - _windpipe(shape, place) - _stomach(rng, shape, place)


def _torso() -> np.ndarray:
    half = [(0.085, -0.1), (0.095, 0.0), (0.13, 0.055), (0.27, 0.095), (0.42, 0.14), (0.56, 0.27)]
    half += [(0.455, 0.40), (0.435, 0.60), (0.43, 0.85), (0.44, 1.1)]
    line = canvas.curve(half)
    return np.concatenate([line, line[::-1] * [-1, 1]])


def _windpipe(shape: tuple[int, int], place: _Placer) -> np.ndarray:
    tube = canvas.stroke(shape, place(canvas.curve([(0, -0.05), (0.0, 0.15), (-0.006, 0.355)])), width=0.036)
    right = canvas.stroke(shape, place([(-0.006, 0.35), (-0.06, 0.435)]), width=0.026)
    left = canvas.stroke(shape, place([(-0.004, 0.35), (0.075, 0.425)]), width=0.022)
    return 0.085 * canvas.soften(np.maximum(tube, 0.7 * np.maximum(right, left)), 0.005)


def _stomach(rng: np.random.Generator, shape: tuple[int, int], place: _Placer) -> np.ndarray:
    centre = (float(rng.uniform(0.17, 0.22)), float(rng.uniform(0.84, 0.87)))
    bubble = canvas.blob_outline(rng, centre, float(rng.uniform(0.025, 0.05)), roughness=0.15, stretch=1.5)
    return float(rng.uniform(0.05, 0.14)) * canvas.soften(canvas.area(shape, place(bubble)), 0.007)


def _bones(rng: np.random.Generator, shape: tuple[int, int], place: _Placer, view: str) -> np.ndarray:
    ribs = _ribs(rng, shape, place)
    inside = canvas.soften(canvas.area(shape, place(_torso())), 0.002)
    collar = _collar_bones(shape, place, 0.02 if view == "PA" else -0.015)
    return inside * (ribs + collar + _spine(shape, place) + _shoulder_blades(shape, place, view))


def _bone(shape: tuple[int, int], line: np.ndarray, width: float) -> np.ndarray:
    """A tube of bone from above: its cortex shows as two brighter edges."""
    outer, inner = canvas.stroke(shape, line, width=width), canvas.stroke(shape, line, width=0.6 * width)
    return canvas.soften(outer - 0.38 * inner, 0.0018)


def _ribs(rng: np.random.Generator, shape: tuple[int, int], place: _Placer) -> np.ndarray:
    total = np.zeros(shape, np.float32)
    pitch = float(rng.uniform(0.066, 0.071))
    for number, reach in enumerate(_RIB_REACH):
        top = 0.098 + pitch * number
        slope = 0.015 + 0.009 * number
        for side in (-1, 1):
            jitter = float(rng.normal(0, 0.002))
            behind = [
                (0.035, top),
                (0.10, top - 0.022),
                (0.62 * reach + 0.02, top + 0.3 * slope),
                (reach, top + slope + 0.075),
            ]
            total += (0.13 - 0.004 * number) * _bone(shape, place(_mirror(behind, side, jitter)), 0.019)
            if 1 <= number <= 6:
                drop = 0.10 + 0.012 * number
                low = top + slope + 0.075
                front = [
                    (reach, low),
                    (0.90 * reach, low + 0.4 * drop),
                    (0.62 * reach, low + 0.85 * drop),
                    (0.40 * reach, low + drop),
                ]
                total += 0.065 * _bone(shape, place(_mirror(front, side, jitter)), 0.024)
    return total


def _mirror(points: canvas.Points, side: int, jitter: float) -> np.ndarray:
    return canvas.curve(np.asarray(points) * [side, 1] + [0, jitter])


def _collar_bones(shape: tuple[int, int], place: _Placer, height: float) -> np.ndarray:
    line = np.array([(0.03, 0.185), (0.10, 0.172), (0.18, 0.138), (0.27, 0.112), (0.345, 0.112)])
    line[:, 1] += height
    bones = [_bone(shape, place(_mirror(line, side, 0)), 0.024) for side in (-1, 1)]
    return 0.17 * np.maximum(*bones)


def _spine(shape: tuple[int, int], place: _Placer) -> np.ndarray:
    total = np.zeros(shape, np.float32)
    for number in range(18):
        top = -0.02 + 0.050 * number + 0.0006 * number**2
        height, half = 0.036 + 0.0008 * number, 0.031 + 0.0006 * number
        block = [(-half, top), (half, top), (0.9 * half, top + height / 2), (half, top + height)]
        block += [(-half, top + height), (-0.9 * half, top + height / 2)]
        total += 0.075 * canvas.area(shape, place(block))
        for side in (-1, 1):
            pedicle = canvas.ellipse_outline((side * 0.65 * half, top + 0.3 * height), (0.006, 0.009))
            total += 0.05 * canvas.area(shape, place(pedicle))
        process = canvas.ellipse_outline((0, top + 0.9 * height), (0.005, 0.012))
        total += 0.05 * canvas.area(shape, place(process))
    return canvas.soften(total, 0.003)


def _shoulder_blades(shape: tuple[int, int], place: _Placer, view: str) -> np.ndarray:
    inward = -0.055 if view == "AP" else 0.0
    blade = np.array([(0.40, 0.13), (0.46, 0.20), (0.42, 0.34), (0.385, 0.42), (0.365, 0.35), (0.35, 0.19)])
    blade[:, 0] += inward
    total = np.zeros(shape, np.float32)
    for side in (-1, 1):
        total += 0.07 * canvas.area(shape, place(canvas.curve(blade * [side, 1], closed=True)))
        total += 0.10 * canvas.area(
            shape, place(canvas.ellipse_outline((side * 0.475, 0.165), (0.05, 0.055)))
        )
    return canvas.soften(total, 0.004)


def _vessels(
    rng: np.random.Generator, shape: tuple[int, int], place: _Placer, lungs: dict[str, np.ndarray]
) -> np.ndarray:
    """Branching lung vessels, thick at the hila and fading outwards."""
    drawn = np.zeros(shape, np.uint8)
    for side in (-1, 1):
        hilum = np.array([side * 0.085, 0.455 if side < 0 else 0.435])
        canvas.add_disk(drawn, tuple(place(hilum)), radius=0.026, level=0.65)
        for angle in np.linspace(-1.25, 1.35, 11) + rng.normal(0, 0.09, 11):
            _grow(
                rng,
                drawn,
                place,
                hilum,
                side=side,
                angle=float(angle),
                length=float(rng.uniform(0.10, 0.17)),
                width=0.0125,
            )
    inside = np.maximum(lungs["right"], lungs["left"])
    texture = 0.022 * canvas.fractal_noise(rng, shape, cells=34, octaves=3)
    return inside * (0.15 * canvas.soften(drawn.astype(np.float32) / 255, 0.002) + texture)


def _grow(
    rng: np.random.Generator,
    drawn: np.ndarray,
    place: _Placer,
    start: np.ndarray,
    *,
    side: int,
    angle: float,
    length: float,
    width: float,
) -> None:
    bend = float(rng.normal(0, 0.25))
    middle = start + 0.5 * length * np.array([side * np.cos(angle), np.sin(angle)])
    end = middle + 0.5 * length * np.array([side * np.cos(angle + bend), np.sin(angle + bend)])
    canvas.add_stroke(
        drawn, place(np.stack([start, middle, end])), width=width, level=min(1.0, 0.35 + 45 * width)
    )
    if width > 0.0022:
        for turn in (-0.38, 0.38):
            new = angle + bend + turn + float(rng.normal(0, 0.15))
            _grow(rng, drawn, place, end, side=side, angle=new, length=0.68 * length, width=0.6 * width)
