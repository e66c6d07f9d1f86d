"""Films and series that are in a set more than once, or without anything that is said of them."""

from __future__ import annotations

from medcli.cohorts.layouts import LAYOUTS
from medcli.config import IngestConfig, Layout, Unmatched
from tests.cohorts.folder import MemoryFolder, Slices

HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
FILMS = f"""{HEADER}
    00000001_000.png,Hernia,0,1,58,M,PA
    00000002_000.png,No Finding,0,2,60,F,AP"""
PANEL = """Image Index,Fracture,Pneumothorax,Airspace opacity,Nodule or mass,Set Id
    00000001_000.png,NO,YES,NO,,test
    00000009_000.png,NO,YES,NO,NO,test"""
MESSAGE = (
    b"<LidcReadMessage><ResponseHeader><SeriesInstanceUid>1.2</SeriesInstanceUid></ResponseHeader>"
    b"<readingSession/></LidcReadMessage>"
)


def test_a_film_in_two_sizes_is_one_record() -> None:
    files = ["full_size/00000001_000.png", "images/00000001_000.png", "images/00000002_000.png"]
    folder = MemoryFolder(files, tables={"Data_Entry_2017.csv": FILMS})
    cohort = LAYOUTS[Layout.chestxray14].read(folder, IngestConfig())
    assert [entry.path for entry in cohort.entries] == files[1:]
    assert cohort.num_skipped == 1
    assert any(note.endswith("more files: 1") for note in cohort.notes)


def test_what_a_panel_said_is_kept_beside_the_mined_labels() -> None:
    tables = {"Data_Entry_2017.csv": FILMS, "four_findings_expert_labels_test_labels.csv": PANEL}
    folder = MemoryFolder(["images/00000001_000.png", "images/00000002_000.png"], tables=tables)
    first, second = LAYOUTS[Layout.chestxray14].read(folder, IngestConfig()).entries
    assert first.readers == {"adjudicated": {"Fracture": 0, "Pneumothorax": 1, "Airspace opacity": 0}}
    assert first.labels["Pneumothorax"] == 0
    assert second.readers == {}


def test_series_without_a_message_are_accounted_for() -> None:
    slices = {"s": Slices("1.2", ["s/1.dcm"], ["1.2.0"]), "t": Slices("1.3", ["t/1.dcm"], ["1.3.0"])}
    folder = MemoryFolder(["film.dcm", "s", "t"], contents={"x/1.xml": MESSAGE}, slices=slices)
    cohort = LAYOUTS[Layout.lidc].read(folder, IngestConfig())
    assert [(refusal.name, refusal.code) for refusal in cohort.refusals] == [("t", "table/no-row")]
    assert cohort.num_skipped == 1
    skipping = LAYOUTS[Layout.lidc].read(folder, IngestConfig(unmatched=Unmatched.skip))
    assert skipping.refusals == []
    assert skipping.num_skipped == 2
