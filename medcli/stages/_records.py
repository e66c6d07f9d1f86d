"""Records and rejects of ingest, from entries and what their files hold; they tell nothing of a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from medcli.cohorts.deidentify import is_blank, keyed_hash, parse_age, parse_code, parse_sex
from medcli.cohorts.layouts import Entry, Refusal
from medcli.formats.codes import CODES
from medcli.stages._doubled import judge_records
from medcli.stages._examine import Findings

MAX_TEXT = 256
PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_OF_ROWS = {"table/no-key", "table/no-file", "table/ragged-row"}


@dataclass
class Records:
    """Records and rejects so far, each with its entry in the map of sources.

    Attributes:
        key: The secret of all hashes.
        keywords: DICOM keywords that --keep asks for.
    """

    key: bytes
    keywords: tuple[str, ...] = ()
    records: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    uids: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)

    def refuse(self, refusal: Refusal) -> None:
        """Add a reject; its name goes into the map of sources only."""
        assert refusal.code in CODES, refusal.code
        identity = keyed_hash(refusal.name, key=self.key, kind="path")
        self.rejected.append({"id": identity, "code": refusal.code, "reason": refusal.reason})
        self.sources[identity] = {"row" if refusal.code in _OF_ROWS else "path": refusal.name}

    def admit(self, entry: Entry, findings: Findings | None) -> None:
        """Add a record; `findings` is None where images are not looked at."""
        identity = keyed_hash(entry.path, key=self.key, kind="path")
        record: dict[str, Any] = {"id": identity, "labels": entry.labels}
        header = findings.header if findings else None
        if findings:
            record["sha256"] = findings.sha256
            record |= _of_pixels(findings)
            if findings.facts:
                self.facts[identity] = findings.facts
            if findings.header.uid and entry.source == {"path": entry.path}:
                self.uids.setdefault(findings.header.uid, {}).setdefault(entry.path, []).append(identity)
        self._identify(record, entry, (header and header.patient) or "")
        self._tell_fields(record, entry, header.fields if header else {})
        if entry.boxes:
            record["boxes"] = entry.boxes
        if entry.readers:
            record["readers"] = entry.readers
        if entry.mask:
            record["has_mask"] = True
            if findings and findings.mask_sha256:
                record["mask_sha256"] = findings.mask_sha256
        elements = header.elements if header else {}
        kept = {name: elements[name][:MAX_TEXT] for name in self.keywords if name in elements} | dict(
            entry.kept
        )
        if kept:
            record["kept"] = kept
        self.records.append(record)
        if findings:  # rows alone have no files to map
            source: dict[str, Any] = {**(entry.source or {"path": entry.path})}
            self.sources[identity] = {**source, "mask": entry.mask} if entry.mask else source

    def settle_doubled(self) -> None:
        """Refuse copies of DICOM objects, and all that contradict each other."""
        shared = {uid: files for uid, files in self.uids.items() if len(files) > 1}
        records = {record["id"]: record for record in self.records} if shared else {}
        refused = dict(judge_records(shared, records))
        self.records = [record for record in self.records if record["id"] not in refused]
        for identity, refusal in refused.items():
            self.facts.pop(identity, None)
            self.refuse(refusal)

    def _identify(self, record: dict[str, Any], entry: Entry, of_header: str) -> None:
        patient = entry.identities.get("patient", "")
        identities = {**entry.identities, "patient": of_header if is_blank(patient) else patient}
        for kind in ("patient", "group"):
            if not is_blank(value := identities.get(kind, "")):
                record[kind] = keyed_hash(value, key=self.key, kind=kind)

    def _tell_fields(self, record: dict[str, Any], entry: Entry, of_header: dict[str, Any]) -> None:
        told = {name: value for name, value in entry.fields.items() if not is_blank(value)}
        for name, value in sorted({**of_header, **told}.items()):
            if (parsed := parse_field(name, value)) is not None:
                record[name] = parsed
            elif not is_blank(value):
                self.dropped[name] += 1


def _of_pixels(findings: Findings) -> dict[str, Any]:
    """What a record says of the decoded pixels."""
    said: dict[str, Any] = {}
    if findings.pixels_sha256:
        said["pixels_sha256"] = findings.pixels_sha256
    if findings.spacing_mm:
        said["spacing_mm"] = list(findings.spacing_mm)
    flags = {*findings.header.flags, *(findings.facts or {}).get("flags", ())}
    if flags:
        said["quality"] = sorted(flags)
    return said


def parse_field(name: str, value: str) -> Any:
    """A raw value of a record field as the manifest holds it; None when it is not one."""
    if name == "age":
        return parse_age(value)
    if name == "sex":
        return parse_sex(value)
    if name in {"view", "modality"}:
        return parse_code(value)
    if name == "part":
        return PARTS.get(value.strip().lower())
    return value if value and len(value) <= MAX_TEXT else None
