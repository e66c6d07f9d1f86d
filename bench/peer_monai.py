"""MONAI: a PersistentDataset, whose cache is what it writes, filled by a DataLoader."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from monai.data import DataLoader, PersistentDataset
from monai.transforms import (
    Compose,
    EnsureChannelFirst,
    Lambda,
    LoadImage,
    Resize,
    ScaleIntensityRangePercentiles,
)
from skimage import exposure, restoration


def denoise(film: np.ndarray) -> np.ndarray:
    # MONAI has no non-local means and no CLAHE: its users take scikit-image's.
    plane = np.asarray(film)[0]
    return restoration.denoise_nl_means(plane, patch_size=7, patch_distance=10, h=3 / 255, fast_mode=True)[
        None
    ]


def equalize(film: np.ndarray) -> np.ndarray:
    plane = np.asarray(film)[0]
    return exposure.equalize_adapthist(plane, kernel_size=128, clip_limit=0.01)[None]


if __name__ == "__main__":
    source, output, denoising = sys.argv[1:4]
    steps = [
        LoadImage(image_only=True),
        EnsureChannelFirst(),
        ScaleIntensityRangePercentiles(0.5, 99.5, 0, 1, clip=True),
        *([Lambda(denoise)] if denoising == "nlm" else []),
        Lambda(equalize),
        Resize((224, 224), mode="area"),
    ]
    with tempfile.TemporaryDirectory() as cache:
        films = PersistentDataset(
            sorted(map(str, Path(source).glob("*.png"))), Compose(steps), cache_dir=cache
        )
        made = [np.asarray(batch) for batch in DataLoader(films, batch_size=8, num_workers=2)]
    np.save(output, (np.concatenate(made) * 255).astype(np.uint8))
