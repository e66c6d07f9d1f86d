"""Every measure in every group of patients at one threshold, and whether the groups differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.metrics.bootstrap import Resamples
from medcli.metrics.ece import label_ece
from medcli.metrics.equalised_odds import equalised_odds
from medcli.metrics.group_accuracy import compare_accuracy
from medcli.metrics.heterogeneity import (
    PERMUTED,
    cochran_q,
    gap,
    interval_error,
    permutation_tests,
    too_few,
)
from medcli.metrics.influences import correlation, influences
from medcli.metrics.intervals import proportion
from medcli.metrics.label import Label, label_of
from medcli.metrics.measures import TRUSTED, called, ranked
from medcli.metrics.multiplicity import holm
from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings
from medcli.quantity import Quantity, beside, undefined
from medcli.store.digests import derive_seed

RATES = ("sensitivity", "specificity", "ppv", "npv")
CALIBRATION = (
    "calibration_intercept",
    "calibration_slope",
    "observed_to_expected",
    "brier",
    "scaled_brier",
    "log_loss",
)
COMPARED = {
    **dict.fromkeys(("prevalence", "auc", *RATES), "logit"),
    **dict.fromkeys(("calibration_intercept", "calibration_slope"), "plain"),
    "observed_to_expected": "log",
    "brier": "plain",
}
"""Measures whose groups are compared, and the scale of their heterogeneity (`plain` where a share is 0 or 1).
The ECE is not: it grows as groups shrink, and each is to be read beside its own band."""
PERMUTATIONS = 1000
GAPS_PERMUTED = {
    "sensitivity_gap": "sensitivity",
    "false_alarm_gap": "specificity",
    "equalised_odds_gap": "equalised_odds",
}
FAMILY = "Holm, over all fields, groups and classes, for each measure and kind of test apart"


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


def num_permutations(settings: Settings) -> int:
    """How often patients are permuted."""
    return max(min(PERMUTATIONS, settings.resamples), settings.resamples // 2)


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
        reason = listed.get(part.name) or too_few(scored.targets[rows, column], scored.clusters[rows])
        label = label_of(part.scored, column, settings=settings, resamples=part.resamples)
        measures = _measures(label, _probabilities(scored, column, rows), scored.why_ranks, seed=seed)
        entries.append(_Group(part.name, rows, reason, measures))
    tested = [entry for entry in entries if entry.reason is None]
    return {
        "class": scored.classes[column],
        "groups": [entry.described(scored, column) for entry in entries],
        **_differences(scored, column, tested, settings=settings, seed=seed),
    }


@dataclass(frozen=True)
class _Group:
    """One group of one class: its images with a known label, its measures, and why it is not tested."""

    name: str
    rows: np.ndarray
    reason: str | None
    measures: dict[str, Quantity]

    def described(self, scored: Scored, column: int) -> dict[str, Any]:
        positives = int(np.sum(scored.targets[self.rows, column] == 1))
        return {
            "group": self.name,
            "n": len(self.rows),
            "n_clusters": len(np.unique(scored.clusters[self.rows])),
            "n_positive": positives,
            "n_negative": len(self.rows) - positives,
            "tested": self.reason is None,
            "reason": self.reason,
            **self.measures,
        }


def _called(scored: Scored, column: int, rows: np.ndarray) -> np.ndarray | None:
    threshold = scored.thresholds[column]["threshold"]
    return None if threshold is None else scored.decided[rows, column] >= threshold


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


def _differences(
    scored: Scored, column: int, tested: list[_Group], *, settings: Settings, seed: int
) -> dict[str, Any]:
    """Gaps from the largest group, heterogeneity, equalised odds and the worst gaps beside chance."""
    correlations = _correlations(scored, column, tested) if len(tested) > 1 else {}
    odds = equalised_odds(
        *([entry.measures[name] for entry in tested] for name in ("sensitivity", "specificity")),
        level=settings.level,
        correlations=correlations,
    )
    if len(tested) < 2:
        reason = "fewer than two groups have cases enough"
        return {
            "reference": None,
            "reason": reason,
            "gaps": {},
            "heterogeneity": {},
            "equalised_odds": odds,
            "worst": {},
        }
    largest = max(range(len(tested)), key=lambda row: len(tested[row].rows))
    gaps: dict[str, list[dict[str, Any]]] = {}
    spread = {}
    for name, scale in COMPARED.items():
        values = [entry.measures[name] for entry in tested]
        found = correlations.get(name)
        gaps[name] = [
            {
                "group": entry.name,
                "gap": gap(
                    values[row],
                    values[largest],
                    correlation=0.0 if found is None else float(found[row, largest]),
                    level=settings.level,
                ),
            }
            for row, entry in enumerate(tested)
            if row != largest
        ]
        estimates = [np.nan if value["estimate"] is None else value["estimate"] for value in values]
        is_inside = scale != "logit" or all(0 < estimate < 1 for estimate in estimates)
        used = scale if is_inside else "plain"
        errors = [interval_error(value, scale=used) for value in values]
        spread[name] = cochran_q(estimates, errors, scale=used, correlations=found)
    worst = _worst(scored, column, tested, settings=settings, seed=seed)
    return {
        "reference": tested[largest].name,
        "reason": None,
        "gaps": gaps,
        "heterogeneity": spread,
        "equalised_odds": {name: _beside_chance(value, worst, name) for name, value in odds.items()},
        "worst": worst,
    }


def _beside_chance(value: Quantity, worst: dict[str, Any], name: str) -> Quantity:
    """A largest gap beside that which permuted patients stay below."""
    test = worst[GAPS_PERMUTED[name]]["test"]
    rule = "patients dealt into the groups by chance: 95 of 100 gaps are below"
    return beside(value, rule=rule, estimate=test.get("null"))


def _correlations(scored: Scored, column: int, tested: list[_Group]) -> dict[str, np.ndarray]:
    """By measure, how the errors of the groups go together; empty when no patient is in two of them."""
    owners = np.concatenate([np.unique(scored.clusters[entry.rows]) for entry in tested])
    if len(np.unique(owners)) == len(owners):
        return {}
    parts = []
    for entry in tested:
        rows = entry.rows
        parts.append(
            influences(
                entry.measures,
                targets=scored.targets[rows, column],
                ranks=scored.ranks[rows, column],
                is_called=_called(scored, column, rows),
                probabilities=_probabilities(scored, column, rows),
                clusters=scored.clusters[rows],
                num_clusters=scored.num_clusters,
            )
        )
    nothing = np.zeros(scored.num_clusters)
    return {
        name: np.array(
            [
                [1.0 if a is b else correlation(a.get(name, nothing), b.get(name, nothing)) for b in parts]
                for a in parts
            ]
        )
        for name in COMPARED
    }


def _worst(
    scored: Scored, column: int, tested: list[_Group], *, settings: Settings, seed: int
) -> dict[str, Any]:
    """The largest gaps, between which groups, and how large chance would make them."""
    rows = np.concatenate([entry.rows for entry in tested])
    groups = np.repeat(np.arange(len(tested)), [len(entry.rows) for entry in tested])
    tests = permutation_tests(
        groups,
        scored.targets[rows, column],
        scored.ranks[rows, column],
        _called(scored, column, rows),
        scored.clusters[rows],
        seed=derive_seed(seed, "permutation"),
        permutations=num_permutations(settings),
    )
    worst: dict[str, Any] = {}
    for name in PERMUTED:
        worst[name] = {"test": tests[name]}
        if name in COMPARED:
            known = {
                entry.name: entry.measures[name]["estimate"]
                for entry in tested
                if entry.measures[name]["estimate"] is not None
            }
            ends = (min(known, key=known.__getitem__), max(known, key=known.__getitem__)) if known else None
            worst[name] |= {"lowest": ends and ends[0], "highest": ends and ends[1]}
    return worst


def adjust_for_all(fields: list[dict[str, Any]]) -> None:
    """Write `p_holm` beside every p, in place, each measure and kind of test a family over all `fields`."""
    families: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in (found for field in fields for found in (*field["classes"], field["calls"]) if found):
        for name, gaps in entry["gaps"].items():
            families.setdefault(("gap", name), []).extend(
                g["gap"]["test"] for g in gaps if "test" in g["gap"]
            )
        for kind in ("heterogeneity", "worst"):
            for name, found in entry.get(kind, {}).items():
                families.setdefault((kind, name), []).append(found["test"])
    for tests in families.values():
        for test, p in zip(tests, holm([test["p"] for test in tests]), strict=True):
            test["p_holm"] = p
