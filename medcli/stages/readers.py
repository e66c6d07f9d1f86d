"""Readers without a model: how they agree, the truth they make together, and what they reach against one."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np

from medcli import __version__
from medcli.choices import Adjudication, RatingScale
from medcli.config import ReadersConfig, recorded_options
from medcli.errors import DataError, UsageError, at
from medcli.formats.reader_table import Readings
from medcli.metrics.adjudication import Adjudicated, adjudicate
from medcli.metrics.agreement import agreement, codes_of, kind_of_ratings
from medcli.metrics.arms import compare_arms
from medcli.progress import SILENT, Progress
from medcli.stages._reader_tables import load_arms, load_truth, table_files
from medcli.stages._report_folder import write_report
from medcli.store.atomic import check_apart, check_creatable, prepare_folder, write_bytes
from medcli.store.digests import derive_seed
from medcli.store.results_schema import READERS_VERSION

Document = dict[str, Any]
MAX_CATEGORIES = 100
CALLS = ["0", "1"]
_FOR_CALLS = (Adjudication.any, Adjudication.all)


def run(config: ReadersConfig, *, progress: Progress = SILENT) -> Document:
    """Agreement of every label, and, when asked for, one truth as a table and readers against a truth.

    Raises:
        UsageError: If an option does not fit.
        DataError: If tables contradict each other.
    """
    check_apart((config.output, config.adjudicated), (*table_files(config.sources), config.truth))
    if config.positive_from is not None and config.scale is not RatingScale.auto:
        raise UsageError("--positive-from makes calls of ratings, --scale says how they differ: give one")
    check_creatable(config.output, config.adjudicated)
    if config.report is not None:
        prepare_folder(config.report)
    if config.arm is not None and config.truth is None:
        raise UsageError("--arm compares arms by a truth", hint="give --truth TABLE")
    arms, digests = load_arms(config)
    if config.arm is not None and config.adjudicated is not None:
        raise UsageError("--adjudicated makes one truth of one arm", hint="leave out --arm")
    inputs = [{"role": "readers", "sha256": digest} for digest in digests]
    first = next(iter(arms.values()))
    flags, labels = _flags(first), []
    truth = None
    if config.truth is not None:
        truth, digest = load_truth(config, first.labels, first.ids)
        inputs.append({"role": "truth", "sha256": digest})
    with progress.task("readers", len(first.labels)) as step:
        for column, name in enumerate(first.labels):
            labels.append(_label(config, arms, truth, column))
            step(1, note=name)
    document: Document = {
        "medcli": READERS_VERSION,
        "readers": first.readers,
        "arms": list(arms),
        "unit": "patient" if any(first.patients) else "image",
        "n": len(first.ids),
        "n_clusters": len(np.unique(_patients(first))),
        "level": config.level,
        "labels": labels,
        "flags": flags,
    }
    if config.adjudicated is not None:
        document["adjudicated"] = _adjudicate(config, first)
    document["history"] = [
        {
            "command": "readers",
            "version": __version__,
            "options": recorded_options(config),
            "inputs": inputs,
        }
    ]
    if config.report is not None:
        from medcli.reporting.reader_study import render_reader_study

        write_report(render_reader_study(document), config.report)
    return document


def _label(
    config: ReadersConfig, arms: dict[str, Readings], truth: np.ndarray | None, column: int
) -> dict[str, Any]:
    """Agreement in each arm, and readers against the truth."""
    first = next(iter(arms.values()))
    ratings = np.stack([_ratings(readings, column, config) for readings in arms.values()])
    kind = _kind(config, ratings, names=first.categories)
    clusters = _patients(first)
    found: dict[str, Any] = {
        "class": first.labels[column] or "readings",
        "ratings": kind,
        "n_missing": int(np.sum(np.isnan(ratings))),
        "agreement": [],
    }
    for arm, values in zip(arms, ratings, strict=True):
        if len(first.readers) > 1:
            value = agreement(
                values.T,
                clusters,
                readers=first.readers,
                kind=kind,
                weights=config.weights.value,
                level=config.level,
                seed=derive_seed("medcli readers", found["class"], arm),
            )
            found["agreement"].append({"arm": arm, **value} if arm else value)
    if truth is not None:
        found["against_truth"] = compare_arms(
            truth[:, column],
            ratings,
            clusters,
            arms=list(arms),
            readers=first.readers,
            are_calls=kind == "binary",
            covariance=config.covariance.value,
            level=config.level,
        )
    return found


def _kind(config: ReadersConfig, ratings: np.ndarray, *, names: list[str]) -> str:
    """What the readings of a label are: as `--scale` says, but names stay names, and 1 and 0 no grades."""
    scale = config.scale.value
    if names:
        if scale not in ("auto", "nominal"):
            raise UsageError(
                f"--scale is {scale}, but readings are names such as {names[0]!r}",
                hint="write grades as numbers, or leave --scale out",
            )
        return "nominal"
    told = kind_of_ratings(ratings)
    if scale == "auto" or (told == "binary" and scale in ("nominal", "ordinal")):
        return told
    grades = len(np.unique(ratings[~np.isnan(ratings)]))
    if scale in ("nominal", "ordinal") and grades > MAX_CATEGORIES:
        raise UsageError(
            f"--scale is {scale}, but there are {grades} different readings, more than {MAX_CATEGORIES}",
            hint="measurements are on --scale interval or ratio",
        )
    return {"interval": "continuous"}.get(scale, scale)


def _ratings(readings: Readings, column: int, config: ReadersConfig) -> np.ndarray:
    """Of one label [readers, images]: as they are, or calls from a grade on; -1 among calls is not read."""
    values = readings.values[:, :, column].copy()
    if config.positive_from is not None:
        return np.where(np.isnan(values), np.nan, (values >= config.positive_from).astype(float))
    if np.isin(values[~np.isnan(values)], (-1.0, 0.0, 1.0)).all():
        values[values == -1] = np.nan
    return values


def _patients(readings: Readings) -> np.ndarray:
    """Code of each image's patient from 0, in any order of rows; where none is named the image is one."""
    owners = [
        ("patient", owner) if owner else ("image", name)
        for name, owner in zip(readings.ids, readings.patients, strict=True)
    ]
    numbering = {owner: code for code, owner in enumerate(sorted(set(owners)))}
    return np.array([numbering[owner] for owner in owners], dtype=np.int64)


