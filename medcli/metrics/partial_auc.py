"""Area under part of the ROC curve: where specificity, or sensitivity, is high enough to be of use."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.checks import check_between
from medcli.errors import DataError
from medcli.metrics.bootstrap import Ranking, Resamples, describe, logit_bounds, ranking, standard_error
from medcli.metrics.discrimination import FEW, one_class_reason
from medcli.metrics.intervals import resampled_reach
from medcli.quantity import Quantity, beside, quantity, undefined


def partial_auc(
    targets: np.ndarray,
    scores: np.ndarray,
    clusters: np.ndarray,
    *,
    low: float,
    high: float = 1.0,
    focus: str = "specificity",
    level: float,
    resamples: Resamples,
) -> Quantity:
    """Partial area, standardised so that chance is 0.5 and perfect is 1, with its raw value beside.

    The interval is on the logit scale, with the standard error of resampled patients, and reaches further
    where few of them are of a kind.

    Args:
        targets: 1 or 0, [images], no unknowns.
        scores: Higher means more likely positive.
        clusters: Patient code of each image, from 0.
        low: Lower edge of the range of `focus`.
        high: Upper edge.
        focus: Which rate is between the edges: `specificity` or `sensitivity`.
        resamples: Of the patients.

    Returns:
        A quantity with `raw`, the area itself, and `range`.

    Reference: McClish, Medical Decision Making 1989; 9:190.
    """
    _check_range(low, high, focus=focus)
    method = f"partial AUC, {focus} {low:g} to {high:g}, McClish"
    used = len(np.unique(clusters))
    is_positive = np.asarray(targets) == 1
    if not 0 < is_positive.sum() < len(is_positive):
        none = undefined(one_class_reason(targets), method=method, n=len(targets), n_clusters=used)
        return {**none, "raw": None, "range": {"of": focus, "low": low, "high": high}}
    order = ranking(targets, scores, clusters)
    raw = partial_area(order, low=low, high=high, focus=focus)
    values = resamples.evaluate(lambda counts: _areas(order, counts, low=low, high=high, focus=focus))
    estimate = float(standardise(np.float64(raw), low=low, high=high))
    se = standard_error(standardise(values, low=low, high=high))
    fewest = min(len(np.unique(np.asarray(clusters)[is_positive == kind])) for kind in (True, False))
    interval = None if se is None else logit_bounds(estimate, se, z=resampled_reach(level, fewest))
    told = describe(values, kind="logit scale")
    value = quantity(
        estimate,
        ci=interval,
        level=level,
        se=se,
        method=f"{method}, {told['method']}",
        n=len(targets),
        n_clusters=used,
        flags=[f"fewer than {FEW} positive or negative patients"] if fewest < FEW else [],
        reason=None if interval else "resamples of patients do not vary, or the area is 0 or perfect",
    )
    value = beside(value, rule="chance", estimate=0.5)
    counts = {"resamples": told["resamples"], "defined": told["defined"]}
    return {**value, **counts, "raw": raw, "range": {"of": focus, "low": low, "high": high}}


def partial_area(order: Ranking, *, low: float, high: float, focus: str = "specificity") -> float:
    """Raw area between two specificities (below the curve) or sensitivities (right of it)."""
    everyone = np.ones((1, int(order.owners.max()) + 1), dtype=np.uint8)
    return float(_areas(order, everyone, low=low, high=high, focus=focus)[0])


def standardise(raw: np.ndarray | np.float64, *, low: float, high: float) -> Any:
    """Half of one plus the share of the way from chance to perfect.

    Reference: McClish, Medical Decision Making 1989; 9:190, equation 4.
    """
    chance = ((1 - low) ** 2 - (1 - high) ** 2) / 2
    return (1 + (raw - chance) / ((high - low) - chance)) / 2


def _areas(order: Ranking, counts: np.ndarray, *, low: float, high: float, focus: str) -> np.ndarray:
    from medcli.metrics.resampling_kernels import partial_areas

    turned = order.mirrored() if focus == "sensitivity" else order
    walk = turned.reversed()
    return partial_areas(walk.owners, walk.positive, walk.is_last, counts, (1 - high, 1 - low))


def _check_range(low: float, high: float, *, focus: str) -> None:
    if focus not in {"specificity", "sensitivity"}:
        raise DataError(f"a partial AUC is over specificity or sensitivity, not over {focus!r}")
    check_between(low, name=f"the lower {focus}", low=0, high=1)
    check_between(high, name=f"the upper {focus}", low=0, high=1)
    if low >= high:
        raise DataError(f"the range of {focus} from {low:g} to {high:g} is empty")
