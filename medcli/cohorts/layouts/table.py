"""Layout `table`: a row of a table says what a file is; rows and files are matched by key, never by order.

labels.csv: path,patient,site,label:Edema,mask
            a/1.png,p1,north,1,masks/1.png
in/
  a/1.png
  masks/1.png         0 nothing, k the k-th class; of one class, whatever is not 0
"""

from __future__ import annotations

from dataclasses import dataclass

from medcli.cohorts.layouts.cohort import NOTHING, Cohort, Entry, Folder, Refusal, Rows
from medcli.cohorts.layouts.columns import find_column, kept_columns, optional_columns
from medcli.cohorts.layouts.keys import Matching, best_match, looks_like_uid, match_keys, normalize_key
from medcli.cohorts.layouts.labels import LabelReader, read_labels
from medcli.config import IngestConfig, Unmatched
from medcli.errors import DataError

IDENTITIES = ("patient", "group")
FIELDS = ("site", "device", "view", "age", "sex", "part")


@dataclass(frozen=True)
class _Columns:
    key: int
    labels: LabelReader
    identities: dict[str, int]
    fields: dict[str, int]
    kept: dict[str, int]
    mask: int | None

    def used(self) -> list[int]:
        mask = [] if self.mask is None else [self.mask]
        roles = (*self.identities.values(), *self.fields.values(), *self.kept.values())
        return [self.key, *self.labels.columns, *roles, *mask]


def read(folder: Folder, config: IngestConfig) -> Cohort:
    """Files with what their rows say; the order of rows does not matter.

    Rows that say the same of a file count once. Files that masks name are no inputs. A row without a file
    and a file without a row are refused, or left out with `--unmatched skip`.

    Raises:
        UsageError: If a declared column is absent or options contradict each other.
        DataError: If keys are ambiguous, or no row has a file.
    """
    table = folder.labels()
    assert table is not None, "the stage refuses this layout without --labels"
    columns = _find_columns(config, table)
    cohort = Cohort(columns.labels.task, [], columns=table.columns)
    rows = _group_rows(table, columns, cohort)
    if config.labels_only:
        table.rows.clear()  # they are in their groups, and there may be millions
        _admit_rows(cohort, rows, columns)
        return cohort
    masks = {
        normalize_key(row[columns.mask])
        for group in rows.values()
        for row in group
        if columns.mask is not None
    }
    files, matching = _match(folder, rows, masks)
    if rows and files and not matching.files:
        raise DataError(
            f"no row of the table has a file below the folder (column {config.key!r})",
            hint="--key names the column with paths, file names, or file names without extension",
        )
    cohort.notes.append(f"rows are matched to files by {matching.rule}")
    known = frozenset(folder.files)
    for key, group in rows.items():
        if key in matching.files:
            _admit(cohort, matching.files[key], group, columns=columns, files=known)
    _settle_unmatched(cohort, rows, matching, files, config.unmatched)
    _note_unused_classes(cohort)
    cohort.entries.sort(key=lambda entry: entry.path)
    cohort.refusals.sort(key=lambda refusal: (refusal.name, refusal.code))
    return cohort


def _match(folder: Folder, rows: dict[str, list[list[str]]], masks: set[str]) -> tuple[list[str], Matching]:
    """Inputs without masks, and which row is of which; slices by themselves where rows name those."""
    inputs = [path for path in folder.inputs if path not in masks]
    matching = match_keys(rows, inputs)
    if folder.series():
        files = [path for path in folder.files if path not in masks]
        by_file = match_keys(rows, files)
        if len(by_file.files) > len(matching.files):
            return files, by_file
    if not matching.files and any(looks_like_uid(key) for key in rows):
        return _match_uids(folder, rows, masks)
    return inputs, matching


def _match_uids(
    folder: Folder, rows: dict[str, list[list[str]]], masks: set[str]
) -> tuple[list[str], Matching]:
    """Inputs and rows that name them by Series or SOP Instance UID; the latter may be slices."""
    uids, series = folder.uids(), folder.series()
    inputs, files = ([path for path in paths if path not in masks] for paths in (folder.inputs, folder.files))
    of_series = {path: uid for path, (_, uid) in uids.items()} | {path: s.uid for path, s in series.items()}
    by_series = [(of_series[path], path) for path in inputs if path in of_series]
    by_image = [(uids[path][0], path) for path in files if path in uids]
    matching = best_match(rows, {"SOP Instance UID": by_image, "Series Instance UID": by_series})
    return (files if matching.rule == "SOP Instance UID" else inputs), matching


