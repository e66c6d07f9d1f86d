"""The report of ingest: what came in, what did not, and what is odd about it; one HTML file."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from medcli.reporting.templating import environment
from medcli.reporting.words import count

NUM_MONTAGE, NUM_PAIRS, NUM_ODD = 60, 12, 8
FLAGS = {
    "burned-in": "marked or likely to have burned-in text, which may name the patient",
    "constant": "every pixel has the same value",
    "blank": "nearly every pixel has the same value: hardly any content",
    "clipped": "more than 5 % of the middle is at the darkest or brightest value",
    "few-values": "at most four different values: a mask or a shape, no picture",
    "tiny": "the shorter side has less than 32 pixels",
}
NAMES = {
    "patient": "patients",
    "group": "groups",
    "site": "sites",
    "device": "devices",
    "modality": "modality",
    "view": "views",
    "age": "ages",
    "sex": "sex",
    "part": "official parts",
}
_LISTS = ("modality", "site", "device", "view", "sex", "part")

Record = Mapping[str, Any]


def shown_ids(records: Sequence[Record], evidence: Mapping[str, Any]) -> list[str]:
    """Records whose thumbnails the report has a place for, sorted; their number is bounded."""
    wanted = set(_montage_ids(records))
    for _, _, entries in _doubles(evidence):
        wanted |= {identity for entry in entries for identity in entry["ids"][:2]}
    for flag in evidence.get("quality", {}).values():
        wanted |= set(flag["ids"][:NUM_ODD])
    return sorted(wanted)


def render_ingest_report(
    *,
    task: Mapping[str, Any] | None,
    records: Sequence[Record],
    rejected: Sequence[Mapping[str, Any]],
    evidence: Mapping[str, Any],
    codes: Mapping[str, str],
    thumbnails: Mapping[str, np.ndarray],
    history: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The report as HTML, without scripts and without other files; all text from files is escaped.

    Args:
        task: Of the manifest, as `records`, `rejected`, `evidence` and `history`.
        codes: What each code of a reject means.
        thumbnails: By record id: uint8 [height, width] or [height, width, 3]; those of `shown_ids`.
    """
    pictures = {identity: _picture(pixels) for identity, pixels in thumbnails.items()}
    by_id = {record["id"]: record for record in records}
    cards = {
        identity: {"id": identity, "picture": picture, "words": _caption(by_id[identity]) if task else ""}
        for identity, picture in pictures.items()
        if identity in by_id
    }
    fields = evidence["fields"]
    return (
        environment()
        .get_template("ingest.html.j2")
        .render(
            task=task,
            evidence=evidence,
            history=history,
            findings=_findings(evidence, rejected),
            labels=_labels(evidence),
            is_exclusive=task is not None and task["type"] in {"multiclass", "ordinal"},
            lists=[(name, _bars(fields[name])) for name in _LISTS if fields[name]["distinct"]],
            names=NAMES,
            fields=fields,
            age=_age_chart(fields["age"]),
            rejected=_rejected(rejected, codes),
            num_rejected=len(rejected),
            doubles=[
                (title, words, _with_cards(entries, cards)) for title, words, entries in _doubles(evidence)
            ],
            odd=_odd(evidence, cards),
            fingerprint=evidence.get("fingerprint"),
            montage=[cards[identity] for identity in _montage_ids(records) if identity in cards],
        )
    )


def _montage_ids(records: Sequence[Record]) -> list[str]:
    """A sample by hash, in the order of class, then id; the same whatever the order of records."""

    def place(record: Record) -> str:
        return hashlib.sha256(record["id"].encode()).hexdigest()

    chosen = sorted(records, key=place)[:NUM_MONTAGE]
    return [record["id"] for record in sorted(chosen, key=lambda record: (_caption(record), record["id"]))]


def _caption(record: Record) -> str:
    positive = [name for name, value in record["labels"].items() if value == 1]
    return ", ".join(positive) or ("no label" if not record["labels"] else "none of the classes")


