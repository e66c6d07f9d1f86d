"""What every stage that uses a trained model must make sure of first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medcli.config import PreprocessConfig, recorded_options
from medcli.errors import DataError
from medcli.store.weights import read_header

MODEL_VERSION = "model/1"


def read_model_header(path: Path) -> dict[str, Any]:
    """The header of a model of this version.

    Raises:
        DataError: If it is something else, a checkpoint for instance.
    """
    header = read_header(path)
    if header.get("medcli") != MODEL_VERSION:
        raise DataError(f"it is {header.get('medcli')!r}, {MODEL_VERSION!r} was expected", where=str(path))
    return header


def refuse_other_images(model: dict[str, Any], shard: dict[str, Any]) -> None:
    """Refuse shards whose recipe or classes are not those that the model was trained on.

    Args:
        model: Header of the model.
        shard: Header of the shards.
    """
    defaults = recorded_options(PreprocessConfig())  # of options that were not there when a file was made
    recipe, ours = ({**defaults, **header["recipe"]} for header in (model, shard))
    differing = sorted(key for key in recipe.keys() | ours.keys() if recipe.get(key) != ours.get(key))
    if differing:
        words = "; ".join(f"{k} was {_short(recipe.get(k))}, is {_short(ours.get(k))}" for k in differing[:4])
        raise DataError(
            f"the model was trained on images of another recipe: {words}",
            hint="medcli preprocess --like MODEL makes images as those that it was trained on",
        )
    if shard["task"] is not None and shard["task"] != model["task"]:
        _refuse_task(model["task"], shard["task"])


def _short(value: Any) -> str:
    """Statistics are told apart by the splits that they are of."""
    return f"of splits {value['splits'][:12]}" if isinstance(value, dict) else str(value)


def _refuse_task(model: dict[str, Any], shard: dict[str, Any]) -> None:
    if shard["type"] != model["type"]:
        raise DataError(f"the model's task is {model['type']}, that of the shards {shard['type']}")
    ours, theirs = shard["classes"], model["classes"]
    lacking = [name for name in theirs if name not in ours] + [name for name in ours if name not in theirs]
    detail = f"not in both: {', '.join(lacking[:6])}" if lacking else "their order differs"
    raise DataError(
        f"the model has {len(theirs)} classes, the shards {len(ours)}; {detail}",
        hint="ingest with --classes in the order of the model, which medcli show prints",
    )
