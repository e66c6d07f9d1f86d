"""torchio: its transforms, and scikit-image's filters where it has none, in a DataLoader."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torchio
from skimage import exposure, restoration
from torch.utils.data import DataLoader


def denoise(film: torch.Tensor) -> torch.Tensor:
    plane = film[0, ..., 0].numpy()
    smooth = restoration.denoise_nl_means(plane, patch_size=7, patch_distance=10, h=3 / 255, fast_mode=True)
    return torch.from_numpy(smooth.astype(np.float32))[None, ..., None]


def equalize(film: torch.Tensor) -> torch.Tensor:
    plane = exposure.equalize_adapthist(film[0, ..., 0].numpy(), kernel_size=128, clip_limit=0.01)
    return torch.from_numpy(plane.astype(np.float32))[None, ..., None]


def pixels(subjects: list[torchio.Subject]) -> np.ndarray:
    return np.stack([subject["film"].data[0, ..., 0].numpy() for subject in subjects])


if __name__ == "__main__":
    source, output, denoising = sys.argv[1:4]
    steps = [
        torchio.RescaleIntensity(out_min_max=(0, 1), percentiles=(0.5, 99.5)),
        *([torchio.Lambda(denoise)] if denoising == "nlm" else []),
        torchio.Lambda(equalize),
        torchio.Resize((224, 224, 1)),
    ]
    subjects = [
        torchio.Subject(film=torchio.ScalarImage(path)) for path in sorted(Path(source).glob("*.png"))
    ]
    films = torchio.SubjectsDataset(subjects, transform=torchio.Compose(steps))
    made = list(DataLoader(films, batch_size=8, num_workers=2, collate_fn=pixels))
    np.save(output, (np.concatenate(made).clip(0, 1) * 255).astype(np.uint8))
