"""Splits that were there before the pixels: carried on to the images, and held against their statistics."""

from __future__ import annotations

from typing import Any

from medcli.cohorts.splits import split_evidence
from medcli.errors import DataError
from medcli.store.digests import digest_json
from medcli.store.manifest import Manifest

Splits = dict[str, Any]


def check_splits(splits: Splits) -> None:
    """Refuse splits whose parts are not those that their digest is of."""
    if digest_json(splits["parts"]) != splits["sha256"]:
        raise DataError("the splits are not those that split wrote (sha256 differs)", hint="run medcli split")


def origin(splits: Splits) -> str:
    """Digest of the splits as `split` made them."""
    return splits["origin"] if "origin" in splits else splits["sha256"]


def carry(splits: Splits, manifest: Manifest) -> Splits:
    """The splits of the images in a manifest of preprocess: slices and crops go where their volume went.

    Those that lose or gain an image have a digest of their own, and `origin`, the digest of the first.
    """
    part_of = {identity: part for part, ids in splits["parts"].items() for identity in ids}
    parts: dict[str, list[str]] = {part: [] for part in splits["parts"]}
    for record in sorted(manifest.records, key=lambda record: record["id"]):
        known = record["id"] if record["id"] in part_of else record["volume"]
        parts[part_of[known]].append(record["id"])
    sha256 = digest_json(parts)
    if sha256 == splits["sha256"]:
        return splits
    classes = manifest.classes if manifest.task else []
    evidence = split_evidence(manifest.records, parts, classes, shares=splits["shares"])
    return {**splits, "sha256": sha256, "parts": parts, "evidence": evidence, "origin": origin(splits)}


def refuse_other_statistics(recipe: dict[str, Any], splits: Splits) -> None:
    """Refuse shards that were scaled by the training part of other splits.

    Args:
        recipe: Of the shards.
        splits: That a model is to be trained by.
    """
    statistics = recipe.get("statistics")
    if statistics and statistics["splits"] != origin(splits):
        raise DataError(
            f"the shards are scaled by the training part of other splits ({statistics['splits'][:12]}) than "
            f"these ({origin(splits)[:12]})",
            hint="train by the splits in the manifest of preprocess --normalize train, or preprocess again",
        )
