"""What an image is like as a network sees it, in a few numbers that tell scanners and sites apart."""

from __future__ import annotations

import math

import cv2
import numpy as np

from medcli.images.quality import noise_deviation

_DIGITS = 4
# Rows and columns in the middle that edges and noise are judged by, so that none of it costs milliseconds.
_EDGES_SIDE, _NOISE_SIDE = 512, 128


def appearance(pixels: np.ndarray, *, is_colour: bool) -> dict[str, float]:
    """Numbers of four significant digits; those that an image has not (of colour, of edges) are absent.

    Of colour the luma is looked at; of other channels (sequences, windows) each, and the mean is taken.

    Args:
        pixels: [height, width, channels], black 0 and white 1; beyond that where nothing was cut off.
        is_colour: Whether three channels are red, green and blue.

    Returns:
        `brightness`: mean, as a share of white.
        `contrast`: standard deviation over the pixels, as a share of white.
        `sharpness`: how fast edges turn, per pixel: root mean square of the Laplacian after a Gaussian of one
            pixel (Marr & Hildreth 1980), over that of Sobel's gradient (Tenengrad, Krotkov 1988); brightness
            and contrast cancel out.
        `noise`: standard deviation of the noise, as a share of white (`quality.noise_deviation`).
        `saturation`: of colour, mean of (largest - smallest) / largest of the three; 0 where that is black.

    Reference: Pertuz, Puig & Garcia, Pattern Recognition 2013; 46:1415 (the operators of focus).
    """
    values = np.ascontiguousarray(pixels, dtype=np.float32)
    found: dict[str, float] = {}
    if is_colour:
        planes = [cv2.cvtColor(values, cv2.COLOR_RGB2GRAY)]
    elif values.shape[2] == 1 or bool((values == values[..., :1]).all()):
        planes = [np.ascontiguousarray(values[..., 0])]
    else:
        planes = [np.ascontiguousarray(plane) for plane in np.moveaxis(values, -1, 0)]
    moments = [cv2.meanStdDev(plane) for plane in planes]
    found["brightness"] = _mean([mean.item() for mean, _ in moments])
    found["contrast"] = _mean([deviation.item() for _, deviation in moments])
    sharp = [value for plane in planes if (value := _sharpness(_middle(plane, _EDGES_SIDE))) is not None]
    if sharp:
        found["sharpness"] = _mean(sharp)
    found["noise"] = _mean([noise_deviation(_middle(plane, _NOISE_SIDE)) for plane in planes])
    if is_colour:
        found["saturation"] = cv2.mean(cv2.cvtColor(values, cv2.COLOR_RGB2HSV))[1]
    return {name: _short(value) for name, value in found.items()}


def _sharpness(plane: np.ndarray) -> float | None:
    across, down = (cv2.Sobel(plane, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    gradient = cv2.norm(across, cv2.NORM_L2SQR) + cv2.norm(down, cv2.NORM_L2SQR)
    if gradient == 0:
        return None
    smooth = cv2.GaussianBlur(plane, (5, 5), 1)
    return math.sqrt(cv2.norm(cv2.Laplacian(smooth, cv2.CV_32F), cv2.NORM_L2SQR) / gradient)


def _middle(plane: np.ndarray, side: int) -> np.ndarray:
    top, left = (max(0, (own - side) // 2) for own in plane.shape)
    return np.ascontiguousarray(plane[top : top + side, left : left + side])


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
