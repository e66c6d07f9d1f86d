"""An input folder in memory, for tests of layouts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Rows:
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)


@dataclass
class Slices:
    uid: str
    files: list[str]
    slice_uids: list[str]


def table(text: str) -> Rows:
    lines = [line.strip().split(",") for line in text.strip().splitlines()]
    return Rows(lines[0], lines[1:])


@dataclass
class MemoryFolder:
    """What `cohorts.layouts.cohort.Folder` promises, from dictionaries."""

    inputs: list[str] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    arrays: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    slices: dict[str, Slices] = field(default_factory=dict)
    given: Rows | None = None
    named: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        sliced = [name for group in self.slices.values() for name in group.files]
        return sorted([name for name in self.inputs if name not in self.slices] + sliced)

    @property
    def others(self) -> list[str]:
        return sorted([*self.tables, *self.contents])

    def labels(self) -> Rows | None:
        return self.given

    def table(self, name: str) -> Rows:
        return table(self.tables[name])

    def content(self, name: str) -> bytes:
        return self.contents[name]

    def md5(self, name: str) -> str:
        return hashlib.md5(self.contents[name]).hexdigest()

    def array(self, name: str, member: str) -> np.ndarray:
        return self.arrays[name, member]

    def source(self, name: str) -> Any:
        return {"series": self.slices[name].files} if name in self.slices else {"path": name}

    def uids(self) -> dict[str, tuple[str, str]]:
        return self.named

    def series(self) -> dict[str, Slices]:
        return self.slices
