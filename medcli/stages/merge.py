"""Merge: the parts of a job array become the shard and the manifest that one run would have made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from medcli.config import MergeConfig
from medcli.errors import DataError, UsageError
from medcli.progress import SILENT, Progress
from medcli.stages._finished import Finished, Rows, find_finished
from medcli.stages._splits import carry
from medcli.store.atomic import check_creatable
from medcli.store.hdf5 import open_hdf5, read_array, read_header, read_records
from medcli.store.manifest import Manifest, load
from medcli.store.references import Reference, display, verify
from medcli.store.shards import SHARD_VERSION, ShardWriter

_OWN = {"records", "rejected", "shards", "sources"}
_AGAIN = "run it again with the options of the others, or leave it out"


@dataclass(frozen=True)
class _Part:
    """One part: the manifest that it came with, and what its shard says."""

    name: str
    manifest: Manifest
    shard: Path
    header: dict[str, Any]
    num_images: int
    has_masks: bool
    dtype: str

    @property
    def number(self) -> int:
        """Which part, from 1."""
        return self.header["part"][0]

    @property
    def count(self) -> int:
        """Of how many."""
        return self.header["part"][1]

    @property
    def earlier(self) -> list[dict[str, Any]]:
        """What was rejected before preprocess, the same in every part."""
        own = len(self.header["rejected"])
        return self.manifest.rejected[: len(self.manifest.rejected) - own]


def run(config: MergeConfig, *, progress: Progress = SILENT) -> Manifest:
    """Copy the images of all parts, in the order of the parts, and join what was kept and rejected.

    The bytes of shard and manifest are those of one run over all records. The parts stay as they are. A shard
    that is whole and holds just these parts is left as it is.

    Raises:
        DataError: Naming it, if a part is missing, doubled, damaged, or was made by other options, from other
            records or by another version.
        UsageError: If the output would replace a part.
    """
    parts = [_read_part(name) for name in config.parts]
    _refuse_what_differs(parts)
    parts = _in_order(parts)
    if any(part.shard.resolve() == config.shard.resolve() for part in parts):
        raise UsageError("the merged shard would replace a part", where=str(config.shard))
    check_creatable(config.shard, config.output)
    first = parts[0]
    own = [reject for part in parts for reject in part.header["rejected"]]
    merged = replace(first.manifest, records=[], rejected=[*first.earlier, *own], shards=[])
    header = {key: first.header[key] for key in ("task", "recipe", "history")}
    found = None if config.fresh else _find_merged(parts, own, config.shard, header=header, progress=progress)
    if found is None:
        merged.shards = [_write(merged, parts, config.shard, rejected=own, header=header, progress=progress)]
    else:
        merged.records, merged.shards = found.records, [found.shard]
    if merged.splits:
        merged.splits = carry(merged.splits, merged)
    return merged


def _find_merged(
    parts: list[_Part], rejected: Rows, path: Path, *, header: dict[str, Any], progress: Progress
) -> Finished | None:
    def differs(found: Rows, found_rejected: Rows) -> str:
        records: Rows = []
        for part in parts:
            with open_hdf5(part.shard) as file:
                records += read_records(file, part.header)
        return "" if (found, found_rejected) == (records, rejected) else "it holds other parts"

    return find_finished(path, header, differs=differs, progress=progress)


def _read_part(name: str) -> _Part:
    manifest = load(name)
    shards: list[Reference] = manifest.require("shards", made_by="preprocess")
    if len(shards) != 1:
        raise DataError(f"it names {len(shards)} shards, a part has one", where=name)
    path = verify(shards[0])
    with open_hdf5(path) as file:
        header = read_header(file, version=SHARD_VERSION)
        num_images = len(read_records(file, header))
        has_masks, dtype = "masks" in file, str(file["images"].dtype)
    if "part" not in header:
        raise DataError(
            "it is not a part: preprocess made it from all records",
            where=name,
            hint="give the manifests that preprocess --part I/N wrote",
        )
    return _Part(name, manifest, path, header, num_images, has_masks, dtype)


def _refuse_what_differs(parts: list[_Part]) -> None:
    """Refuse parts of different runs, naming the first that differs from the first part, and in what."""
    if not parts:
        raise UsageError("there is no part to merge", hint="medcli merge OUT.h5 PART.json...")
    first = parts[0]
    for part in parts[1:]:
        difference = _difference(first, part)
        if difference:
            raise DataError(f"{difference} differs from that of {_show(first)}", where=part.name, hint=_AGAIN)


def _difference(first: _Part, part: _Part) -> str:
    """What tells two parts of different runs apart; nothing when they are of one."""
    ours, theirs = first.header, part.header
    last, other = (header["history"][-1] for header in (ours, theirs))
    recipes = ours["recipe"], theirs["recipe"]
    options = sorted(
        k for k in recipes[0].keys() | recipes[1].keys() if recipes[0].get(k) != recipes[1].get(k)
    )
    sources = [one.manifest.sources and one.manifest.sources["sha256"] for one in (first, part)]
    found = {
        "the number of parts": first.count != part.count,
        "the version of medcli": last["version"] != other["version"],
        f"the recipe ({', '.join(options[:4])})": bool(options),
        "the list of records": last["inputs"] != other["inputs"] or sources[0] != sources[1],
        "the task": ours["task"] != theirs["task"],
        "the history": ours["history"] != theirs["history"],
        "the kind of its images": _kind(first) != _kind(part),
        "the list of earlier rejects": first.earlier != part.earlier,
    }
    for f in fields(Manifest):
        if f.name not in _OWN:
            mine, its = getattr(first.manifest, f.name), getattr(part.manifest, f.name)
            found.setdefault(f"the section {f.name}", mine != its)
    return next((what for what, differs in found.items() if differs), "")


def _in_order(parts: list[_Part]) -> list[_Part]:
    """All parts once, from the first to the last.

    Raises:
        DataError: If one is missing or there twice.
    """
    by_number: dict[int, _Part] = {}
    for part in parts:
        twin = by_number.setdefault(part.number, part)
        if twin is not part:
            raise DataError(
                f"part {part.number} of {part.count} is there twice, also as {_show(twin)}", where=part.name
            )
    count = parts[0].count
    missing = [number for number in range(1, count + 1) if number not in by_number]
    if missing:
        numbers = ", ".join(str(number) for number in missing[:10])
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise DataError(
            f"{len(missing)} of {count} parts missing: {numbers}{more}",
            hint=f"run preprocess --part {missing[0]}/{count} and give its manifest too",
        )
    return [by_number[number] for number in sorted(by_number)]


def _write(
    merged: Manifest,
    parts: list[_Part],
    path: Path,
    *,
    rejected: Rows,
    header: dict[str, Any],
    progress: Progress,
) -> Reference:
    """Copy image by image, so that memory is flat; the records go into `merged` as well."""
    total = sum(part.num_images for part in parts)
    if not total:
        raise DataError(
            f"none of {len(merged.rejected)} images could be used",
            hint="the codes are explained in the manual page: medcli man preprocess",
        )
    height, width, channels = parts[0].header["shape"]
    with (
        ShardWriter(
            path,
            shape=(height, width, channels),
            header=header,
            with_masks=parts[0].has_masks,
            dtype=parts[0].dtype,
        ) as shard,
        progress.task("merge", total) as step,
    ):
        for part in parts:
            for pixels, record, mask in _rows(part):
                shard.append(pixels, record, mask)
                merged.records.append(record)
                step()
        return shard.finish(rejected)


def _rows(part: _Part) -> Iterator[tuple[Any, dict[str, Any], Any]]:
    with open_hdf5(part.shard) as file:
        for row, record in enumerate(read_records(file, part.header)):
            mask = read_array(file, "masks", rows=row) if part.has_masks else None
            yield read_array(file, "images", rows=row), record, mask


def _kind(part: _Part) -> tuple[Any, ...]:
    return part.header["shape"], part.dtype, part.has_masks


def _show(part: _Part) -> str:
    return display(Path(part.name).absolute())
