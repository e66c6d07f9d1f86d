"""Random changes of training images that leave the finding what it is.

The only home of albumentations. Each result is a pure function of (seed, epoch, record id) and the image:
the pipeline is seeded anew before every image, because albumentations 2.0.8 draws the same numbers in every
worker.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from medcli.store.digests import derive_seed

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

KINDS = ("none", "safe", "flips")


class Augmenter:
    """Callable on (image, epoch, record id); picklable, and built in the process that uses it.

    Args:
        kind: `safe` turns, shifts and scales a little and varies brightness, contrast and noise; it never
            mirrors, since left and right matter in most images. `flips` also mirrors and turns by right
            angles, for images without a left, a right or an up, such as those of skin and of tissue.
        seed: Of the run.
    """

    def __init__(self, kind: str, *, seed: int) -> None:
        assert kind in KINDS, kind
        self.kind = kind
        self.seed = seed
        self._pipeline: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pipeline": None}

    def __call__(self, image: np.ndarray, epoch: int, record_id: str) -> np.ndarray:
        """The changed image, of the type and shape [height, width, channels] that it had."""
        if self.kind == "none":
            return image
        if self._pipeline is None:
            self._pipeline = _build(self.kind)
        self._pipeline.set_random_seed(derive_seed(self.seed, "augment", epoch, record_id) % 2**32)
        low, high = _range_of(image)
        changed = self._pipeline(image=_in_range(image, low, high))["image"].reshape(image.shape)
        return changed if image.dtype == np.uint8 else _out_of_range(changed, low, high, dtype=image.dtype)


def _range_of(image: np.ndarray) -> tuple[float, float]:
    """What is 0 and 1 to albumentations, which cuts off what is beyond: scores get their own range."""
    if image.dtype != np.float16:
        return 0.0, float(np.iinfo(image.dtype).max)
    return min(0.0, float(image.min())), max(1.0, float(image.max()))


def _in_range(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """uint8 as it is, other types as float32 from 0 to 1: albumentations takes these two."""
    if image.dtype == np.uint8:
        return image
    return (image.astype(np.float32) - np.float32(low)) / np.float32(high - low)


def _out_of_range(changed: np.ndarray, low: float, high: float, *, dtype: np.dtype) -> np.ndarray:
    values = changed * np.float32(high - low) + np.float32(low)
    return (np.rint(values) if dtype == np.uint16 else values).clip(low, high).astype(dtype)


def _build(kind: str) -> Any:
    import albumentations as A
    import cv2

    steps = [
        A.Affine(
            scale=(0.9, 1.1),
            translate_percent=(-0.05, 0.05),
            rotate=(-10, 10),
            interpolation=cv2.INTER_LINEAR,
            border_mode=cv2.BORDER_REFLECT_101,
            p=0.9,
        ),
        A.RandomBrightnessContrast(brightness_limit=0.1, contrast_limit=0.15, p=0.7),
        A.GaussNoise(std_range=(0.005, 0.03), p=0.3),
    ]
    if kind == "flips":
        # The square group: every mirror image and right-angle turn, once each.
        steps.insert(0, A.D4(p=1.0))
    return A.Compose(steps)
