"""What is compared, as it was given: sources with their names, parts and calibrations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from medcli.cohorts.fields import field_value
from medcli.config import CompareConfig, Part
from medcli.errors import DataError, UsageError
from medcli.stages._predictions import load_source, open_predictions, predictions_of, take_rows
from medcli.stages._tuning import take_calibration, tuned_on
from medcli.store.manifest import Manifest
from medcli.store.predictions import Predictions
from medcli.store.references import Reference


@dataclass(frozen=True)
class Entrant:
    """Predictions of one model, what they came with, and why they may flatter it (`_tuning.tuned_on`)."""

    name: str
    manifest: Manifest
    ref: Reference
    predictions: Predictions
    flags: tuple[str, ...] = ()


def load_entrants(config: CompareConfig) -> list[Entrant]:
    """Read every source, each with its calibration.

    Raises:
        UsageError: If there are fewer than two, or names or calibrations do not go with them.
        DataError: If a source has no predictions of the part, or does not come apart by `each`.
    """
    count = len(config.sources)
    if count < 2:
        raise UsageError("there is one source, a comparison needs at least two")
    if config.name and len(config.name) != count:
        raise UsageError(f"--name is given {len(config.name)} times for {count} sources")
    if len(config.calibration) not in {0, 1, count}:
        raise UsageError(
            f"--calibration is given {len(config.calibration)} times for {count} sources",
            hint="give it once for all, or once for each in their order",
        )
    calibrations = list(config.calibration) * (count if len(config.calibration) == 1 else 1)
    names = list(config.name) or _names(config.sources)
    if len(set(names)) < count:
        raise UsageError("two models have the same name", hint="--name names each, in their order")
    entrants = []
    for number, source in enumerate(config.sources):
        manifest = load_source(source, config, part=str(config.part or Part.test))
        fitted_on = take_calibration(manifest, calibrations[number] if calibrations else None)
        ref = predictions_of(manifest, str(config.part or _default_part(manifest, config, number)))
        predictions = open_predictions(ref)
        lines = tuned_on(predictions, manifest, fitted_on or manifest.predictions.get("val"))
        flags = tuple(f"{names[number]}: {line}" for line in lines)
        entrants.append(Entrant(names[number], manifest, ref, predictions, flags))
    return entrants if config.each is None else _apart(entrants, config.each)


def _default_part(manifest: Manifest, config: CompareConfig, number: int) -> str:
    """The only part there is, or test; with `each`, of the sources after the first the external part."""
    if config.each is not None and number > 0 and Part.external in manifest.predictions:
        return str(Part.external)
    return next(iter(manifest.predictions)) if len(manifest.predictions) == 1 else str(Part.test)


def field_words(record: dict[str, Any], field: str) -> str | None:
    """What a record says in one of its own fields, or in a column that was kept, as words."""
    value = field_value(record, field)
    return None if value is None else str(value)


def _apart(entrants: list[Entrant], field: str) -> list[Entrant]:
    """The first source as it is, and each value of the field in the others as a source of its own.

    Raises:
        DataError: If an image of the others has no such value.
        UsageError: If two sources then have one name.
    """
    found = entrants[:1]
    for entrant in entrants[1:]:
        values = [field_words(record, field) for record in entrant.predictions.records]
        unknown = values.count(None)
        if unknown:
            raise DataError(
                f"{unknown} of {len(values)} images of {entrant.name} have no {field!r}",
                hint="--each takes a field that every image of the other sources has",
            )
        for value in sorted({value for value in values if value is not None}):
            rows = np.array([row for row, own in enumerate(values) if own == value])
            name = f"{entrant.name} {value}" if len(entrants) > 2 else value
            found.append(replace(entrant, name=name, predictions=take_rows(entrant.predictions, rows)))
    names = [entrant.name for entrant in found]
    if len(set(names)) < len(names):
        raise UsageError(f"the first source is called like a {field}", hint="--name gives it another name")
    return found


def _names(sources: tuple[str, ...]) -> list[str]:
    """Stems of the files; those that are alike are numbered."""
    stems = ["stdin" if source == "-" else Path(source).name.split(".")[0] for source in sources]
    seen: dict[str, int] = {}
    names = []
    for stem in stems:
        seen[stem] = seen.get(stem, 0) + 1
        names.append(stem if stems.count(stem) == 1 else f"{stem}-{seen[stem]}")
    return names