def _doubles(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    same, near = evidence.get("same_pixels"), evidence.get("near_duplicates")
    if same and same["sets"]:
        words = f"{count(same['sets'], 'set')} with {count(same['images'], 'image')}"
        yield "The same pixels", words, same["listed"][:NUM_PAIRS]
    if near and near["count"]:
        words = count(near["count"], "pair") + ("" if near["is_complete"] else " and more")
        yield "Nearly the same look", words, near["listed"][:NUM_PAIRS]


def _with_cards(
    entries: Sequence[Mapping[str, Any]], cards: Mapping[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Each double with a card for its first two records; without picture where there is no thumbnail."""
    return [
        {
            **entry,
            "cards": [
                cards.get(identity, {"id": identity, "picture": None, "words": ""})
                for identity in entry["ids"][:2]
            ],
            "more": entry.get("count", 2) - 2,
        }
        for entry in entries
    ]


def _odd(evidence: Mapping[str, Any], cards: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "flag": flag,
            "words": FLAGS.get(flag, ""),
            "count": entry["count"],
            "cards": [cards[identity] for identity in entry["ids"][:NUM_ODD] if identity in cards],
        }
        for flag, entry in evidence.get("quality", {}).items()
    ]


def _findings(evidence: Mapping[str, Any], rejected: Sequence[Any]) -> list[str]:
    """What a person should look into before training, most serious first."""
    lines = []
    for name, what in (("same_pixels", "have the same pixels"), ("near_duplicates", "look nearly alike")):
        found = evidence.get(name) or {}
        noun = "set of images" if name == "same_pixels" else "pair of images"
        for kind, words in (
            ("labels", "though their labels differ"),
            ("part", "though their official parts differ: what is tested was seen in training"),
            ("patient", "though their patients differ"),
            ("site", "though their sites differ"),
        ):
            if number := found.get("conflicts", {}).get(kind):
                plural = noun.replace("set", "sets").replace("pair", "pairs") if number > 1 else noun
                verb = what if number > 1 else what.replace("have", "has").replace("look ", "looks ")
                lines.append(f"{number:,} {plural} {verb}, {words}.")
    if number := evidence.get("quality", {}).get("burned-in", {}).get("count"):
        lines.append(f"{count(number, 'image')} may have burned-in text that names patients.")
    for flag in ("constant", "blank", "clipped", "few-values"):
        if number := evidence.get("quality", {}).get(flag, {}).get("count"):
            verb = "holds" if flag == "few-values" else "is"
            plural = "hold" if flag == "few-values" else "are"
            words = "at most four values: masks?" if flag == "few-values" else f"{flag}."
            lines.append(f"{count(number, 'image')} {verb if number == 1 else plural} {words}")
    for name, entry in evidence["fields"].items():
        if number := entry["impossible"]:
            lines.append(f"{count(number, 'value')} of {name} made no sense and {_was(number)} left out.")
    if rejected:
        lines.append(f"{count(len(rejected), 'input')} {_was(len(rejected))} rejected.")
    if not evidence["patients"] and not evidence["fields"]["group"]["distinct"]:
        lines.append("No patients are known: a split cannot keep the images of one person together.")
    return lines


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _labels(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    images = max(1, evidence["images"])
    return [
        {"name": name, **counts, "share": 100 * counts["yes"] / images}
        for name, counts in evidence["labels"].items()
    ]


def _bars(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Values of a field with their counts, what is missing last; `share` is of the longest bar."""
    rows = [{"name": name, "count": number} for name, number in entry["values"].items()]
    if rest := entry["distinct"] - len(rows):
        rows.append({"name": f"and {rest} more", "count": None})
    if entry["missing"]:
        rows.append({"name": "not known", "count": entry["missing"]})
    longest = max(row["count"] or 0 for row in rows)
    return [{**row, "share": 100 * (row["count"] or 0) / longest} for row in rows]


def _age_chart(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Decades from the youngest to the oldest, the empty ones among them."""
    decades = {int(start): number for start, number in entry["decades"].items()}
    if not decades:
        return []
    highest = max(decades.values())
    return [
        {
            "name": f"{start}–{start + 9}",
            "count": decades.get(start, 0),
            "share": 100 * decades.get(start, 0) / highest,
        }
        for start in range(min(decades), max(decades) + 10, 10)
    ]


def _rejected(rejected: Sequence[Mapping[str, Any]], codes: Mapping[str, str]) -> list[dict[str, Any]]:
    counts = Counter(entry["code"] for entry in rejected)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"code": code, "count": number, "words": codes.get(code, "")} for code, number in ordered]


def _picture(pixels: np.ndarray) -> str:
    """A thumbnail as an address that holds it; JPEG keeps a page of two hundred below a megabyte."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
