"""Layout `ham10000`: dermatoscopic images of seven kinds of lesions, from several sites.

in/
  HAM10000_metadata.csv                   one row an image
  ISIC_0027419.jpg                        at any depth
  ISIC2018_Task3_Test_GroundTruth.csv     truth of the official test images

Reference: Tschandl et al., The HAM10000 dataset, Scientific Data 2018.
"""

from __future__ import annotations

from dataclasses import replace

from medcli.cohorts.layouts.cohort import Cohort, Entry, Folder, Refusal, make_task
from medcli.cohorts.layouts.columns import kept_cells, kept_columns
from medcli.cohorts.layouts.keys import stem
from medcli.cohorts.layouts.published import (
    absent,
    chosen_classes,
    column_of,
    find,
    one_of_each,
    rows_by_key,
    settle_unmatched,
)
from medcli.config import IngestConfig, Task

DIAGNOSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
TRUTHS = {
    "histo": "histopathology",
    "follow_up": "follow-up",
    "consensus": "expert consensus",
    "confocal": "confocal microscopy",
}
_TABLE = r"HAM10000_metadata(\.csv|\.tab)?(\.gz)?"
_ONE_HOT = {"1": 1, "1.0": 1, "0": 0, "0.0": 0}
_TEST = r"ISIC2018_Task3_Test_GroundTruth\.csv(\.gz)?"


def detect(folder: Folder) -> str:
    """What shows that this is the set; empty when nothing does."""
    return find(folder, _TABLE)


def read(folder: Folder, config: IngestConfig) -> Cohort:
    """A record an image: one of seven diagnoses, the lesion as group, its source as site.

    `dx_type` becomes `truth`, what the diagnosis rests on. Images of the official test have part test; those
    of HAM10000 then have part train. Patients are not known.

    Raises:
        DataError: If the table or one of its columns is not there.
    """
    table = folder.table(find(folder, _TABLE) or absent("HAM10000_metadata.csv", layout="ham10000"))
    classes = chosen_classes(config, DIAGNOSES)
    cohort = Cohort(make_task(Task.multiclass, classes, source="the layout"), [], columns=table.columns)
    kept = kept_columns(table, config)
    columns = {
        name: column_of(table, name)
        for name in ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "dataset")
    }
    test = _test_rows(folder, classes, cohort)
    rows = dict(test)
    for image, row in rows_by_key(table, columns["image_id"], cohort).items():
        cells = {name: row[column] for name, column in columns.items()}
        entry = _entry(cells, classes, has_test=bool(test), cohort=cohort)
        rows[image] = entry and replace(entry, kept=kept_cells(row, kept))
    files: dict[str, list[str]] = {}
    for path in folder.inputs:
        files.setdefault(stem(path), []).append(path)
    files = one_of_each(files, cohort)
    for name, entry in rows.items():
        for path in [name] if config.labels_only else files.get(name, []):
            if entry:
                cohort.entries.append(replace(entry, path=path))
    if not config.labels_only:
        settle_unmatched(cohort, rows, files, config)
    return cohort


def _entry(cells: dict[str, str], classes: list[str], *, has_test: bool, cohort: Cohort) -> Entry | None:
    if cells["dx"] not in classes:
        cohort.refusals.append(Refusal(cells["image_id"], "table/bad-label", "not a class of the task"))
        return None
    fields = {
        "site": cells["dataset"],
        "age": cells["age"],
        "sex": cells["sex"],
        "truth": TRUTHS.get(cells["dx_type"], cells["dx_type"]),
    }
    if has_test:
        fields["part"] = "train"
    return Entry(cells["image_id"], {cells["dx"]: 1}, {"group": cells["lesion_id"]}, fields)


def _test_rows(folder: Folder, classes: list[str], cohort: Cohort) -> dict[str, Entry | None]:
    """Image to entry, from one column a diagnosis that holds 1.0 for the true one."""
    name = find(folder, _TEST)
    if not name:
        return {}
    table = folder.table(name)
    image = column_of(table, "image")
    columns = {diagnosis: column_of(table, diagnosis.upper()) for diagnosis in DIAGNOSES}
    rows: dict[str, Entry | None] = {}
    for key, row in rows_by_key(table, image, cohort).items():
        states = {diagnosis: _ONE_HOT.get(row[column]) for diagnosis, column in columns.items()}
        true = [diagnosis for diagnosis, state in states.items() if state == 1]
        rows[key] = None
        if None in states.values() or len(true) != 1 or true[0] not in classes:
            cohort.refusals.append(Refusal(key, "table/bad-label", "not one class of the task"))
        else:
            rows[key] = Entry(key, {true[0]: 1}, {"group": key}, {"part": "test"})
    return rows
