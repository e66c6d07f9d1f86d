"""One SOP Instance UID in several files: a copy is left out, a contradiction is refused.

Reference: DICOM PS3.3 C.12.1.1.1: a SOP Instance UID names one object, everywhere and for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from medcli.cohorts.evidence.duplicates import differences
from medcli.cohorts.layouts import Refusal
from medcli.formats.image import decode, pixels_digest
from medcli.formats.series import SliceFacts
from medcli.store.sources import resolve_inside
from medcli.workers import run_in_workers

DOUBLED, CONFLICT = "file/doubled", "file/uid-conflict"


def judge_records(
    files: Mapping[str, Mapping[str, Sequence[str]]], records: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Refusal]]:
    """Record and refusal of every image that is a copy of an earlier one, or contradicts another.

    Args:
        files: By SOP Instance UID: file to the ids of its records, in the order of the files.
        records: By id. Pixels count as equal by `pixels_sha256`, where it is unknown by `sha256`.
    """
    for found in files.values():
        group = [records[identity] for ids in found.values() for identity in ids]
        pixels = {record.get("pixels_sha256") or record["sha256"] for record in group}
        differing = [name for name in differences(group) if name in {"patient", "labels"}]
        is_conflict = len(pixels) > 1 or bool(differing)
        what = ", ".join(["pixels"] * (len(pixels) > 1) + differing)
        for number, (path, ids) in enumerate(found.items()):
            for identity in ids:
                if is_conflict:
                    reason = f"{len(found)} files have its SOP Instance UID, but other {what}"
                    yield identity, Refusal(path, CONFLICT, reason)
                elif number:
                    yield identity, Refusal(path, DOUBLED, "a copy of an image that is kept")


def judge_slices(slices: Sequence[tuple[str, SliceFacts]], *, root: Path, jobs: int) -> dict[str, str]:
    """Reason code of every slice that is a copy of one before it, or that another one contradicts.

    Only slices of one series that share a SOP Instance UID are decoded.

    Args:
        slices: Files relative to `root`, sorted, with what their headers say.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for path, facts in slices:
        if facts.uid:
            groups.setdefault((facts.series, facts.uid), []).append(path)
    shared = [paths for paths in groups.values() if len(paths) > 1]
    names = [path for paths in shared for path in paths]
    files = (resolve_inside(root, path) for path in names)
    with closing(run_in_workers(_digest, files, jobs=jobs)) as results:  # type: ignore[type-var]
        # What cannot be decoded is judged as a slice, with its own code.
        digests = {path: result.value for path, result in zip(names, results, strict=True)}
    codes: dict[str, str] = {}
    for paths in shared:
        is_copy = len({digests[path] for path in paths}) == 1
        codes |= dict.fromkeys(paths[1:] if is_copy else paths, DOUBLED if is_copy else CONFLICT)
    return codes


def _digest(path: Path) -> str:
    return pixels_digest(decode(path).pixels)
