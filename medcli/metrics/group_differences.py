"""How one class differs between groups of patients: gaps, heterogeneity, equalised odds, the worst gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.metrics.cochran import heterogeneity
from medcli.metrics.equalised_odds import equalised_odds
from medcli.metrics.heterogeneity import PERMUTED, gap, permutation_tests
from medcli.metrics.influences import correlation, influences
from medcli.metrics.label import Label
from medcli.metrics.multiplicity import holm
from medcli.metrics.settings import Settings
from medcli.quantity import Quantity, beside, undefined
from medcli.store.digests import derive_seed

RATES = ("sensitivity", "specificity", "ppv", "npv")
COMPARED = {
    **dict.fromkeys(("prevalence", "auc", *RATES), "logit"),
    **dict.fromkeys(("calibration_intercept", "calibration_slope"), "plain"),
    "observed_to_expected": "log",
    **dict.fromkeys(("brier", "net_benefit", "standardised_net_benefit"), "plain"),
}
"""Measures whose groups are compared, and the scale of their heterogeneity (`plain` where a share is 0 or 1).
The ECE is not: it grows as groups shrink, and each is to be read beside its own band."""
GAPS_ALONE = (
    *("partial_auc", "average_precision", "sensitivity_at_specificity", "specificity_at_sensitivity"),
    *("accuracy", "balanced_accuracy", "youden", "f1", "mcc", "kappa", "scaled_brier", "log_loss"),
)
"""Measures with gaps where no patient is in two groups, else how their errors go together is not known."""
PERMUTATIONS = 1000
GAPS_PERMUTED = {
    "sensitivity_gap": "sensitivity",
    "false_alarm_gap": "specificity",
    "equalised_odds_gap": "equalised_odds",
}
FAMILY = "Holm, over all fields, groups and classes, for each measure and kind of test apart"


@dataclass(frozen=True)
class Group:
    """One group of one class.

    Attributes:
        name: Of the group.
        label: Of its images with known truth.
        probabilities: Of the event, float [images], or None.
        clusters: Patient of each image, in the numbering of all groups.
        reason: Why it is not compared, or None.
        measures: Of the group, by name.
    """

    name: str
    label: Label
    probabilities: np.ndarray | None
    clusters: np.ndarray
    reason: str | None
    measures: dict[str, Quantity]


def differences(tested: list[Group], *, settings: Settings, seed: int) -> dict[str, Any]:
    """Gaps from the largest group, heterogeneity, equalised odds and the worst gaps beside chance.

    Args:
        tested: Groups with cases enough.
        settings: Of the evaluation.
        seed: Of the permutations.
    """
    correlations = _correlations(tested) if len(tested) > 1 else {}
    odds = equalised_odds(
        *([entry.measures[name] for entry in tested] for name in ("sensitivity", "specificity")),
        level=settings.level,
        correlations=correlations,
    )
    if len(tested) < 2:
        reason = "fewer than two groups have cases enough"
        none: dict[str, Any] = {"gaps": {}, "heterogeneity": {}, "equalised_odds": odds, "worst": {}}
        return {"reference": None, "reason": reason, **none}
    largest = max(range(len(tested)), key=lambda row: tested[row].label.n)
    worst = _worst(tested, settings=settings, seed=seed)
    return {
        "reference": tested[largest].name,
        "reason": None,
        "gaps": {
            name: _gaps(name, tested, largest, correlations, level=settings.level)
            for name in (*COMPARED, *GAPS_ALONE)
        },
        "heterogeneity": {
            name: heterogeneity(
                [entry.measures[name] for entry in tested],
                scale=scale,
                correlations=correlations.get(name),
                level=settings.level,
            )
            for name, scale in COMPARED.items()
        },
        "equalised_odds": {name: _beside_chance(value, worst, name) for name, value in odds.items()},
        "worst": worst,
    }


def _gaps(
    name: str, tested: list[Group], largest: int, correlations: dict[str, np.ndarray], *, level: float
) -> list[dict[str, Any]]:
    """Gaps of one measure from the largest group."""
    found, reference = correlations.get(name), tested[largest].measures[name]
    entries = []
    for row, entry in enumerate(tested):
        if row == largest:
            continue
        value = entry.measures[name]
        if correlations and found is None:
            n, used = value["n"] + reference["n"], value["n_clusters"] + reference["n_clusters"]
            reason = "patients are in several groups: see the measures whose errors are known to go together"
            difference = undefined(reason, method="difference between groups", n=n, n_clusters=used)
        else:
            together = 0.0 if found is None else float(found[row, largest])
            difference = gap(value, reference, correlation=together, level=level)
        entries.append({"group": entry.name, "gap": difference})
    return entries


def num_permutations(settings: Settings) -> int:
    """How often patients are permuted."""
    return max(min(PERMUTATIONS, settings.resamples), settings.resamples // 2)


def _beside_chance(value: Quantity, worst: dict[str, Any], name: str) -> Quantity:
    """A largest gap beside that which permuted patients stay below."""
    test = worst[GAPS_PERMUTED[name]]["test"]
    rule = "patients dealt into the groups by chance: 95 of 100 gaps are below"
    return beside(value, rule=rule, estimate=test.get("null"))


def _correlations(tested: list[Group]) -> dict[str, np.ndarray]:
    """By measure, how the errors of the groups go together; empty when no patient is in two of them."""
    owners = np.concatenate([np.unique(entry.clusters) for entry in tested])
    if len(np.unique(owners)) == len(owners):
        return {}
    num_clusters = int(owners.max()) + 1
    parts = [
        influences(
            entry.measures,
            entry.label,
            probabilities=entry.probabilities,
            clusters=entry.clusters,
            num_clusters=num_clusters,
        )
        for entry in tested
    ]
    nothing = np.zeros(num_clusters)
    return {
        name: np.array(
            [
                [1.0 if a is b else correlation(a.get(name, nothing), b.get(name, nothing)) for b in parts]
                for a in parts
            ]
        )
        for name in COMPARED
    }


def _worst(tested: list[Group], *, settings: Settings, seed: int) -> dict[str, Any]:
    """The largest gaps, between which groups, and how large chance would make them."""
    labels = [entry.label for entry in tested]
    is_called = None if labels[0].called is None else np.concatenate([label.calls for label in labels])
    tests = permutation_tests(
        np.repeat(np.arange(len(labels)), [label.n for label in labels]),
        np.concatenate([label.targets for label in labels]),
        np.concatenate([label.ranks for label in labels]),
        is_called,
        np.concatenate([entry.clusters for entry in tested]),
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
