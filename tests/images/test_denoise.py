"""Denoising lowers noise, keeps edges, and means the same at both depths."""

from __future__ import annotations

import numpy as np
import pytest

from medcli.errors import DataError
from medcli.images.denoise import denoise


def noisy_step(sigma: float, *, channels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    shape = (48, 48) if channels is None else (48, 48, channels)
    clean = np.full(shape, 60.0)
    clean[:, 24:] = 180
    noise = np.random.default_rng(7).normal(0, sigma, shape)
    return clean, np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("is_deep", [False, True])
def test_noise_falls_and_the_edge_stays(is_deep: bool) -> None:
    clean, noisy = noisy_step(5)
    smooth = denoise(noisy.astype(np.uint16) * 257 if is_deep else noisy, strength=5.0)
    assert smooth.dtype == (np.uint16 if is_deep else np.uint8)
    grey = smooth / 257 if is_deep else smooth.astype(float)
    assert np.std(grey - clean) < 0.5 * np.std(noisy - clean)
    assert float(np.mean(grey[:, 26] - grey[:, 21])) == pytest.approx(120, abs=3)


def test_more_strength_is_smoother() -> None:
    _, noisy = noisy_step(5)
    roughness = [float(np.std(denoise(noisy, strength=strength)[:, :20])) for strength in (1, 4, 12)]
    assert roughness[0] > roughness[1] > roughness[2]


@pytest.mark.parametrize("channels", [None, 2, 3, 4])
def test_a_constant_image_and_its_shape_stay(channels: int | None) -> None:
    shape = (20, 30) if channels is None else (20, 30, channels)
    pixels = np.full(shape, 12345, np.uint16)
    assert np.array_equal(denoise(pixels, strength=3.0), pixels)


def test_only_unsigned_pixels_and_positive_strengths() -> None:
    with pytest.raises(DataError, match="float32"):
        denoise(np.zeros((8, 8), np.float32), strength=3.0)
    with pytest.raises(DataError, match="strength is 0"):
        denoise(np.zeros((8, 8), np.uint8), strength=0)
