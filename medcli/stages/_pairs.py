"""Every pair of models: their differences, label by label and over all, judged and corrected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from medcli.config import CompareConfig
from medcli.metrics.bootstrap import Resamples
from medcli.metrics.call_differences import Calls, compare_calls
from medcli.metrics.model_differences import MEASURES, Setting, compare_label, compare_macro
from medcli.metrics.monte_carlo import advice, is_p_unsettled, unsettled_verdicts
from medcli.metrics.multiplicity import holm
from medcli.metrics.noninferiority import after_holm, judge
from medcli.stages._lineup import Lineup
from medcli.store.digests import derive_seed
from medcli.workers import available_cpus


def setting_of(config: CompareConfig, lineup: Lineup) -> Setting:
    """How all differences of a comparison are made; the same resamples of patients for each."""
    seed = derive_seed("medcli compare", config.seed)
    return Setting(
        is_paired=lineup.is_paired,
        resamples=Resamples(lineup.num_clusters, seed, config.resamples),
        level=config.level,
        threads=config.jobs or available_cpus(),
        against_first=config.each is not None,
    )


def label_pairs(
    lineup: Lineup,
    column: int,
    setting: Setting,
    *,
    rows: list[np.ndarray] | None = None,
    measures: Sequence[str] = tuple(MEASURES),
) -> dict[str, Any]:
    """One label of all models (of some rows of each), and every pair of them."""
    chosen: list[np.ndarray | None] = [*rows] if rows else [None for _ in lineup.names]
    labels = [lineup.label(number, column, mask) for number, mask in enumerate(chosen)]
    found = compare_label(labels, setting, measures=measures)
    models = []
    for name, label, auc in zip(lineup.names, labels, found["aucs"], strict=True):
        positives = int(np.sum(label.targets == 1))
        counts = {"n": len(label.targets), "n_positive": positives}
        models.append({"name": name, **counts, "n_negative": counts["n"] - positives, "auc": auc})
    return {
        "class": lineup.classes[column],
        "models": models,
        "global": found["global"],
        "pairs": [_named(pair, lineup) for pair in found["pairs"]],
    }


def macro_pairs(
    lineup: Lineup, setting: Setting, *, rows: list[np.ndarray] | None = None
) -> list[dict[str, Any]]:
    """Every pair of models by the mean AUC over labels (of some rows of each)."""
    chosen: list[np.ndarray | None] = [*rows] if rows else [None for _ in lineup.names]
    labels = [
        [lineup.label(number, column, mask) for column in range(len(lineup.classes))]
        for number, mask in enumerate(chosen)
    ]
    return [_named(pair, lineup) for pair in compare_macro(labels, setting)]


def overall_pairs(lineup: Lineup, setting: Setting) -> list[dict[str, Any]]:
    """Differences over all labels; where classes exclude each other also those of the calls."""
    pairs = macro_pairs(lineup, setting)
    if not lineup.scored[0].exclusive:
        _correct_tests(pairs, level=setting.level)
        return pairs
    calls = [Calls(scored.labels, scored.calls, scored.clusters) for scored in lineup.scored]
    found = compare_calls(calls, setting, num_classes=len(lineup.classes))
    for pair, own in zip(pairs, found, strict=True):
        pair["measures"] |= own["measures"]
    _correct_tests(pairs, level=setting.level)
    return pairs


def _named(pair: dict[str, Any], lineup: Lineup) -> dict[str, Any]:
    return {"name": f"{lineup.names[pair['first']]} less {lineup.names[pair['second']]}", **pair}


def judge_pairs(pairs: list[dict[str, Any]], config: CompareConfig) -> None:
    """Correct the tests of each measure for labels and pairs, and say what the one that decides shows."""
    _correct_tests(pairs, level=config.level)
    _, higher_is_better = MEASURES[config.measure]
    for pair in pairs:
        pair["judgement"] = judge(
            pair["measures"][config.measure], margin=config.margin, higher_is_better=higher_is_better
        )
    corrected = after_holm([pair["judgement"] for pair in pairs], level=config.level)
    unsure = unsettled_verdicts(
        [pair["measures"][config.measure] for pair in pairs],
        margin=config.margin,
        level=config.level,
        higher_is_better=higher_is_better,
    )
    for pair, found, is_unsure in zip(pairs, corrected, unsure, strict=True):
        pair["judgement"] |= {
            "unsettled": advice(config.resamples) if is_unsure else None,
            "verdict": found["verdict"],
            "after_holm": found["claims"],
            "p_holm": found["p"],
        }


def unsettled(labels: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each verdict that hangs on the resamples drawn."""
    for label in labels:
        for pair in label["pairs"]:
            if pair["judgement"]["unsettled"]:
                yield f"{label['class']}, {pair['name']}: verdict {pair['judgement']['unsettled']}"


def _correct_tests(pairs: list[dict[str, Any]], *, level: float) -> None:
    """Give every test its p-value after Holm's correction over all of its measure."""
    for name in pairs[0]["measures"]:
        tests = [pair["measures"][name].get("test") for pair in pairs]
        adjusted = holm([test["p"] if test else None for test in tests])
        for pair, test, p in zip(pairs, tests, adjusted, strict=True):
            if test:
                value = pair["measures"][name]
                value["test"] = {**test, "p_holm": p}
                count = value.get("resamples", 0)
                if count and is_p_unsettled(value["test"], count, level=level):
                    value["flags"] = [*value["flags"], f"p {advice(count)}"]