def _flags(readings: Readings) -> list[str]:
    count = len(readings.readers)
    flags = [f"{count} readers: fewer than 5 say little about others"] if count < 5 else []
    missing = int(np.sum(np.isnan(readings.values)))
    return flags + ([f"{missing} of {readings.values.size} readings are missing"] if missing else [])


def _adjudicate(config: ReadersConfig, readings: Readings) -> dict[str, Any]:
    """Write one truth as a table that --truth reads, and say how it came about."""
    assert config.adjudicated is not None
    settler = None
    if config.adjudicator is not None:
        if config.adjudicator not in readings.readers:
            raise UsageError(
                f"--adjudicator is {config.adjudicator!r}, who is none of the readers",
                hint=f"readers are {', '.join(readings.readers[:8])}",
            )
        settler = readings.readers.index(config.adjudicator)
    results: dict[str, Adjudicated] = {}
    named: dict[str, list[str]] = {}
    for column, name in enumerate(readings.labels):
        ratings = _ratings(readings, column, config)
        with at(name or "readings"):
            values = np.arange(len(readings.categories)) if readings.categories else _grades(ratings)
            named[name] = readings.categories or [str(int(value)) for value in values]
            if config.rule in _FOR_CALLS and named[name] != CALLS:
                raise UsageError(
                    f"the rule {config.rule.value} is for calls of yes and no",
                    hint="give --rule majority, or of grades --positive-from",
                )
            results[name] = adjudicate(
                codes_of(ratings, values).T,
                rule=config.rule.value,
                num_categories=len(values),
                adjudicator=settler,
            )
    write_bytes(config.adjudicated, _table(readings, results, named, key=config.key))
    return {
        "rule": config.rule.value,
        "adjudicator": config.adjudicator,
        "labels": [
            {
                "class": name or "readings",
                "categories": named[name],
                "n_known": int(np.sum(~np.isnan(found.labels))),
                "n_positive": int(np.sum(found.labels == 1)) if named[name] == CALLS else None,
                "n_open": len(found.ties),
                **found.facts,
            }
            for name, found in results.items()
        ],
    }


def _grades(ratings: np.ndarray) -> np.ndarray:
    """What readers may have said: no and yes, or the grades that any of them gave."""
    known = ratings[~np.isnan(ratings)]
    if kind_of_ratings(ratings) == "continuous" or (len(known) and known.min() < 0):
        raise DataError(
            "these readings are numbers, which have no majority",
            hint="say from which on they are a yes: --positive-from",
        )
    return np.array([0.0, 1.0]) if np.isin(known, (0.0, 1.0)).all() else np.unique(known)


def _table(
    readings: Readings, results: dict[str, Adjudicated], named: dict[str, list[str]], *, key: str
) -> bytes:
    """Keys as they were written, a column a label, and which labels stayed open."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    any_open = any(found.ties for found in results.values())
    writer.writerow([key, *(name or "target" for name in results), *(["open"] if any_open else [])])
    still_open = {name: set(found.ties) for name, found in results.items()}
    for row, identity in enumerate(readings.ids):
        cells = [_cell(found.labels[row], named[name]) for name, found in results.items()]
        names = "; ".join(name or "target" for name, rows in still_open.items() if row in rows)
        writer.writerow([identity, *cells, *([names] if any_open else [])])
    return text.getvalue().encode()


def _cell(label: float, categories: list[str]) -> str:
    return "" if np.isnan(label) else categories[int(label)]
