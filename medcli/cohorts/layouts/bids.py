"""Layout `bids`: volumes in the Brain Imaging Data Structure, with the table of participants.

in/
  participants.tsv                  participant_id, age, sex, what else is known
  sub-01/anat/sub-01_T1w.nii.gz     also below ses-1/

Reference: Gorgolewski et al., The brain imaging data structure, Scientific Data 2016; BIDS 1.10.
"""

from __future__ import annotations

import re

from medcli.cohorts.layouts.cohort import Cohort, Entry, Folder, Refusal
from medcli.cohorts.layouts.columns import kept_cells, kept_columns
from medcli.cohorts.layouts.labels import read_labels
from medcli.cohorts.layouts.published import absent, column_of, find
from medcli.config import IngestConfig

_SUBJECT = re.compile(r"(^|/)(?P<subject>sub-[A-Za-z0-9]+)/")
_SUFFIX = re.compile(r"_(?P<suffix>[A-Za-z0-9]+)\.nii(\.gz)?$")
_FIELDS = ("age", "sex", "site")


def detect(folder: Folder) -> str:
    """What shows that this is the set; empty when nothing does."""
    name = find(folder, r"participants\.tsv")
    has_subjects = any(_SUBJECT.search(path) for path in folder.inputs)
    return name if name and has_subjects else ""


def read(folder: Folder, config: IngestConfig) -> Cohort:
    """A record a volume below `sub-*/`: the participant as patient, its row's age, sex, site and label.

    The label is the column that --label names (by default `label`, when there is one); the suffix, such as
    T1w, becomes the view. Derivatives are left out.

    Raises:
        DataError: If there is no table of participants.
        UsageError: If the column of --label is absent.
    """
    table = folder.table(find(folder, r"participants\.tsv") or absent("participants.tsv", layout="bids"))
    reader = read_labels(config, table)
    key = column_of(table, "participant_id")
    rows = {row[key]: row for row in table.rows if len(row) > key}
    columns = {name: table.columns.index(name) for name in _FIELDS if name in table.columns}
    kept = kept_columns(table, config)
    cohort = Cohort(reader.task, [], columns=table.columns)
    for path in folder.inputs:
        subject = _SUBJECT.search(path)
        suffix = _SUFFIX.search(path)
        if subject is None or suffix is None or path.startswith("derivatives/"):
            cohort.num_skipped += 1
            continue
        row = rows.get(subject["subject"])
        labels = reader.parse([row[column] for column in reader.columns]) if row else None
        if row is None:
            cohort.refusals.append(Refusal(path, "table/no-row", "the participant has no row"))
        elif labels is None:
            cohort.refusals.append(Refusal(path, "table/bad-label", "not a class of the task"))
        else:
            fields = {name: row[column] for name, column in columns.items() if row[column]}
            fields["view"] = suffix["suffix"]
            identities = {"patient": subject["subject"]}
            cohort.entries.append(Entry(path, labels, identities, fields, kept_cells(row, kept)))
    return cohort
