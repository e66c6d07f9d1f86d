"""How often the most likely class is right in each group of patients, where classes exclude each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.metrics.cochran import heterogeneity
from medcli.metrics.heterogeneity import FEWEST, gap
from medcli.metrics.influences import correlation
from medcli.metrics.intervals import proportion
from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings
from medcli.quantity import Quantity


def compare_accuracy(
    scored: Scored, codes: np.ndarray, names: list[str], *, listed: dict[str, str], settings: Settings
) -> dict[str, Any]:
    """Accuracy of each group, and its gaps from the largest of those with ten patients.

    Args:
        scored: Of all images, of exclusive classes.
        codes: Group of each image as an index of `names`.
        names: Of the groups.
        listed: Groups that are shown and not compared, with the reason.
        settings: Of the evaluation.

    Returns:
        `groups` (each with `accuracy`), `reference`, `reason`, `gaps` and `heterogeneity` as of a class.
    """
    is_right = (scored.calls == scored.labels).astype(float)
    parts = [np.flatnonzero(codes == code) for code in range(len(names))]
    reasons = {
        name: listed.get(name) or _too_few(scored.clusters[rows])
        for name, rows in zip(names, parts, strict=True)
    }
    values = {
        name: proportion(
            is_right[rows] == 1,
            scored.clusters[rows],
            level=settings.level,
            none_reason="no known class",
            exact=settings.exact,
        )
        for name, rows in zip(names, parts, strict=True)
    }
    groups = [
        {
            "group": name,
            "n": len(rows),
            "n_clusters": len(np.unique(scored.clusters[rows])),
            "tested": reasons[name] is None,
            "reason": reasons[name],
            "accuracy": values[name],
        }
        for name, rows in zip(names, parts, strict=True)
    ]
    tested = {name: parts[code] for code, name in enumerate(names) if reasons[name] is None}
    if len(tested) < 2:
        reason = "fewer than two groups have ten patients"
        return {"groups": groups, "reference": None, "reason": reason, "gaps": {}, "heterogeneity": {}}
    found = _differences(scored, is_right, tested, {name: values[name] for name in tested}, settings)
    return {"groups": groups, "reason": None, **found}


def _too_few(clusters: np.ndarray) -> str | None:
    count = len(np.unique(clusters))
    return f"{count} patients, fewer than {FEWEST}: listed, not tested" if count < FEWEST else None


def _differences(
    scored: Scored,
    is_right: np.ndarray,
    tested: dict[str, np.ndarray],
    values: dict[str, Quantity],
    settings: Settings,
) -> dict[str, Any]:
    reference = max(tested, key=lambda name: len(tested[name]))
    parts = {
        name: np.bincount(scored.clusters[rows], is_right[rows] - is_right[rows].mean(), scored.num_clusters)
        for name, rows in tested.items()
    }
    correlations = np.array(
        [[1.0 if a == b else correlation(parts[a], parts[b]) for b in tested] for a in tested]
    )
    gaps = [
        {
            "group": name,
            "gap": gap(
                values[name],
                values[reference],
                correlation=correlation(parts[name], parts[reference]),
                level=settings.level,
            ),
        }
        for name in tested
        if name != reference
    ]
    is_shared = bool((correlations != np.eye(len(tested))).any())
    spread = heterogeneity(
        list(values.values()),
        scale="logit",
        correlations=correlations if is_shared else None,
        level=settings.level,
    )
    return {"reference": reference, "gaps": {"accuracy": gaps}, "heterogeneity": {"accuracy": spread}}
