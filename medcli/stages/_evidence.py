"""The evidence about the data that ingest puts into the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medcli.cohorts.evidence.counts import field_counts, flag_counts, label_counts
from medcli.cohorts.evidence.duplicates import exact_duplicates, near_duplicates
from medcli.cohorts.evidence.fingerprint import fingerprint
from medcli.store.digests import digest_json

EVIDENCE_VERSION = "evidence/1"


def gather(
    records: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Mapping[str, Any]],
    *,
    task: Mapping[str, Any] | None,
    dropped: Mapping[str, int],
    sources: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Section `evidence` of a manifest; its size does not grow with the cohort beyond a few hundred kB.

    Args:
        records: All records of the manifest.
        facts: By record id: `images.quality.describe` and `images.perceptual.perceptual_hashes` of its
            pixels; nothing of a record whose pixels were not looked at.
        task: Its classes are counted.
        dropped: By record field, how many values made no sense and were left out.
        sources: By record id, where its pixels are: findings of one scan are no doubles of each other.
    """
    pictures = _one_a_picture(records, sources)
    evidence: dict[str, Any] = {
        "version": EVIDENCE_VERSION,
        "images": len(records),
        "patients": len({record["patient"] for record in records if record.get("patient")}),
        "described": len(facts),
        "masks": sum(bool(record.get("has_mask")) for record in records),
        "labels": label_counts(records, task["classes"] if task else []),
        "fields": field_counts(records, dropped),
        "same_bytes": exact_duplicates(pictures, by="sha256"),
        "quality": flag_counts(records, facts),
    }
    if facts:
        evidence |= {
            "same_pixels": exact_duplicates(pictures, by="pixels_sha256"),
            "near_duplicates": near_duplicates(pictures, facts),
            "fingerprint": fingerprint(records, facts),
        }
    return evidence


def _one_a_picture(
    records: Sequence[Mapping[str, Any]], sources: Mapping[str, Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Records without those of further findings, such as nodules, in what an earlier one shows."""
    seen: set[str] = set()
    kept = []
    for record in records:
        if "boxes" in record and record["id"] in sources:
            source = digest_json(sources[record["id"]])
            if source in seen:
                continue
            seen.add(source)
        kept.append(record)
    return kept
