"""What readers said of the images that a model is judged on: the section `readers` of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medcli.config import EvaluateConfig
from medcli.errors import UsageError
from medcli.metrics.agreement import agreement, kind_of_ratings
from medcli.metrics.bootstrap import Resamples
from medcli.metrics.consensus import leave_one_out_references, majority
from medcli.metrics.monte_carlo import advice, is_p_unsettled, unsettled_verdicts
from medcli.metrics.noninferiority import after_holm
from medcli.metrics.reader_figures import Sitting
from medcli.metrics.reader_summary import compare_with_readers, judged_by
from medcli.metrics.scored import Scored
from medcli.stages._key import load_key
from medcli.stages._reader_tables import load_readings
from medcli.stages._scoring import scored_records
from medcli.stages._seats import Seats, readings_of_records, seat
from medcli.store.digests import derive_seed
from medcli.store.predictions import Predictions

ALL = "all"
RECORDS = "records"
FEW_READERS = 5


def check_options(config: EvaluateConfig) -> None:
    """Refuse what only makes sense with readers, and a margin that is none, before any work.

    Raises:
        UsageError: If an option has no --readers beside it, or the margin is not above 0.
    """
    alone = {"--panel": config.panel, "--positive-from": config.positive_from, "--margin": config.margin}
    for option, value in alone.items():
        if not config.readers and value not in (None, ()):
            raise UsageError(f"{option} goes with --readers", hint="give --readers TABLE")
    if config.margin is not None and not config.margin > 0:
        raise UsageError(f"the margin is {config.margin:g}, it must be above 0")


def readers_section(
    config: EvaluateConfig, predictions: Predictions, scored: Scored
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Each reader and the mean reader against the model, and how readers agree; their tables for the history.

    Nothing without --readers.

    Raises:
        UsageError: If the panel names nobody, the margin is not above 0, or labels are missing.
        DataError: If no image that was read is judged.
    """
    if not config.readers:
        return {}, []
    records = scored_records(predictions)
    digests: list[str] = []
    if config.readers == (RECORDS,):
        readings = readings_of_records(records, scored.classes)
    else:
        readings, digests = load_readings(
            config.readers, key=config.key, patient=config.patient, labels=scored.classes
        )
    ids = [record["id"] for record in records]
    seats = seat(readings, ids, scored.classes, key=load_key(config.key_file))
    panel = _panel(config.panel, seats.readers)
    seed = derive_seed(config.seed, "evaluate", "readers", predictions.part)
    classes = [
        _one_class(scored, seats, column, panel=panel, config=config, seed=seed)
        for column in range(len(scored.classes))
        if not np.isnan(seats.values[:, :, column]).all()
    ]
    doubts = _hold(classes, margin=config.margin, level=config.level)
    section: dict[str, Any] = {
        "readers": seats.readers,
        "panel": [seats.readers[row] for row in panel],
        "margin": config.margin,
        "positive_from": config.positive_from,
        "n": len(ids),
        "n_unmatched": seats.unmatched,
        "n_uncertain": seats.uncertain,
        "n_readings": int(np.sum(~np.isnan(seats.values))),
        "n_missing": int(np.sum(np.isnan(seats.values))),
        "flags": [*_flags(seats, scored, panel=panel), *doubts],
        "classes": classes,
    }
    if seats.categories is not None and len(seats.readers) > 1:
        section["agreement"] = agreement(
            seats.categories.T,
            scored.clusters,
            readers=seats.readers,
            kind="nominal",
            level=config.level,
            seed=seed,
        )
    return section, [("readers", digest) for digest in digests]


def _panel(named: Sequence[str], readers: list[str]) -> list[int]:
    """Which readers made the truth."""
    if list(named) == [ALL]:
        return list(range(len(readers)))
    if unknown := [name for name in named if name not in readers]:
        raise UsageError(
            f"--panel names {unknown[0]!r}, who is none of the readers",
            hint=f"readers are {', '.join(readers[:8])}; or --panel {ALL}",
        )
    return [row for row, name in enumerate(readers) if name in named]


