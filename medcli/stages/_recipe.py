"""The recipe that shards and models record, and `preprocess --like`, which takes it from there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from medcli.config import PreprocessConfig, recorded_options
from medcli.errors import DataError, InputError, UsageError, at
from medcli.images.recipe import check_recipe
from medcli.images.statistics import Statistics
from medcli.stages._model import read_model_header
from medcli.store.hdf5 import open_hdf5, read_header
from medcli.store.kinds import Kind, kind_of
from medcli.store.manifest import Manifest
from medcli.store.shards import SHARD_VERSION

_DEFAULTS = PreprocessConfig()


def recorded_recipe(config: PreprocessConfig, statistics: Statistics | None) -> dict[str, Any]:
    """What goes into the header of a shard: options that decide pixels, and the statistics they use."""
    return recorded_options(config) | ({"statistics": statistics.recorded()} if statistics else {})


def preprocess_inputs(manifest: Manifest, statistics: Statistics | None) -> list[tuple[str, str]]:
    """What the history says that preprocess read: the records, and the splits that statistics are of."""
    splits = [("splits", statistics.splits)] if statistics else []
    return [("records", manifest.records_digest()), *splits]


def recipe_like(
    config: PreprocessConfig, given: Collection[str] | None = None
) -> tuple[PreprocessConfig, Statistics | None]:
    """The settings with the recipe of the file that `--like` names, and the statistics that are part of it.

    Args:
        config: Its places are kept.
        given: Names of fields that were asked for beside `--like`; by default those that differ from their
            defaults.

    Raises:
        InputError: If there is no such file.
        DataError: If it is neither a model nor a shard, or its recipe is not one of this version.
        UsageError: If an option that was asked for is not that of the file, naming it.
    """
    if config.like is None:
        return config, None
    with at(str(config.like)):
        wanted, statistics = _read(config.like)
    names = recorded_options(_DEFAULTS)
    if given is None:
        given = [name for name in names if getattr(config, name) != getattr(_DEFAULTS, name)]
    differing = [name for name in names if name in given and getattr(config, name) != wanted[name]]
    if differing:
        options = " and ".join("--" + name.replace("_", "-") for name in differing)
        raise UsageError(
            f"{options}: not as in the recipe of {config.like.name}", hint="leave out what --like decides"
        )
    return replace(config, **wanted), statistics


def _read(path: Path) -> tuple[dict[str, Any], Statistics | None]:
    if not path.is_file():
        raise InputError("no such file")
    match kind_of(path):
        case Kind.hdf5:
            with open_hdf5(path) as file:
                recipe = read_header(file, version=SHARD_VERSION)["recipe"]
        case Kind.safetensors:
            recipe = read_model_header(path)["recipe"]
        case _:
            raise DataError("it is neither a model nor a shard, so it has no recipe")
    return restore(recipe)


def restore(recipe: dict[str, Any]) -> tuple[dict[str, Any], Statistics | None]:
    """Fields of the settings, and statistics, from what `recorded_recipe` made; what is missing is a default.

    Raises:
        DataError: If it has options, values or statistics that this version does not know.
        UsageError: If it is impossible.
    """
    recipe = dict(recipe)
    recorded = recipe.pop("statistics", None)
    unknown = sorted(recipe.keys() - recorded_options(_DEFAULTS).keys())
    if unknown:
        raise DataError(f"its recipe has an option that this version of medcli does not know: {unknown[0]}")
    values = {f.name: _restored(f.default, recipe[f.name]) for f in fields(_DEFAULTS) if f.name in recipe}
    check_recipe(replace(_DEFAULTS, **values))
    whole = {name: getattr(_DEFAULTS, name) for name in recorded_options(_DEFAULTS)} | values
    return whole, None if recorded is None else Statistics.from_recorded(recorded)


def _restored(default: Any, value: Any) -> Any:
    """A JSON value as the settings hold it: a word of a list of words, or numbers that do not change."""
    if isinstance(default, StrEnum):
        try:
            return type(default)(value)
        except ValueError as error:
            raise DataError(f"its recipe has a value that this version does not know: {value}") from error
    return tuple(_restored(None, item) for item in value) if isinstance(value, list) else value
