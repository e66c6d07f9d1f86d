"""Manifests: JSON with a record a line, relative paths, a schema, and no surprises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.config import SplitConfig
from medcli.errors import DataError, InputError, UsageError
from medcli.store.manifest import (
    Manifest,
    load,
    manifest_bytes,
    parse_manifest,
    read_manifest,
    write_manifest,
)
from medcli.store.predictions import write_predictions
from medcli.store.references import reference
from medcli.store.sources import read_sources, resolve_inside, write_sources
from tests.store.helpers import CLASSES, TASK, record, small_predictions, write_shard

hexes = st.text("0123456789abcdef", min_size=16, max_size=16)
names = st.text(min_size=1, max_size=20).filter(lambda text: text.strip())
records = st.builds(
    lambda i, labels, site: {"id": i, "sha256": "a" * 64, "labels": labels, "site": site},
    hexes,
    st.dictionaries(names, st.sampled_from([-1, 0, 1]), max_size=3),
    names,
)


@given(st.lists(records, unique_by=lambda r: r["id"], max_size=6))
def test_round_trip_and_one_record_a_line(items: list[dict]) -> None:
    manifest = Manifest(task=TASK, records=items)
    data = manifest_bytes(manifest, base=Path("/x"))
    assert parse_manifest(data, where="t", base=Path("/x")) == manifest
    lines = data.decode().split("\n")
    for item in items:
        assert sum(f'"{item["id"]}"' in line for line in lines) == 1


def test_paths_follow_the_manifest(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.h5")
    write_manifest(Manifest(records=[], shards=[shard]), tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text())["shards"][0]["path"] == "a.h5"
    moved = tmp_path.parent / "moved"
    tmp_path.rename(moved)
    try:
        assert read_manifest(str(moved / "m.json")).shards[0]["path"] == str(moved / "a.h5")
    finally:
        moved.rename(tmp_path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "empty"),
        ('{"medcli": "manifest/1", "records": [', "not a whole JSON document"),
        ("[1]", "not a medcli manifest"),
        ('{"medcli": "manifest/9", "records": [], "history": []}', "manifest/9"),
        (
            '{"medcli": "evaluation/2", "task": {}}',
            r"it holds results \('evaluation'\), a manifest was expected",
        ),
        ('{"medcli": "manifest/1", "history": []}', "records"),
        ('{"medcli": "manifest/1", "records": [NaN], "history": []}', "NaN is not JSON"),
        ('{"medcli": "manifest/1", "records": [' + "9" * 5000 + "]}", "not a whole JSON document"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, match: str) -> None:
    with pytest.raises(DataError, match=match) as refusal:
        parse_manifest(text.encode(), where="m.json", base=Path("/"))
    assert refusal.value.where == "m.json"


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../../etc"},
        {"labels": {"a": 2}},
        {"PatientName": "Doe^Jane"},
        {"age": 400},
        {"sex": "female"},
        {"sha256": "zz"},
    ],
)
def test_a_record_holds_only_allow_listed_fields_in_their_domain(change: dict) -> None:
    document = {"medcli": "manifest/1", "records": [{**record(1), **change}], "history": []}
    with pytest.raises(DataError, match="schema"):
        parse_manifest(json.dumps(document).encode(), where="m.json", base=Path("/"))


def test_a_doubled_record_is_named() -> None:
    document = {"medcli": "manifest/1", "records": [record(1), record(2), record(1)], "history": []}
    with pytest.raises(DataError, match=f"{1:016x} is there twice"):
        parse_manifest(json.dumps(document).encode(), where="m.json", base=Path("/"))


def test_history_keeps_what_decides_and_leaves_out_where() -> None:
    manifest = Manifest()
    manifest.add_history("split", SplitConfig(source="/secret/in.json", seed=7), [("records", "0" * 64)])
    entry = manifest.history[0]
    assert entry["options"]["seed"] == 7
    assert "/secret" not in json.dumps(entry)


def test_a_missing_section_says_which_command_makes_it() -> None:
    with pytest.raises(DataError) as caught:
        Manifest().require("shards", made_by="preprocess")
    assert caught.value.hint == "run medcli preprocess first"
    with pytest.raises(UsageError):
        _ = Manifest().classes


def test_shards_and_predictions_stand_for_manifests(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.h5")
    write_predictions(tmp_path / "p.h5", small_predictions())
    from_shard, from_predictions = load(str(tmp_path / "a.h5")), load(str(tmp_path / "p.h5"))
    assert from_shard.classes == CLASSES
    assert from_shard.shards[0]["num_images"] == 6
    assert list(from_predictions.predictions) == ["val"]
    with pytest.raises(InputError):
        load(str(tmp_path / "none.json"))


def test_the_private_map_is_private_and_leads_nowhere_else(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    files = {f"{1:016x}": {"path": "weird \udcff name.png"}}
    ref = write_sources(tmp_path, root, files)
    assert Path(ref["path"]).stat().st_mode & 0o777 == 0o600
    assert read_sources(ref) == (root, files)
    (root / "link").symlink_to("/etc")
    for path in ("../x", "/etc/passwd", "link/passwd"):
        with pytest.raises(DataError, match="leads out"):
            resolve_inside(root, path)
    assert resolve_inside(root, "a/b.png") == root / "a/b.png"


def test_records_digest_ignores_where_files_lie(tmp_path: Path) -> None:
    plain = Manifest(task=TASK, records=[record(1)])
    placed = Manifest(task=TASK, records=[record(1)], sources=reference(tmp_path / "s", "0" * 64))
    assert plain.records_digest() == placed.records_digest()
    assert plain.records_digest() != Manifest(task=TASK, records=[record(2)]).records_digest()
