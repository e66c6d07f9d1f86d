"""What is known of records and what is not: labels, fields, odd images."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]

FIELDS = ("patient", "group", "site", "device", "modality", "view", "age", "sex", "part")
MAX_IDS = 50
MAX_VALUES = 30
_AGE_BIN = 10


def label_counts(records: Sequence[Record], classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """For each class how many records say yes (1), no (0), uncertain (-1), and nothing (blank)."""
    counts = {name: Counter({1: 0, 0: 0, -1: 0}) for name in classes}
    for record in records:
        for name, value in record["labels"].items():
            if name in counts:
                counts[name][value] += 1
    return {
        name: {
            "yes": count[1],
            "no": count[0],
            "uncertain": count[-1],
            "blank": len(records) - count.total(),
        }
        for name, count in counts.items()
    }


def field_counts(records: Sequence[Record], dropped: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Of each record field how many are `missing`, how many values were `impossible`, and its `values`.

    Args:
        dropped: By field, how many values made no sense and were left out; these records count as missing
            as well.

    Returns:
        By field; `values` are the most frequent ones with their counts (not of patient, group and age),
        `distinct` is how many there are; of age also `low`, `median`, `high` and `decades`.
    """
    return {name: _of_field(records, name, num_impossible=dropped.get(name, 0)) for name in FIELDS}


def _of_field(records: Sequence[Record], name: str, *, num_impossible: int) -> dict[str, Any]:
    values = [record[name] for record in records if record.get(name) is not None]
    entry: dict[str, Any] = {
        "missing": len(records) - len(values),
        "impossible": num_impossible,
        "distinct": len(set(values)),
    }
    if name == "age":
        ordered = sorted(values)
        decades = Counter(int(value // _AGE_BIN) * _AGE_BIN for value in values)
        entry |= {
            "low": ordered[0] if ordered else None,
            "median": ordered[len(ordered) // 2] if ordered else None,
            "high": ordered[-1] if ordered else None,
            "decades": {str(start): decades[start] for start in sorted(decades)},
        }
    elif name not in {"patient", "group"}:
        common = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
        entry["values"] = dict(common[:MAX_VALUES])
    return entry


def flag_counts(
    records: Sequence[Record], facts: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """By flag, of a record's `quality` or its facts, how many images have it, and the first of their ids."""
    ids = defaultdict(list)
    for record in sorted(records, key=lambda record: record["id"]):
        known = facts.get(record["id"], {})
        for flag in {*record.get("quality", ()), *known.get("flags", ())}:
            ids[flag].append(record["id"])
    return {flag: {"count": len(ids[flag]), "ids": ids[flag][:MAX_IDS]} for flag in sorted(ids)}