def _find_columns(config: IngestConfig, table: Rows) -> _Columns:
    return _Columns(
        key=find_column(table, config.key, option="--key"),
        labels=read_labels(config, table),
        identities=optional_columns(table, config, IDENTITIES),
        fields=optional_columns(table, config, FIELDS),
        kept=kept_columns(table, config),
        mask=optional_columns(table, config, ("mask",)).get("mask"),
    )


def _group_rows(table: Rows, columns: _Columns, cohort: Cohort) -> dict[str, list[list[str]]]:
    """Distinct rows of each key, by what the used columns say; rows that cannot be used are refused."""
    width = len(table.columns)
    used = columns.used()
    groups: dict[str, list[list[str]]] = {}
    refused: set[Refusal] = set()
    for row in table.rows:
        if len(row) < width or any(row[width:]):
            name = "\0".join(row)
            refused.add(Refusal(name, "table/ragged-row", f"a row of {len(row)} cells under {width} columns"))
        elif not row[columns.key]:
            refused.add(Refusal("\0".join(row), "table/no-key", "the row has no key"))
        else:
            group = groups.setdefault(normalize_key(row[columns.key]), [])
            if not any(all(row[column] == other[column] for column in used[1:]) for other in group):
                group.append(row)
    cohort.refusals.extend(refused)
    return groups


def _admit(
    cohort: Cohort, path: str, rows: list[list[str]], *, columns: _Columns, files: frozenset[str]
) -> None:
    """One file with its distinct rows: an entry when there is one row and it makes sense."""
    row = rows[0]
    labels = columns.labels.parse([row[column] for column in columns.labels.columns])
    mask = normalize_key(row[columns.mask]) if columns.mask is not None else ""
    if len(rows) > 1:
        reason = f"{len(rows)} rows say different things of the file"
        cohort.refusals.append(Refusal(path, "table/duplicate-key", reason))
    elif labels is None:
        reason = (
            "a label is not 1, 0, -1 or blank"
            if len(columns.labels.columns) > 1
            else "not a class of the task"
        )
        cohort.refusals.append(Refusal(path, "table/bad-label", reason))
    elif mask and mask not in files:
        cohort.refusals.append(Refusal(path, "table/bad-mask", "its mask is no file below the folder"))
    else:
        identities, fields, kept = (
            {name: row[column] for name, column in positions.items() if row[column]}
            for positions in (columns.identities, columns.fields, columns.kept)
        )
        cohort.entries.append(Entry(path, labels, identities, fields, kept or NOTHING, mask))


def _admit_rows(cohort: Cohort, rows: dict[str, list[list[str]]], columns: _Columns) -> None:
    """Every row, without looking for its file."""
    while rows:  # a large table is not there twice
        key, group = rows.popitem()
        mask = normalize_key(group[0][columns.mask]) if columns.mask is not None else ""
        _admit(cohort, key, group, columns=columns, files=frozenset({mask}))
    cohort.entries.sort(key=lambda entry: entry.path)
    cohort.refusals.sort(key=lambda refusal: (refusal.name, refusal.code))


def _settle_unmatched(
    cohort: Cohort,
    rows: dict[str, list[list[str]]],
    matching: Matching,
    files: list[str],
    unmatched: Unmatched,
) -> None:
    has_row = set(matching.files.values())
    lonely_rows = [key for key in rows if key not in matching.files]
    lonely_files = [path for path in files if path not in has_row]
    if unmatched is Unmatched.skip:
        cohort.num_skipped = len(lonely_rows) + len(lonely_files)
        if cohort.num_skipped:
            cohort.notes.append(
                f"skipped: {len(lonely_rows)} rows without a file, {len(lonely_files)} files without a row"
            )
        return
    cohort.refusals.extend(Refusal(key, "table/no-file", "the row has no file") for key in lonely_rows)
    cohort.refusals.extend(Refusal(path, "table/no-row", "the file has no row") for path in lonely_files)


def _note_unused_classes(cohort: Cohort) -> None:
    classes = cohort.task["classes"] if cohort.task else []
    seen = {name for entry in cohort.entries for name, state in entry.labels.items() if state == 1}
    if unused := [name for name in classes if name not in seen]:
        cohort.notes.append(f"no image is of class {', '.join(unused)}")
