"""Split: parts by patient, stratified, with the evidence that nothing leaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medcli.cohorts.external import EXTERNAL, external_rows
from medcli.cohorts.official_split import official_parts
from medcli.cohorts.splits import (
    check_shares,
    rare_classes,
    split_evidence,
    split_records,
)
from medcli.config import SplitBy, SplitConfig
from medcli.errors import DataError, GateError
from medcli.progress import SILENT, Progress
from medcli.store.digests import digest_json
from medcli.store.manifest import Manifest, load


def run(config: SplitConfig, *, progress: Progress = SILENT) -> Manifest:
    """Give every record a part; splits that were there are replaced.

    Raises:
        DataError: If there are no records, or images have neither patient nor group.
        GateError: If the finished split overlaps after all.
    """
    manifest = load(config.source)
    if not manifest.records:
        raise DataError("there are no records to split", hint="run medcli ingest first")
    classes = manifest.classes if manifest.task else []
    choose = official_parts if config.official else split_records
    is_external, num_tied = external_rows(manifest.records, config.external)
    outside = [r["id"] for r, is_out in zip(manifest.records, is_external, strict=True) if is_out]
    with progress.task("split", 1) as step:
        parts = choose(
            [r for r, is_out in zip(manifest.records, is_external, strict=True) if not is_out],
            classes,
            shares=config.shares,
            seed=config.seed,
            lone_images=config.by is SplitBy.image,
        )
        # Official parts have the sizes they have: each class is compared with those.
        shares = tuple(map(len, parts.values())) if config.official else config.shares
        parts |= {EXTERNAL: sorted(outside)} if outside else {}
        evidence = _evidence(manifest, parts, classes, shares=shares, is_official=config.official)
        step()
    sha256 = digest_json(parts)
    manifest.add_history("split", config, [("records", manifest.records_digest())], splits=sha256)
    manifest.splits = {
        "shares": [round(float(share), 6) for share in check_shares(shares)],
        "seed": config.seed,
        "by": str(config.by),
        **({"official": True} if config.official else {}),
        **({"external": list(config.external)} if outside else {}),
        "sha256": sha256,
        "parts": parts,
        "evidence": evidence,
    }
    if num_tied:
        progress.note(f"{num_tied} images are external because others of the same patient or group are")
    _tell(manifest, evidence, config=config, progress=progress)
    return manifest


def _evidence(
    manifest: Manifest,
    parts: dict[str, list[str]],
    classes: list[str],
    *,
    shares: Sequence[float],
    is_official: bool,
) -> dict[str, Any]:
    try:
        return split_evidence(manifest.records, parts, classes, shares=shares)
    except GateError as error:
        if is_official:
            error.hint = "the official parts overlap; medcli split without --official makes parts that do not"
        raise


def _tell(manifest: Manifest, evidence: dict[str, Any], *, config: SplitConfig, progress: Progress) -> None:
    lone = sum(not (r.get("patient") or r.get("group")) for r in manifest.records)
    if config.by is SplitBy.image and lone:
        progress.note(
            f"{lone} of {len(manifest.records)} images have no patient: each counts as its own patient, "
            "so images of one patient may be in two parts and results may look better than they are"
        )
    if not config.official and any("part" in record for record in manifest.records):
        progress.note("the source names official parts; --official keeps them")
    images, units = evidence["images"]["counts"], evidence["units"]
    # A unit is a patient where patients are known: else a group such as a lesion, or the image itself.
    names = [name for name in ("patient", "group") if any(r.get(name) for r in manifest.records)]
    unit = f"{names[0]}s" if names else "units"
    sizes = ", ".join(f"{part} {images[part]} images of {units[part]} {unit}" for part in images)
    if outside := evidence.get(EXTERNAL):
        sizes += f", external {outside['images']} images of {outside['units']} {unit}"
    progress.note(f"{sizes}; no patient, group, file or image in two parts")
    if config.official and not any(record["part"] == "val" for record in manifest.records) and images["val"]:
        progress.note("the source names no val: it was taken from train, by patient")
    if config.official and not images["test"]:
        progress.note("the source names no test")
    if evidence["classes"] and not config.official:
        name, found = max(evidence["classes"].items(), key=lambda item: item[1]["distance"])
        progress.note(f"furthest from its share: {name}, by {100 * found['distance']:.1f} points")
    for line in rare_classes(evidence):
        progress.note(line)
