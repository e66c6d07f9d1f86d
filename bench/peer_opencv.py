"""Albumentations with OpenCV in a DataLoader, as a careful user writes it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albumentations as A
import cv2
import numpy as np
from torch.utils.data import DataLoader, Dataset


class Films(Dataset):
    def __init__(self, paths: list[Path], *, with_denoising: bool) -> None:
        self.paths = paths
        self.with_denoising = with_denoising
        self.resize = A.Resize(224, 224, interpolation=cv2.INTER_AREA)
        self.equalize = A.CLAHE(clip_limit=(2, 2), tile_grid_size=(8, 8), p=1.0)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        cv2.setNumThreads(1)
        film = cv2.imread(str(self.paths[index]), cv2.IMREAD_GRAYSCALE)
        low, high = np.percentile(film, (0.5, 99.5))
        film = (np.clip((film - low) / (high - low), 0, 1) * 255).astype(np.uint8)
        if self.with_denoising:
            film = cv2.fastNlMeansDenoising(film, h=3, templateWindowSize=7, searchWindowSize=21)
        return self.resize(image=self.equalize(image=film)["image"])["image"]


if __name__ == "__main__":
    source, output, denoising = sys.argv[1:4]
    films = Films(sorted(Path(source).glob("*.png")), with_denoising=denoising == "nlm")
    made = [batch.numpy() for batch in DataLoader(films, batch_size=8, num_workers=2)]
    np.save(output, np.concatenate(made))
