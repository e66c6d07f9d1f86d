"""Predictions by hand, and what is said of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings
from medcli.metrics.summary import summarize


def settings(**changed: Any) -> Settings:
    """Settings of a quick evaluation."""
    return Settings(**{"level": 0.95, "num_bins": 15, "seed": 1, "resamples": 200, **changed})


def scored(
    targets: np.ndarray,
    scores: np.ndarray,
    clusters: np.ndarray | None = None,
    *,
    exclusive: bool = False,
    threshold: float | None = 0.5,
    ranks: bool = False,
    **facts: Any,
) -> Scored:
    """Predictions with one threshold for all classes; [images] of one label, [images, labels] of several.

    Args:
        ranks: The scores are no probabilities.
        facts: Other fields of `Scored`.
    """
    targets, scores = (np.asarray(values, dtype=float) for values in (targets, scores))
    if targets.ndim == 1:
        targets, scores = targets[:, None], scores[:, None]
    names = [f"label {column}" for column in range(targets.shape[1])]
    point = {
        "rule": "0.5",
        "threshold": threshold,
        "sensitivity": None,
        "specificity": None,
        "reason": "none",
    }
    return Scored(
        classes=names,
        exclusive=exclusive,
        targets=targets,
        ranks=scores,
        before=None if ranks else scores,
        after=None,
        thresholds=[{"class": name, **point} for name in names],
        clusters=np.arange(len(targets)) if clusters is None else np.asarray(clusters),
        **facts,
    )


def summary(
    targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray | None = None, **options: Any
) -> dict[str, Any]:
    """The sections `classes` and `overall` of predictions by hand; `settings` among the options."""
    chosen = options.pop("settings", settings())
    return summarize(scored(targets, scores, clusters, **options), chosen)
