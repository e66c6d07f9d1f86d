"""Layout `chestxray14`: the chest films of the NIH with their list of findings.

in/
  Data_Entry_2017.csv        or Data_Entry_2017_v2020.csv, also gzipped
  images/00000001_000.png    at any depth
  train_val_list.txt         official parts, when there
  test_list.txt
  BBox_List_2017.csv         truth regions, when there
  four_findings_expert_labels_test_labels.csv     what a panel of readers agreed on

Reference: Wang et al., ChestX-ray8, CVPR 2017; the 14 findings are text-mined from reports.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from medcli.cohorts.layouts.cohort import Cohort, Entry, Folder, Refusal, Rows, make_task
from medcli.cohorts.layouts.columns import kept_cells, kept_columns
from medcli.cohorts.layouts.published import (
    absent,
    by_file_name,
    chosen_classes,
    column_of,
    find,
    find_all,
    one_of_each,
    rows_by_key,
    settle_unmatched,
)
from medcli.config import IngestConfig, Task
from medcli.errors import DataError

FINDINGS = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis"),
    *("Hernia", "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax"),
)
PANEL = "adjudicated"
PANEL_FINDINGS = ("Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass")
"""What three radiologists agreed on for some films (Majkowska et al., Radiology 2020); not the 14 labels."""

FRAME = (1024, 1024)  # boxes are in pixels of the published films, whatever size those at hand have
_TABLE = r"Data_Entry_2017[^/]*\.csv(\.gz)?"
_BOXES = r"BBox_List_2017[^/]*\.csv(\.gz)?"
_LISTS = {"train": r"train_val_list[^/]*\.txt", "test": r"test_list[^/]*\.txt"}
_ADJUDICATED = r"(google2019_nih-chest-xray-labels|four_findings_expert_labels)[^/]*\.csv(\.gz)?"
_SAID = {"YES": 1.0, "NO": 0.0}
_NONE = "No Finding"
_OLD_NAMES = {"Infiltrate": "Infiltration"}  # the list of boxes uses another word than the labels


def detect(folder: Folder) -> str:
    """What shows that this is the set; empty when nothing does."""
    return find(folder, _TABLE)


def read(folder: Folder, config: IngestConfig) -> Cohort:
    """A record a film: 14 findings, patient, age, sex, view; official parts, boxes and panel when there.

    A film whose findings are `No Finding` has 0 in all 14. `train_val` becomes train: `split --official`
    takes the validation part from it.

    Raises:
        DataError: If the table or one of its columns is not there.
    """
    table = folder.table(find(folder, _TABLE) or absent("Data_Entry_2017*.csv", layout="chestxray14"))
    classes = chosen_classes(config, FINDINGS)
    cohort = Cohort(make_task(Task.multilabel, classes, source="the layout"), [], columns=table.columns)
    columns, kept = _columns(table), kept_columns(table, config)
    facts: dict[str, dict[str, Any]] = {
        "part": _official_parts(folder),
        "boxes": _boxes(folder, classes),
        "readers": _adjudicated(folder),
    }
    rows = rows_by_key(table, columns["name"], cohort)
    files = one_of_each(by_file_name(folder, suffixes=(".png", ".jpg", ".jpeg", ".dcm")), cohort)
    for name, row in rows.items():
        paths = [name] if config.labels_only else files.get(name, [])
        labels = _labels(row[columns["findings"]], classes)
        if labels is None:
            cohort.refusals.append(Refusal(name, "table/bad-label", "a finding is none of the 14"))
            continue
        for path in paths:
            entry = _entry(path, row, columns, labels=labels, facts=facts, name=name)
            cohort.entries.append(replace(entry, kept=kept_cells(row, kept)))
    if not config.labels_only:
        settle_unmatched(cohort, rows, files, config)
    return cohort


def _columns(table: Rows) -> dict[str, int]:
    return {
        "name": column_of(table, "Image Index"),
        "findings": column_of(table, "Finding Labels"),
        "patient": column_of(table, "Patient ID"),
        "age": column_of(table, "Patient Age"),
        "sex": column_of(table, "Patient Gender", "Patient Sex"),
        "view": column_of(table, "View Position"),
    }


def _labels(findings: str, classes: list[str]) -> dict[str, int] | None:
    """1 and 0 for all classes; None where the cell is empty or names what is no finding of the set."""
    named = {_OLD_NAMES.get(name, name) for name in findings.split("|")}
    is_known = named == {_NONE} or named <= set(FINDINGS)
    return {name: int(name in named) for name in classes} if is_known else None


def _entry(
    path: str,
    row: list[str],
    columns: dict[str, int],
    *,
    labels: dict[str, int],
    facts: dict[str, dict[str, Any]],
    name: str,
) -> Entry:
    fields = {field: row[columns[field]] for field in ("age", "sex", "view")}
    if name in facts["part"]:
        fields["part"] = facts["part"][name]
    return Entry(
        path,
        labels,
        identities={"patient": row[columns["patient"]]},
        fields=fields,
        boxes=facts["boxes"].get(name, []),
        readers=facts["readers"].get(name, {}),
    )


def _official_parts(folder: Folder) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part, pattern in _LISTS.items():
        if name := find(folder, pattern):
            parts |= dict.fromkeys(folder.content(name).decode("ascii", "replace").split(), part)
    return parts


def _adjudicated(folder: Folder) -> dict[str, dict[str, dict[str, float]]]:
    """File name to what the panel of readers said of four findings, where its tables are there."""
    said: dict[str, dict[str, dict[str, float]]] = {}
    for name in find_all(folder, _ADJUDICATED):
        table = folder.table(name)
        image = column_of(table, "Image Index", "Image ID")
        columns = [(finding, column_of(table, finding)) for finding in PANEL_FINDINGS]
        for row in table.rows:
            if len(row) >= len(table.columns):
                known = {finding: row[column].upper() for finding, column in columns}
                said[row[image]] = {
                    PANEL: {finding: _SAID[cell] for finding, cell in known.items() if cell in _SAID}
                }
    return said


def _boxes(folder: Folder, classes: list[str]) -> dict[str, list[dict[str, Any]]]:
    """File name to boxes; the four numbers follow the two columns of names, whatever the header says."""
    name = find(folder, _BOXES)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in folder.table(name).rows if name else []:
        try:
            finding = _OLD_NAMES.get(row[1], row[1])
            left, top, width, height = (float(cell) for cell in row[2:6])
        except (ValueError, IndexError) as error:
            raise DataError("a row of the list of boxes does not hold two names and four numbers") from error
        if finding in classes:
            box = {"class": finding, "box": [left, top, left + width, top + height], "frame": list(FRAME)}
            found.setdefault(row[0], []).append(box)
    return found
