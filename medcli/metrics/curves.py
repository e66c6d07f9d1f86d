"""Curves as short lists, so that figures can be drawn from the results alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.metrics.roc import roc_curve
from medcli.metrics.scored import Scored

MAX_POINTS = 200


def class_curves(scored: Scored) -> list[dict[str, Any]]:
    """Of each class its curves; null where it has only one kind of case."""
    return [_one_class(scored, column) for column in range(len(scored.classes))]


def _one_class(scored: Scored, column: int) -> dict[str, Any]:
    known = ~np.isnan(scored.targets[:, column])
    targets = scored.targets[known, column]
    entry: dict[str, Any] = {"class": scored.classes[column], "roc": None}
    if len(np.unique(targets)) < 2:
        return entry
    false_rates, sensitivities, _ = roc_curve(targets, scored.ranks[known, column])
    chosen = thinned(false_rates, sensitivities)
    entry["roc"] = {
        "false_rates": rounded(false_rates[chosen]),
        "sensitivities": rounded(sensitivities[chosen]),
    }
    return entry


def thinned(across: np.ndarray, up: np.ndarray, *, most: int = MAX_POINTS) -> np.ndarray:
    """Indices of at most `most` points of a polyline, first and last among them.

    Points inside a straight run draw nothing and go first; of the corners those stay that are nearest to
    even steps along the line.
    """
    steps_across, steps_up = np.diff(across), np.diff(up)
    is_turn = np.abs(steps_across[:-1] * steps_up[1:] - steps_across[1:] * steps_up[:-1]) > 1e-15
    corners = np.flatnonzero(np.concatenate([[True], is_turn, [True]]))
    if len(corners) <= most:
        return corners
    way = np.concatenate([[0], np.cumsum(np.abs(np.diff(across[corners])) + np.abs(np.diff(up[corners])))])
    wanted = np.linspace(0, way[-1], most)
    return corners[np.unique(np.searchsorted(way, wanted).clip(max=len(corners) - 1))]


def rounded(values: np.ndarray) -> list[float]:
    """Six decimals: finer than any figure shows."""
    return [round(float(value), 6) for value in values]
