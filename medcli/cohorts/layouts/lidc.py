"""Layout `lidc`: chest CT of LIDC-IDRI with the nodules that up to four readers marked and rated.

in/
  LIDC-IDRI-0001/.../000001.dcm     DICOM series, at any depth
  tcia-lidc-xml/185/069.xml         reading messages, at any depth
  LIDC-IDRI_MetaData.csv            series to patient, when there

Reference: Armato et al., Medical Physics 2011.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from typing import Any

from medcli.cohorts.layouts.cohort import Cohort, Entry, Folder, Refusal, Series, make_task
from medcli.cohorts.layouts.lidc_xml import FILM, Mark, Message, cluster_marks, parse_message
from medcli.cohorts.layouts.published import absent, column_of, find
from medcli.config import IngestConfig, Task, Unmatched
from medcli.errors import DataError

CLASS = "malignant"
_METADATA = r"LIDC-IDRI_MetaData\.csv(\.gz)?"


def detect(folder: Folder) -> str:
    """What shows that this is the set; empty when nothing does."""
    messages = [name for name in folder.others if name.lower().endswith(".xml")]
    is_message = bool(messages) and b"ReadMessage" in folder.content(messages[0])[:4096]
    return f"{len(messages)} reading messages" if is_message else ""


def read(folder: Folder, config: IngestConfig) -> Cohort:
    """A record a nodule of 3 mm or more: what each reader rated, where it lies, and whether it is malignant.

    The label is 1 where the median malignancy is 4 or more, 0 where it is 2 or less, and -1 (uncertain)
    between. All ratings are kept by reader. Messages about chest films, smaller nodules and other marks are
    counted, not recorded.

    Raises:
        DataError: If there is no reading message.
    """
    names = [name for name in folder.others if name.lower().endswith(".xml")]
    if not names:
        absent("reading messages (.xml)", layout="lidc")
    cohort = Cohort(make_task(Task.binary, [CLASS], source="the layout"), [])
    series = {} if config.labels_only else {item.uid: (name, item) for name, item in folder.series().items()}
    patients = _patients(folder)
    counts: Counter[str] = Counter()
    uids: set[str] = set()
    for name in names:
        message = _message(folder, name, cohort)
        if message is None:
            continue
        counts[message.kind] += 1
        if message.kind == FILM:
            cohort.num_skipped += 1
            continue
        counts["small"] += message.num_small
        counts["others"] += message.num_others
        uids.add(message.series)
        found = series.get(message.series)
        if found is None and not config.labels_only:
            _settle_without_images(cohort, name, config)
            continue
        _add_nodules(cohort, name, message, found, patient=patients.get(message.series, ""), folder=folder)
    if not config.labels_only:
        _settle_unread(cohort, series, folder, read=uids, config=config)
    cohort.notes.append(
        f"not recorded: {counts[FILM]} messages about chest films, {counts['small']} marks of nodules below "
        f"3 mm, {counts['others']} marks of other things"
    )
    return cohort


def _message(folder: Folder, name: str, cohort: Cohort) -> Message | None:
    try:
        return parse_message(folder.content(name))
    except DataError as error:
        cohort.refusals.append(Refusal(name, "table/bad-xml", error.message))
        return None


def _settle_without_images(cohort: Cohort, name: str, config: IngestConfig) -> None:
    if config.unmatched is Unmatched.skip:
        cohort.num_skipped += 1
    else:
        cohort.refusals.append(Refusal(name, "table/no-file", "the series that it reads is not there"))


def _settle_unread(
    cohort: Cohort,
    series: Mapping[str, tuple[str, Series]],
    folder: Folder,
    *,
    read: set[str],
    config: IngestConfig,
) -> None:
    """Account for series without a message, and for images that are no series (chest films)."""
    unread = sorted(name for uid, (name, _) in series.items() if uid not in read)
    num_others = len(folder.inputs) - len(series)
    cohort.num_skipped += num_others
    if num_others:
        cohort.notes.append(f"{num_others} files that are no CT series are left out")
    if config.unmatched is Unmatched.skip:
        cohort.num_skipped += len(unread)
    else:
        reason = "no reading message is about the series"
        cohort.refusals += [Refusal(name, "table/no-row", reason) for name in unread]


def _patients(folder: Folder) -> dict[str, str]:
    """Series UID to patient, from the table of the collection."""
    name = find(folder, _METADATA)
    if not name:
        return {}
    table = folder.table(name)
    uid, patient = column_of(table, "Series UID"), column_of(table, "Patient Id", "Subject ID")
    return {row[uid]: row[patient] for row in table.rows if len(row) > max(uid, patient)}


def _add_nodules(
    cohort: Cohort,
    name: str,
    message: Message,
    found: tuple[str, Series] | None,
    *,
    patient: str,
    folder: Folder,
) -> None:
    slices = {uid: i for i, uid in enumerate(found[1].slice_uids)} if found else {}
    for number, marks in enumerate(cluster_marks(message.marks), 1):
        path = f"{name}#{number}"
        box = _box(marks, slices)
        if found and "slices" not in box:
            cohort.refusals.append(Refusal(path, "table/no-file", "the slices of the nodule are not there"))
            continue
        cohort.entries.append(
            Entry(
                path,
                {CLASS: malignancy_label(marks)},
                identities={"patient": patient} if patient else {},
                boxes=[box],
                readers={str(mark.reader): dict(mark.ratings) for mark in marks},
                source=folder.source(found[0]) if found else None,
            )
        )


def malignancy_label(marks: list[Mark]) -> int:
    """1 where the median of the readers' malignancy is at least 4, 0 where at most 2, else -1."""
    ratings = [mark.ratings["malignancy"] for mark in marks if "malignancy" in mark.ratings]
    if not ratings:
        return -1
    median = statistics.median(ratings)
    return 1 if median >= 4 else 0 if median <= 2 else -1


def _box(marks: list[Mark], slices: dict[str, int]) -> dict[str, Any]:
    """What encloses the outlines of all readers, with the range of slices when these are known."""
    sides = list(zip(*(mark.box for mark in marks), strict=True))
    box: dict[str, Any] = {
        "class": CLASS,
        "box": [min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])],
    }
    at = [slices[uid] for mark in marks for uid in mark.outlines if uid in slices]
    return {**box, "slices": [min(at), max(at)]} if at else box