def _one_class(
    scored: Scored,
    seats: Seats,
    column: int,
    *,
    panel: list[int],
    config: EvaluateConfig,
    seed: int,
) -> dict[str, Any]:
    values = seats.values[:, :, column]
    kind = kind_of_ratings(values)
    cut = config.positive_from if kind != "binary" else None
    targets, ties = _references(scored.targets[:, column], values, panel, kind=kind, cut=cut)
    sitting = Sitting(targets, values, scored.ranks[:, column], scored.clusters)
    result = compare_with_readers(
        sitting,
        seats.readers,
        is_called=_calls(scored, column),
        are_calls=kind == "binary",
        positive_from=cut,
        resamples=Resamples(scored.num_clusters, derive_seed(seed, "patients"), config.resamples),
        margin=config.margin,
        level=config.level,
    )
    for row, entry in enumerate(result["readers"]):
        on_panel = row in panel
        entry["reference"] = "majority of the rest of the panel" if on_panel else "truth"
        entry["n_tied"] = ties[row]
        entry["n_missing"] = int(np.sum(np.isnan(values[row])))
    found: dict[str, Any] = {"class": scored.classes[column], "ratings": kind, **result}
    if len(seats.readers) > 1:
        found["agreement"] = agreement(
            values.T,
            scored.clusters,
            readers=seats.readers,
            kind=kind,
            level=config.level,
            seed=derive_seed(seed, "agreement"),
        )
    return found


def _calls(scored: Scored, column: int) -> np.ndarray | None:
    """What the model calls: the most likely class, or what reaches the threshold of a label."""
    if scored.exclusive:
        return np.asarray(scored.calls == column)
    threshold = scored.thresholds[column]["threshold"]
    return None if threshold is None else np.asarray(scored.decided[:, column] >= threshold)


def _references(
    truth: np.ndarray, values: np.ndarray, panel: list[int], *, kind: str, cut: float | None
) -> tuple[np.ndarray, list[int]]:
    """The truth that each reader is compared with [readers, images], and how many images that leaves tied.

    Who sat on the panel made part of the truth: he is compared with the majority of the others.
    """
    targets, ties = np.tile(truth, (len(values), 1)), [0] * len(values)
    if not panel:
        return targets, ties
    if kind != "binary" and cut is None:
        raise UsageError(
            "--panel needs calls, and these readings are ratings", hint="say from which on: --positive-from"
        )
    if len(panel) < 3:
        raise UsageError("--panel needs three readers: the others of two cannot be a majority")
    calls = values[panel]
    if cut is not None:
        calls = np.where(np.isnan(calls), np.nan, (calls >= cut).astype(float))
    for row, reference in zip(panel, leave_one_out_references(calls.T), strict=True):
        targets[row], ties[row] = reference.labels, len(reference.ties)
    return targets, ties


def _hold(classes: list[dict[str, Any]], *, margin: float | None, level: float) -> list[str]:
    """Put beside each verdict what is left of it when all labels are tested: `holm`.

    Returns:
        A line for each verdict, and each p-value of a reader, that the resamples do not settle.
    """
    lines = []
    for figure in dict.fromkeys(name for entry in classes for name in entry["against_mean"]):
        entries = [entry for entry in classes if figure in entry["against_mean"]]
        items = [entry["against_mean"][figure] for entry in entries]
        adjusted = after_holm([item["judged"] for item in items], level=level)
        unsure = unsettled_verdicts([judged_by(item) for item in items], margin=margin, level=level)
        for entry, item, held, is_unsure in zip(entries, items, adjusted, unsure, strict=True):
            item["holm"] = held
            if is_unsure:
                told = advice(judged_by(item).get("resamples") or max(i.get("resamples", 0) for i in items))
                item["flags"] = [*item["flags"], f"verdict {told}"]
                lines.append(f"{entry['class']}: verdict on {figure.replace('_', ' ')} {told}")
    for entry in classes:
        for reader in entry["readers"]:
            for value in reader["differences"].values():
                count = value.get("resamples", 0)
                if count and is_p_unsettled(value["test"], count, level=level):
                    value["flags"] = [*value["flags"], f"p {advice(count)}"]
    return lines


def _flags(seats: Seats, scored: Scored, *, panel: list[int]) -> list[str]:
    flags = []
    if len(seats.readers) < FEW_READERS:
        flags.append(f"{len(seats.readers)} readers: fewer than {FEW_READERS} say little about others")
    if seats.unmatched:
        flags.append(f"{seats.unmatched} images that were read are not among those judged: left out")
    if seats.uncertain:
        flags.append(f"{seats.uncertain} readings of -1 (uncertain) were taken for not read")
    if not panel and _made_the_truth(seats.values, scored.targets):
        flags.append(
            "the majority of these readers is the truth in every image: they flatter themselves by being "
            f"compared with it; --panel {ALL} compares each with the others"
        )
    return flags


def _made_the_truth(values: np.ndarray, targets: np.ndarray) -> bool:
    """Whether three or more callers agree by majority with the truth wherever both are known."""
    if len(values) < 3 or kind_of_ratings(values) != "binary":
        return False
    labels = [majority(values[:, :, column].T).labels for column in range(values.shape[2])]
    found = np.stack(labels, axis=1)
    both = ~np.isnan(found) & ~np.isnan(targets)
    return bool(both.any() and (found == targets)[both].all())
