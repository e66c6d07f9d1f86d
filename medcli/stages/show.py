"""Describe a file of ours: what it is, what it holds, and how it came to be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from medcli.config import ShowConfig
from medcli.errors import DataError
from medcli.reporting.words import count
from medcli.store.kinds import Kind, kind_of
from medcli.store.manifest import Manifest, read_manifest
from medcli.store.references import display
from medcli.store.results_schema import is_results, read_results

WIDTH = 80


def run(config: ShowConfig) -> dict[str, Any]:
    """Facts about a manifest, shard, predictions, maps, model, checkpoint or results, as JSON values."""
    if config.file == "-":
        return _manifest_facts(read_manifest("-"))
    path = Path(config.file)
    match kind_of(path):
        case Kind.hdf5:
            return _hdf5_facts(path)
        case Kind.safetensors:
            from medcli.store.weights import read_header

            header = read_header(path)
            return {"kind": header.get("medcli", "unknown"), **header}
        case Kind.json:
            if is_results(path):
                return _results_facts(read_results(path))
            return _manifest_facts(read_manifest(config.file))
    raise DataError(
        "it is no file of medcli", where=config.file, hint="it is neither JSON, HDF5 nor safetensors"
    )


def _manifest_facts(manifest: Manifest) -> dict[str, Any]:
    facts: dict[str, Any] = {"kind": "manifest/1", "task": manifest.task}
    # A table of scores has predictions and no records.
    if manifest.records or not manifest.predictions:
        facts |= _records_facts(manifest.records)
    facts["rejected"] = dict(sorted(Counter(item["code"] for item in manifest.rejected).items()))
    if manifest.splits:
        facts["parts"] = {part: len(ids) for part, ids in manifest.splits["parts"].items()}
    if manifest.evaluation:
        results = _results_facts(manifest.evaluation)
        facts["evaluated"] = f"{count(results['n'], 'image')}, part {results['part']}"
        facts |= {name: results[name] for name in ("auc", "flags")}
    files = [*manifest.shards, *manifest.predictions.values()]
    files += [ref for ref in (manifest.model, manifest.sources) if ref]
    facts["files"] = {display(Path(ref["path"])): ref["sha256"] for ref in files}
    facts["history"] = manifest.history
    return facts


def _results_facts(results: dict[str, Any]) -> dict[str, Any]:
    """Single facts of an evaluation, a comparison or an agreement of readers; AUCs of an evaluation."""
    facts: dict[str, Any] = {"kind": results["medcli"]}
    facts |= {name: value for name, value in results.items() if isinstance(value, str | int | float)}
    facts["auc"] = {entry["class"]: _estimate(entry["auc"]) for entry in results.get("classes", [])}
    facts["flags"] = results.get("flags", [])
    return {name: value for name, value in facts.items() if name != "medcli"}


def _estimate(quantity: dict[str, Any]) -> str:
    if quantity["estimate"] is None:
        return f"undefined: {quantity['reason']}"
    between = "" if quantity["ci"] is None else " ({:.3f} to {:.3f})".format(*quantity["ci"])
    return f"{quantity['estimate']:.3f}{between}"


def _records_facts(records: list[dict[str, Any]]) -> dict[str, Any]:
    patients = {record["patient"] for record in records if "patient" in record}
    facts: dict[str, Any] = {"images": len(records), "patients": len(patients) or None}
    counts: dict[str, Counter[str]] = {}
    for record in records:
        for name, value in record["labels"].items():
            counts.setdefault(name, Counter())[{1: "yes", 0: "no", -1: "uncertain"}[value]] += 1
    facts["labels"] = {name: dict(sorted(counts[name].items())) for name in sorted(counts)}
    for field in ("site", "device", "view", "sex"):
        seen = Counter(str(record[field]) for record in records if field in record)
        if seen:
            facts[field] = dict(sorted(seen.items()))
    return facts


def _hdf5_facts(path: Path) -> dict[str, Any]:
    from medcli.store.hdf5 import open_hdf5, read_any_header, read_records

    with open_hdf5(path) as file:
        header = read_any_header(file)
        records = read_records(file, header)
        arrays = {
            name: f"{file[name].dtype} {list(file[name].shape)}"
            for name in sorted(file)
            if name not in ("header", "records")
        }
    kind = header.pop("medcli", "unknown")
    return {"kind": kind, "arrays": arrays, **_records_facts(records), **header}


def render(facts: dict[str, Any]) -> str:
    """The facts as text of at most 80 columns; values that are too long are cut with an ellipsis."""
    lines: list[str] = []
    for name, value in facts.items():
        if name == "history":
            lines += ["history"] + [_step(entry) for entry in value]
        elif isinstance(value, dict) and value and not _is_flat(value):
            width = min(max(len(key) for key in value) + 2, 32)
            lines += [name] + [_line(f"  {key}", _word(item), width=width) for key, item in value.items()]
        elif value not in (None, {}, []):
            lines.append(_line(name, _word(value)))
    return "\n".join(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…" for line in lines)


def _is_flat(value: dict[str, Any]) -> bool:
    return len(_word(value)) <= WIDTH - 14 and not any(isinstance(item, dict) for item in value.values())


def _line(name: str, value: str, *, width: int = 12) -> str:
    return f"{name:<{width}} {value}"


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_word(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_word(item) for item in value)
    return str(value)


def _step(entry: dict[str, Any]) -> str:
    shown = {key: item for key, item in entry["options"].items() if item not in (None, [], False, key)}
    return f"  {entry['command']} {entry['version']}: " + ", ".join(
        f"{key}={_word(item)}" for key, item in shown.items()
    )
