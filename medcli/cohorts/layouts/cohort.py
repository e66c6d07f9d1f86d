"""What every layout makes of files and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from medcli.config import Task
from medcli.errors import DataError, UsageError
from medcli.store.sources import Source

if TYPE_CHECKING:
    import numpy as np

MAX_CLASSES = 1000
MAX_CLASS_NAME = 256
NOTHING: Mapping[str, Any] = MappingProxyType({})
"""What most of millions of entries have in common, and no one can change."""


class Rows(Protocol):
    """A table as a layout sees it: names of columns, and cells as text."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""

    @property
    def rows(self) -> list[list[str]]:
        """Cells; rows may be ragged."""


class Series(Protocol):
    """One DICOM series that is a volume, as a layout sees it."""

    @property
    def uid(self) -> str:
        """(0020,000E) Series Instance UID."""

    @property
    def files(self) -> list[str]:
        """Its slices in the order of the volume."""

    @property
    def slice_uids(self) -> list[str]:
        """(0008,0018) SOP Instance UID of each slice."""


class Folder(Protocol):
    """What a layout may ask of the input folder; a layout reads nothing itself."""

    @property
    def inputs(self) -> list[str]:
        """What may be an image, sorted by bytes: files, and series of slices, each as one input.

        A series is called by its folder when that holds nothing else, else by its first file.
        """

    @property
    def files(self) -> list[str]:
        """What may be an image, every file by itself, also the slices of series; sorted by bytes."""

    @property
    def others(self) -> list[str]:
        """Files that are no inputs because of how they are called: tables, lists, XML; sorted by bytes."""

    def labels(self) -> Rows | None:
        """The table that was given with --labels."""

    def table(self, name: str) -> Rows:
        """One of `others` as a table; .csv, .tsv, also gzipped."""

    def content(self, name: str) -> bytes:
        """All bytes of one file, up to a limit."""

    def md5(self, name: str) -> str:
        """MD5 of one file, of any size."""

    def array(self, name: str, member: str) -> np.ndarray:
        """One array of an archive (NPZ)."""

    def source(self, name: str) -> Source:
        """Where the pixels of an input are."""

    def uids(self) -> Mapping[str, tuple[str, str]]:
        """SOP and Series Instance UID of every file that is DICOM; reads their headers."""

    def series(self) -> Mapping[str, Series]:
        """Inputs that are series, by name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of the cohort, with what a table or a folder says of it; nothing is hashed yet.

    Attributes:
        path: What it is called, and what its id is made from: mostly its path below the input folder.
        source: Where its pixels are, when that is not the input called `path`; None also without images.
        labels: Class to 1, 0 or -1; what is absent was not mentioned.
        identities: Raw values that are only ever hashed: patient, group.
        fields: Raw values of record fields: site, device, view, age, sex, part, truth.
        kept: Column to value, as asked for with --keep.
        mask: Path of the truth region relative to the input folder.
        boxes: Where findings are, as in a record: `{"class": ..., "box": [left, top, right, bottom]}`, and of
            volumes `"slices": [first, last]`.
        readers: What each reader said: reader to class to value.
    """

    path: str
    labels: dict[str, int] = field(default_factory=dict)
    identities: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    fields: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    kept: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    mask: str = ""
    source: Source | None = None
    boxes: list[dict[str, Any]] = field(default_factory=list)
    readers: Mapping[str, dict[str, float]] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True)
class Refusal:
    """An input that does not get in; `name` is its path or key, and is only ever hashed."""

    name: str
    code: str
    reason: str


@dataclass
class Cohort:
    """Entries and refusals, sorted by name; each input is in exactly one of the two.

    `columns` are those of the tables that --keep may name.
    """

    task: dict[str, Any] | None
    entries: list[Entry]
    refusals: list[Refusal] = field(default_factory=list)
    num_skipped: int = 0
    notes: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)


def make_task(task: Task, classes: list[str], *, source: str) -> dict[str, Any]:
    """The task as a manifest holds it.

    Args:
        task: Kind of classification.
        classes: In the order that scores will have. A binary task has one class, the positive one.
        source: Where the classes come from, for messages.

    Raises:
        UsageError: If a binary task does not name exactly one class.
        DataError: If exclusive classes are fewer than two.
    """
    doubled = sorted({name for name in classes if classes.count(name) > 1})
    if doubled:
        raise UsageError(f"class {doubled[0]!r} is named twice")
    too_long = [name for name in classes if len(name) > MAX_CLASS_NAME]
    if too_long or len(classes) > MAX_CLASSES:
        raise DataError(
            f"{source} gives {len(classes)} classes, names of up to {max(map(len, classes))} characters",
            hint="is it really a column of labels?",
        )
    if task is Task.binary and len(classes) != 1:
        raise UsageError(
            f"a binary task has one class, the positive one; {source} gives {len(classes)}",
            hint="name it with --classes; all other values then count as 0",
        )
    if task in {Task.multiclass, Task.ordinal} and len(classes) < 2:
        raise DataError(
            f"{source} gives {len(classes)} class{'es' * (len(classes) != 1)}, there must be at least 2",
            hint="give the full list with --classes",
        )
    return {"type": str(task), "classes": classes}


def choose_class(name: str, *, task: Task, classes: list[str]) -> dict[str, int] | None:
    """Labels of an image of one named class; None when the class is not one of the task's."""
    if task is Task.binary:
        return {classes[0]: int(name == classes[0])}
    return {name: 1} if name in classes else None
