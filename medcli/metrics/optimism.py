"""What thresholds promised where they were chosen, beside what they keep on other patients."""

from __future__ import annotations

import math
from typing import Any

from medcli.quantity import Quantity, quantity, undefined

RATES = ("sensitivity", "specificity")


def optimism(points: list[dict[str, Any]], classes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How far the rates of thresholds fall here, below those on the images that they were chosen on.

    Args:
        points: Operating points: `class`, `threshold`, and the quantities `sensitivity` and `specificity` on
            the images of the choice, or None where it was made on none.
        classes: Results of other images, with the quantities `sensitivity` and `specificity`.

    Returns:
        One entry a class with a threshold that was chosen: `class`, and the differences (here less chosen)
        `sensitivity` and `specificity`.
    """
    return [
        {"class": point["class"], **{name: independent_gap(found[name], point[name]) for name in RATES}}
        for point, found in zip(points, classes, strict=True)
        if point["threshold"] is not None and point["sensitivity"] is not None
    ]


def independent_gap(first: Quantity, second: Quantity) -> Quantity:
    """A share less that of other patients; its interval is squared together from those of the two shares.

    Reference: Newcombe, Statistics in Medicine 1998; 17:873, method 10; Zou & Donner, Statistics in Medicine
    2008; 27:1693 (any two intervals).
    """
    method = "difference of independent shares, Newcombe's hybrid interval"
    sizes = {"n": first["n"] + second["n"], "n_clusters": first["n_clusters"] + second["n_clusters"]}
    for value in (first, second):
        if value["estimate"] is None or value["ci"] is None:
            return undefined(value["reason"] or "no interval", method=method, **sizes)
    gap = first["estimate"] - second["estimate"]
    below = math.hypot(first["estimate"] - first["ci"][0], second["ci"][1] - second["estimate"])
    above = math.hypot(first["ci"][1] - first["estimate"], second["estimate"] - second["ci"][0])
    return quantity(gap, ci=(gap - below, gap + above), level=first["level"], method=method, **sizes)
