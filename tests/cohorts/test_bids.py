"""Layout bids: participants and their volumes."""

from __future__ import annotations

import pytest

from medcli.cohorts.layouts import LAYOUTS, detect_layouts
from medcli.config import IngestConfig, Layout
from medcli.errors import DataError, UsageError
from tests.cohorts.folder import MemoryFolder

TABLE = """
    participant_id,age,sex,site,diagnosis
    sub-01,34,F,north,control
    sub-02,71,M,south,patient
"""
FILES = [
    "derivatives/sub-01/anat/sub-01_T1w.nii.gz",
    "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz",
    "sub-01/ses-2/anat/sub-01_ses-2_T2w.nii",
    "sub-02/anat/sub-02_T1w.nii.gz",
    "sub-03/anat/sub-03_T1w.nii.gz",
]


def test_participants_and_their_sessions() -> None:
    folder = MemoryFolder(FILES, tables={"participants.tsv": TABLE})
    cohort = LAYOUTS[Layout.bids].read(folder, IngestConfig(label=("diagnosis",)))
    assert cohort.task == {"type": "multiclass", "classes": ["control", "patient"]}
    assert [entry.path for entry in cohort.entries] == FILES[1:4]
    first, second, third = cohort.entries
    assert first.identities == second.identities == {"patient": "sub-01"}, "sessions stay together"
    assert first.fields == {"age": "34", "sex": "F", "site": "north", "view": "T1w"}
    assert (second.fields["view"], third.labels) == ("T2w", {"patient": 1})
    assert [(refusal.name, refusal.code) for refusal in cohort.refusals] == [(FILES[4], "table/no-row")]
    assert cohort.num_skipped == 1, "derivatives are no images of the scanner"


def test_it_is_detected_by_its_table_and_its_folders() -> None:
    tables = {"participants.tsv": TABLE}
    assert set(detect_layouts(MemoryFolder(FILES, tables=tables))) == {Layout.bids}
    assert detect_layouts(MemoryFolder(["a.nii"], tables=tables)) == {}
    assert detect_layouts(MemoryFolder(FILES)) == {}


def test_what_is_missing_is_said() -> None:
    with pytest.raises(DataError, match=r"participants\.tsv"):
        LAYOUTS[Layout.bids].read(MemoryFolder(FILES), IngestConfig())
    folder = MemoryFolder(FILES, tables={"participants.tsv": TABLE})
    with pytest.raises(UsageError, match="no column 'age-group'"):
        LAYOUTS[Layout.bids].read(folder, IngestConfig(label=("age-group",)))
