"""Whether the model needs what its maps show: deletion and insertion of the pixels of the called class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from medcli.attribution.faithfulness import area_under, replacement_curve
from medcli.metrics.intervals import mean_value
from medcli.metrics.patients import patient_codes
from medcli.quantity import beside

LEVEL = 0.95
Areas = dict[str, float]


def faithfulness(
    score: Callable[[np.ndarray], np.ndarray], image: np.ndarray, attribution: np.ndarray, *, steps: int
) -> Areas:
    """Areas under both curves, by the map and by the same map in the wrong place.

    Pixels are deleted to the mean of the training images and inserted into a blurred image (Petsiuk et al.
    2018). A map turned by 180 degrees has the same shape and says nothing of this image.

    Args:
        score: Probability of the called class, of normalised images [images, channels, height, width].
        image: Normalised, [channels, height, width].
        attribution: The map of the called class, [height, width].
        steps: Of the curves.
    """
    blank, blurred = np.zeros_like(image), _blur(image)
    areas = {}
    for name, order in (("", attribution), ("_turned", attribution[::-1, ::-1])):
        options: dict[str, Any] = {"attribution": order, "steps": steps}
        areas[f"deletion{name}"] = area_under(replacement_curve(score, image, blank, **options))
        areas[f"insertion{name}"] = area_under(replacement_curve(score, blurred, image, **options))
    return areas


def summarise_faithfulness(outcomes: list[tuple[dict[str, Any], Areas]], *, steps: int) -> dict[str, Any]:
    """Mean areas beside those of turned maps, and the mean gain of each image over its turned map."""
    _, patients = patient_codes([record for record, _ in outcomes])

    def mean_of(values: list[float], what: str, floor: float | None) -> Any:
        return mean_value(np.array(values), patients, level=LEVEL, what=what, floor=floor, ceiling=1.0)

    section: dict[str, Any] = {"steps": steps}
    for name, sign in (("deletion", -1), ("insertion", 1)):
        own = [areas[name] for _, areas in outcomes]
        turned = [areas[f"{name}_turned"] for _, areas in outcomes]
        section[name] = beside(
            mean_of(own, f"mean area under the curve of {name}", 0.0),
            rule="the same maps, turned by 180 degrees",
            estimate=float(np.mean(turned)) if outcomes else None,
        )
        gains = [sign * (a - b) for a, b in zip(own, turned, strict=True)]
        section[f"{name}_gain"] = mean_of(gains, "mean gain over the turned map", None)
    return section


def _blur(image: np.ndarray) -> np.ndarray:
    """With the width of Petsiuk et al., 5 pixels of 224."""
    width = 5 * min(image.shape[1:]) / 224
    return np.stack([cv2.GaussianBlur(channel, (0, 0), width) for channel in image])
