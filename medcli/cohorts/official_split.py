"""Splits that the source of a cohort names, such as the lists that were published with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medcli.cohorts.splits import PARTS, check_shares, split_records
from medcli.errors import DataError


def official_parts(
    records: list[dict[str, Any]],
    classes: list[str],
    *,
    shares: Sequence[float],
    seed: int,
    lone_images: bool = False,
) -> dict[str, list[str]]:
    """Ids of every part as the records name them (`part`); whether they overlap is for others to check.

    Where the source names no validation part, one is taken from its training part as `split_records` does
    it: whole patients, stratified, of the size that `shares` gives validation beside training.

    Raises:
        DataError: If an image has no part, none is for training, or validation has to be taken from images
            of unknown patients.
    """
    unnamed = [record["id"] for record in records if not record.get("part")]
    if unnamed:
        raise DataError(
            f"{len(unnamed)} of {len(records)} images have no official part, "
            f"the first is record {unnamed[0]}",
            hint="medcli ingest --part COLUMN declares the parts; without --official they are drawn",
        )
    members: dict[str, list[dict[str, Any]]] = {part: [] for part in PARTS}
    for record in records:
        members[record["part"]].append(record)
    if not members["train"]:
        raise DataError("the source names no image for training")
    parts = {part: sorted(record["id"] for record in found) for part, found in members.items()}
    train, val, _ = check_shares(shares)
    if not parts["val"] and val > 0:
        parts |= split_records(
            members["train"], classes, shares=(train, val, 0), seed=seed, lone_images=lone_images
        ) | {"test": parts["test"]}
    return parts
