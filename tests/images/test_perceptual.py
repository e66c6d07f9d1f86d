"""Perceptual hashes: the same look gives nearly the same hash, noise never does."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from medcli.images.perceptual import perceptual_hashes, thumbnail
from medcli.voi import Window


def picture(seed: int, side: int = 224) -> np.ndarray:
    """Blobs of many sizes, as different from seed to seed as people are."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.normal(size=(n, n)), (side, side), interpolation=cv2.INTER_CUBIC) for n in (4, 9, 20)
    ]
    total = sum(layer / (k + 1) for k, layer in enumerate(layers))
    return np.round(np.clip(128 + 45 * total, 0, 255)).astype(np.uint8)


def distance(one: np.ndarray, other: np.ndarray, *, name: str) -> int:
    first, second = (perceptual_hashes(image, is_volume=False) for image in (one, other))
    assert first
    assert second
    return (int(first[name], 16) ^ int(second[name], 16)).bit_count()


def recompressed(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


CHANGES = {
    "jpeg 50": lambda image: recompressed(image, 50),
    "half size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "brighter": lambda image: np.clip(image.astype(int) + 8, 0, 255).astype(np.uint8),
    "cropped": lambda image: image[1:-1, 1:-1],
    "16 bit": lambda image: image.astype(np.uint16) * 257,
    "in colour": lambda image: np.repeat(image[..., None], 3, axis=2),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_copy_stays_near(change: Callable[[np.ndarray], np.ndarray]) -> None:
    for seed in range(20):
        image = picture(seed)
        assert distance(image, change(image), name="phash") <= 8
        assert distance(image, change(image), name="dhash") <= 40


def test_different_pictures_are_far() -> None:
    images = [picture(seed) for seed in range(30)]
    pairs = [(a, b) for k, a in enumerate(images) for b in images[k + 1 :]]
    assert min(distance(a, b, name="dhash") for a, b in pairs) > 60


def test_constant_images_and_masks_have_no_hash() -> None:
    assert perceptual_hashes(np.eye(50, dtype=np.uint8), is_volume=False) is None
    assert perceptual_hashes(np.full((50, 50), 3, np.uint16), is_volume=False) is None


def test_of_a_volume_the_central_slice_counts() -> None:
    volume = np.stack([picture(k) for k in range(5)])
    assert perceptual_hashes(volume, is_volume=True) == perceptual_hashes(volume[2], is_volume=False)


def test_a_thumbnail_keeps_shape_window_and_sign() -> None:
    wide = np.linspace(-1000, 1000, 200)[None].repeat(100, 0).astype(np.int16)
    small = thumbnail(wide, is_volume=False, voi=Window(0, 500))
    assert small.shape == (96, 96)
    assert small.dtype == np.uint8
    assert not small[:20].any()
    assert (small[48, :20] == 0).all()
    assert (small[48, -20:] == 255).all()
    turned = thumbnail(wide, is_volume=False, voi=Window(0, 500), is_inverted=True)
    assert (turned[48] == 255 - small[48]).all()
    assert thumbnail(np.zeros((5, 9, 3), np.uint8), is_volume=False).shape == (96, 96, 3)
    assert thumbnail(np.zeros((4, 9, 7, 4), np.float32), is_volume=True).shape == (96, 96)
