"""Every measure in every group of patients at one threshold, and whether the groups differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.metrics.bootstrap import Resamples
from medcli.metrics.ece import label_ece
from medcli.metrics.group_accuracy import compare_accuracy
from medcli.metrics.group_differences import Group, differences
from medcli.metrics.heterogeneity import too_few
from medcli.metrics.intervals import proportion
from medcli.metrics.label import Label, label_of
from medcli.metrics.measures import TRUSTED, called, ranked
from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings
from medcli.quantity import Quantity, undefined
from medcli.store.digests import derive_seed

CALIBRATION = (
    "calibration_intercept",
    "calibration_slope",
    "observed_to_expected",
    "brier",
    "scaled_brier",
    "log_loss",
)


def compare_groups(
    scored: Scored, codes: np.ndarray, names: list[str], *, listed: dict[str, str], settings: Settings
) -> dict[str, Any]:
    """Measures of each group, and of each class the gaps between those groups that have cases enough.

    Args:
        scored: Of all images.
        codes: Group of each image as an index of `names`.
        names: Of the groups.
        listed: Groups that are shown and not compared, with the reason.
        settings: Of the evaluation; patients are permuted half as often as resampled, or more: up to 1000
            times as often as resampled.

    Returns:
        `groups` (`group`, `n`, `n_clusters`), `n_shared` (patients in several of the compared groups),
        `classes`, each with `groups`, `reference`, `gaps`, `heterogeneity`, `equalised_odds` and `worst`, and
        `calls` (`compare_accuracy`) where classes exclude each other, else None.
    """
    parts = [np.flatnonzero(codes == code) for code in range(len(names))]
    groups = [_Part.of(scored, rows, name, settings) for rows, name in zip(parts, names, strict=True)]
    compared = [code for code, name in enumerate(names) if name not in listed]
    held = np.zeros((len(compared), scored.num_clusters), dtype=bool)
    for row, code in enumerate(compared):
        held[row, scored.clusters[parts[code]]] = True
    return {
        "groups": [
            {"group": name, "n": len(rows), "n_clusters": len(np.unique(scored.clusters[rows]))}
            for name, rows in zip(names, parts, strict=True)
        ],
        "n_shared": int(np.sum(held.sum(axis=0) > 1)),
        "classes": [
            _one_class(scored, column, groups, listed=listed, settings=settings)
            for column in range(len(scored.classes))
        ],
        "calls": compare_accuracy(scored, codes, names, listed=listed, settings=settings)
        if scored.exclusive
        else None,
    }


@dataclass(frozen=True)
class _Part:
    """The images of one group: their rows among all, they alone, and the resamples of their patients."""

    name: str
    rows: np.ndarray
    scored: Scored
    resamples: Resamples

    @classmethod
    def of(cls, scored: Scored, rows: np.ndarray, name: str, settings: Settings) -> _Part:
        alone = scored.subset(rows)
        draws = Resamples(alone.num_clusters, derive_seed(settings.seed, name), settings.resamples)
        return cls(name, rows, alone, draws)


def _one_class(
    scored: Scored, column: int, parts: list[_Part], *, listed: dict[str, str], settings: Settings
) -> dict[str, Any]:
    known = ~np.isnan(scored.targets[:, column])
    entries, seed = [], derive_seed(settings.seed, scored.classes[column])
    for part in parts:
        rows = part.rows[known[part.rows]]
        label = label_of(part.scored, column, settings=settings, resamples=part.resamples)
        reason = listed.get(part.name) or too_few(label.targets, label.clusters)
        probabilities = _probabilities(scored, column, rows)
        measures = _measures(label, probabilities, scored.why_ranks, seed=seed)
        entries.append(Group(part.name, label, probabilities, scored.clusters[rows], reason, measures))
    tested = [entry for entry in entries if entry.reason is None]
    return {
        "class": scored.classes[column],
        "groups": [_described(entry) for entry in entries],
        **differences(tested, settings=settings, seed=seed),
    }


def _described(group: Group) -> dict[str, Any]:
    label = group.label
    return {
        "group": group.name,
        "n": label.n,
        "n_clusters": label.n_clusters,
        "n_positive": label.num_positive,
        "n_negative": label.n - label.num_positive,
        "tested": group.reason is None,
        "reason": group.reason,
        **group.measures,
    }


def _probabilities(scored: Scored, column: int, rows: np.ndarray) -> np.ndarray | None:
    best = scored.before if scored.after is None else scored.after
    return None if best is None else best[rows, column]


def _measures(
    label: Label, probabilities: np.ndarray | None, why_ranks: str, *, seed: int
) -> dict[str, Quantity]:
    """All measures of one class over the images of one group."""
    settings, level = label.settings, label.settings.level
    is_positive, why = label.targets == 1, "no known label"
    share = proportion(is_positive, label.clusters, level=level, none_reason=why, exact=settings.exact)
    found = {"prevalence": share, **ranked(label), **called(label)}
    if probabilities is None:
        none = undefined(why_ranks, method="calibration", n=label.n, n_clusters=label.n_clusters)
        return found | dict.fromkeys(("ece", *CALIBRATION), none)
    bins = {"num_bins": settings.num_bins, "level": level, "seed": seed, "simulations": 100}
    return {
        **found,
        "ece": label_ece(probabilities, label.targets, label.clusters, **bins),
        **{name: TRUSTED[name](label, probabilities) for name in CALIBRATION},
    }
