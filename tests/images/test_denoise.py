"""Denoising lowers noise, keeps edges, and means the same at both depths."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from medcli.errors import DataError
from medcli.images.denoise import denoise
from medcli.images.noise import estimate_noise


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


@pytest.mark.parametrize("shape", [(40, 61), (9, 5), (70, 300), (33, 40, 2), (33, 40, 3), (33, 40, 4)])
@pytest.mark.parametrize("is_deep", [False, True])
@pytest.mark.parametrize("strength", [3.0, 12.0])
def test_it_is_opencv_within_one_grey_level(shape: tuple[int, ...], is_deep: bool, strength: float) -> None:
    random = np.random.default_rng(5)
    base = cv2.GaussianBlur(random.normal(128, 400, shape), (0, 0), 5).reshape(shape)
    pixels = (base + random.normal(0, 5, shape)).clip(0, 255).astype(np.uint8)
    if is_deep:
        pixels = (pixels * 257.0 + random.integers(-128, 128, shape)).clip(0, 65535).astype(np.uint16)
    grey = 257 if is_deep else 1
    theirs = cv2.fastNlMeansDenoising(
        pixels,
        h=[strength * grey],
        templateWindowSize=7,
        searchWindowSize=21,
        normType=cv2.NORM_L1 if is_deep else cv2.NORM_L2,
    )
    difference = np.abs(denoise(pixels, strength=strength).astype(int) - theirs.reshape(shape)) / grey
    assert difference.max() <= 1
    assert difference.sum() <= 3 + 0.03 * difference.size


def exact_non_local_means(pixels: np.ndarray, strength: float) -> np.ndarray:
    """By the definition, in float64: weights exp(-d^2 / h^2) of mean absolute differences, 0 below 0.001."""
    height, width = pixels.shape
    wide = np.pad(pixels.astype(np.float64), 13, mode="reflect")
    own = wide[10 : 16 + height, 10 : 16 + width]
    total, weights = np.zeros(pixels.shape), np.zeros(pixels.shape)
    for down in range(-10, 11):
        for across in range(-10, 11):
            other = wide[10 + down : 16 + down + height, 10 + across : 16 + across + width]
            patches = np.lib.stride_tricks.sliding_window_view(np.abs(own - other), (7, 7))
            weight = np.exp(-np.square(patches.mean(axis=(2, 3)) / strength))
            weight[weight < 1e-3] = 0
            total += weight * wide[13 + down : 13 + down + height, 13 + across : 13 + across + width]
            weights += weight
    return total / weights


@pytest.mark.parametrize("strength", [3.0, 12.0])
def test_sixteen_bits_are_exact_within_one_of_their_65536_levels(strength: float) -> None:
    random = np.random.default_rng(5)
    base = cv2.GaussianBlur(random.normal(128, 400, (36, 45)), (0, 0), 5)
    pixels = ((base + random.normal(0, 5, base.shape)).clip(0, 255) * 257).round().astype(np.uint16)
    ours = denoise(pixels, strength=strength).astype(float)
    assert np.abs(ours - exact_non_local_means(pixels, 257 * strength)).max() <= 1
    theirs = cv2.fastNlMeansDenoising(
        pixels, h=[strength * 257], templateWindowSize=7, searchWindowSize=21, normType=cv2.NORM_L1
    )
    assert np.abs(ours - theirs).max() <= 16  # OpenCV's weights are whole numbers


def test_threads_and_repeats_give_the_same_bytes() -> None:
    images = [np.random.default_rng(i).integers(90, 120, (64, 300)).astype(np.uint8) for i in range(4)]
    alone = [denoise(image, strength=6.0) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: denoise(image, strength=6.0), images * 2))
    assert all(np.array_equal(a, b) for a, b in zip(alone * 2, together, strict=True))


@pytest.mark.parametrize("sigma", [2.0, 5.0, 12.0])
def test_noise_is_estimated_and_taken_away(sigma: float) -> None:
    clean, noisy = noisy_step(sigma)
    assert estimate_noise(noisy) == pytest.approx(sigma, rel=0.15)
    assert estimate_noise(noisy.astype(np.uint16) * 257) == pytest.approx(257 * sigma, rel=0.15)
    assert np.std(denoise(noisy) - clean) < 0.5 * np.std(noisy - clean)
    assert estimate_noise(np.full((20, 20), 90, np.uint8)) == 0


def test_the_bias_of_rician_noise_goes() -> None:
    sigma, signal = 1500.0, 3000.0
    random = np.random.default_rng(2)
    real, imaginary = random.normal(0, sigma, (2, 64, 64))
    magnitude = np.rint(np.hypot(signal + real, imaginary)).astype(np.uint16)
    plain = denoise(magnitude, strength=sigma / 257).mean()
    corrected = denoise(magnitude, strength=sigma / 257, zeros=[0.0]).mean()
    assert plain > 1.08 * signal
    assert corrected == pytest.approx(signal, rel=0.05)
    # A ramp that moved black moves the zero with it.
    shifted = denoise(magnitude + np.uint16(900), strength=sigma / 257, zeros=[900.0]).mean()
    assert shifted - 900 == pytest.approx(corrected, rel=0.01)


def test_only_unsigned_pixels_and_positive_strengths() -> None:
    with pytest.raises(DataError, match="float32"):
        denoise(np.zeros((8, 8), np.float32), strength=3.0)
    with pytest.raises(DataError, match="strength is 0"):
        denoise(np.zeros((8, 8), np.uint8), strength=0)
