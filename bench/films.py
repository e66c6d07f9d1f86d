"""Films to measure with: smooth grounds, ribs and noise, 1024 x 1024, written as PNG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def write_films(folder: Path, *, count: int, side: int = 1024) -> list[Path]:
    """`count` different films in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[0:side, 0:side] / side
    paths = []
    for number in range(count):
        random = np.random.default_rng(number)
        ground = cv2.resize(random.normal(0, 30, (12, 12)), (side, side), interpolation=cv2.INTER_CUBIC)
        ribs = 18 * np.sin(2 * np.pi * (9 + number % 5) * (rows + 0.15 * (columns - 0.5) ** 2))
        film = 120 + ground + ribs + random.normal(0, 4, (side, side))
        path = folder / f"{number:05}.png"
        cv2.imwrite(str(path), film.clip(0, 255).astype(np.uint8))
        paths.append(path)
    return paths
