"""scikit-image in a pool of processes."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from skimage import exposure, io, restoration, transform


def prepare(path: Path, *, with_denoising: bool) -> np.ndarray:
    film = io.imread(path)
    low, high = np.percentile(film, (0.5, 99.5))
    film = exposure.rescale_intensity(film, in_range=(low, high), out_range=(0.0, 1.0)).astype(np.float32)
    if with_denoising:
        film = restoration.denoise_nl_means(film, patch_size=7, patch_distance=10, h=3 / 255, fast_mode=True)
    film = exposure.equalize_adapthist(film, kernel_size=128, clip_limit=0.01)
    return (transform.resize(film, (224, 224), anti_aliasing=True) * 255).astype(np.uint8)


if __name__ == "__main__":
    source, output, denoising = sys.argv[1:4]
    with ProcessPoolExecutor(2) as pool:
        work = partial(prepare, with_denoising=denoising == "nlm")
        np.save(output, np.stack(list(pool.map(work, sorted(Path(source).glob("*.png")), chunksize=2))))
