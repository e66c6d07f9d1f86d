"""Work that is done already: a whole shard, made from the same records and bytes by the same recipe."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcli.errors import DataError, InputError
from medcli.progress import Progress
from medcli.store.atomic import locked, sweep
from medcli.store.digests import digest_json
from medcli.store.hdf5 import open_hdf5, read_header, read_records, read_whole
from medcli.store.references import Reference, display
from medcli.store.shards import SHARD_VERSION, shard_reference
from medcli.store.sources import Source, source_bytes
from medcli.workers import Result, run_in_workers

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Finished:
    """A shard that needs not be made again, and what it says of the inputs."""

    shard: Reference
    records: Rows
    rejected: Rows


@dataclass(frozen=True)
class SourceOf:
    """Where the bytes of one record are, for a worker."""

    record: dict[str, Any]
    root: Path
    file: Source


def find_finished(
    path: Path,
    header: dict[str, Any],
    *,
    differs: Callable[[Rows, Rows], str],
    progress: Progress,
) -> Finished | None:
    """The shard at `path`, or None when it must be made; why is said where there is one.

    Args:
        path: Need not exist.
        header: Fields that the header must have (task, recipe, history, perhaps part).
        differs: Given the shard's records and its rejects, says in a few words what is no longer so.
    """
    with locked(path):
        sweep(path.parent)
        if not path.is_file():
            return None
        try:
            found = _open(path, header, differs=differs)
        except (DataError, InputError) as error:
            progress.note(f"{display(path.absolute())} is made again: {error.message}")
            return None
        progress.note(f"{display(path.absolute())} holds this very result: nothing to do")
        return found


def _open(path: Path, wanted: dict[str, Any], *, differs: Callable[[Rows, Rows], str]) -> Finished:
    with open_hdf5(path) as file:
        header = read_header(file, version=SHARD_VERSION)
        records = read_records(file, header)
    for name in ("task", "recipe", "part", "history"):
        if digest_json(header.get(name)) != digest_json(wanted.get(name)):
            raise DataError(f"its {name} differs{_which(header, wanted, name)}")
    rejected = header.get("rejected", [])
    if reason := differs(records, rejected):
        raise DataError(reason)
    read_whole(path)
    return Finished(_reference(path, records, rejected), records, rejected)


def _reference(path: Path, records: Rows, rejected: Rows) -> Reference:
    return shard_reference(path, num_images=len(records), num_rejected=len(rejected))


def _which(header: dict[str, Any], wanted: dict[str, Any], name: str) -> str:
    """The options that differ, of a recipe; what differs, of a history."""
    ours, theirs = wanted[name], header.get(name)
    if name == "recipe" and isinstance(theirs, dict):
        options = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        return f" ({', '.join(options[:4])})"
    if name == "history" and theirs:
        if theirs[-1].get("inputs") != ours[-1]["inputs"]:
            return " (other records)"
        if theirs[-1].get("version") != ours[-1]["version"]:
            return " (another version of medcli)"
    return ""


def changed_sources(
    sources: list[SourceOf],
    *,
    records: Rows,
    rejected: Rows,
    num_workers: int,
    progress: Progress,
) -> str:
    """Says which outcome could be another now; nothing when every source has the bytes it had.

    All source files and masks are read and digested, none is decoded. Rejects for reasons that need not come
    back (`worker/...`) are tried again.

    Args:
        sources: Of all records that the shard is to tell of.
        records: Of the shard.
        rejected: Of the shard.
    """
    codes = {row["id"]: row["code"] for row in rejected}
    known = codes.keys() | {row.get("volume", row["id"]) for row in records}
    if known != {source.record["id"] for source in sources}:
        return "it was made from other records"
    retry = [code for code in codes.values() if code.startswith("worker/")]
    if retry:
        return f"{len(retry)} of its rejects need not come back ({retry[0]})"
    changed = 0
    with (
        progress.task("compare sources", len(sources)) as step,
        closing(run_in_workers(digest, sources, jobs=num_workers, size_of=_size)) as results,  # type: ignore[type-var]
    ):
        for result in results:
            before = codes.get(result.item.record["id"], "")
            changed += _outcome(result) != (before if before.startswith("file/") else "")
            step()
    return f"{changed} of its {len(sources)} sources changed since" if changed else ""


def digest(source: SourceOf) -> tuple[str, str | None]:
    """Digests of a source and of its mask; called in worker processes."""
    from medcli.formats.image import digest_source

    mask = digest_source(source.root, {"path": source.file["mask"]}) if "mask" in source.file else None
    return digest_source(source.root, source.file), mask


def _size(source: SourceOf) -> int:
    return source_bytes(source.root, source.file)


def _outcome(result: Result[SourceOf]) -> str:
    """The code with which preprocess would reject the source now; nothing when it would not."""
    if result.error is not None:
        return result.error.code or "file/unreadable"
    record = result.item.record
    return "" if result.value == (record["sha256"], record.get("mask_sha256")) else "file/changed"
