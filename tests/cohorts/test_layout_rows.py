"""Layouts of published sets: hand-worked folders, what is refused, and that no set is taken for another."""

from __future__ import annotations

import hashlib
import io
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from medcli.cohorts.layouts import LAYOUTS, Cohort, detect_layouts
from medcli.cohorts.layouts.chexpert import OBSERVATIONS
from medcli.cohorts.layouts.lidc import malignancy_label
from medcli.cohorts.layouts.lidc_xml import CT, FILM, Mark, cluster_marks, parse_message
from medcli.cohorts.layouts.medmnist_sets import SETS, Published
from medcli.config import IngestConfig, Layout, Task, Unmatched
from medcli.errors import DataError
from tests.cohorts.folder import MemoryFolder, Slices
from tests.realdata import real_data

NIH = """
Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,Size[W,H]
1_0.png,Mass|Infiltration,0,1,057Y,M,PA,2682,2749
1_1.png,No Finding,1,1,414,M,AP,2682,2749
2_0.png,Hernia,0,2,81,F,PA,2682,2749
"""
FILMS = ["images/1_0.png", "images/1_1.png", "images/2_0.png"]


def read(layout: Layout, folder: MemoryFolder, **options: Any) -> Cohort:
    return LAYOUTS[layout].read(folder, IngestConfig(**options))


def codes(cohort: Cohort) -> dict[str, str]:
    return {refusal.name: refusal.code for refusal in cohort.refusals}


# --- ChestX-ray14


def nih(text: str = NIH, **tables: str) -> MemoryFolder:
    return MemoryFolder(FILMS, {"Data_Entry_2017.csv": text, **tables})


def test_chestxray14_says_all_fourteen_findings_of_each_film() -> None:
    first, second, third = read(Layout.chestxray14, nih()).entries
    assert {name for name, state in first.labels.items() if state} == {"Mass", "Infiltration"}
    assert len(second.labels) == 14
    assert not any(second.labels.values())
    assert first.identities == second.identities != third.identities
    assert third.fields == {"age": "81", "sex": "F", "view": "PA"}


def test_chestxray14_with_the_newer_header_is_the_same() -> None:
    newer = NIH.replace("Patient Gender", "Patient Sex").replace("Size[W,H]", "Width,Height")
    assert read(Layout.chestxray14, nih(newer)).entries == read(Layout.chestxray14, nih()).entries


def test_chestxray14_boxes_and_official_parts() -> None:
    folder = nih(
        **{"BBox_List_2017.csv": "Image Index,Finding Label,Bbox [x,y,w,h]\n1_0.png,Infiltrate,10,20,30,40"}
    )
    folder.contents = {"train_val_list.txt": b"1_0.png\n1_1.png", "test_list.txt": b"2_0.png\n"}
    first, second, third = read(Layout.chestxray14, folder).entries
    assert first.boxes == [{"class": "Infiltration", "box": [10, 20, 40, 60], "frame": [1024, 1024]}]
    assert [entry.fields["part"] for entry in (first, second, third)] == ["train", "train", "test"]
    assert not second.boxes


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("1_0.png,Edema,0,1,57,M,PA,2682,2749", "table/duplicate-key"),
        ("3_0.png,Mass", "table/ragged-row"),
        (",Mass,0,1,57,M,PA,2682,2749", "table/no-key"),
        ("3_0.png,Cold,0,1,57,M,PA,2682,2749", "table/bad-label"),
        ("3_0.png,,0,1,57,M,PA,2682,2749", "table/bad-label"),
        ("3_0.png,No Finding|Mass,0,1,57,M,PA,2682,2749", "table/bad-label"),
        ("3_0.png,Mass,0,1,57,M,PA,2682,2749", "table/no-file"),
    ],
)
def test_chestxray14_refuses_rows_that_it_cannot_trust_once(row: str, code: str) -> None:
    cohort = read(Layout.chestxray14, nih(NIH + row))
    assert [refusal.code for refusal in cohort.refusals] == [code]
    assert len(cohort.entries) == (2 if code == "table/duplicate-key" else 3)


def test_chestxray14_leaves_out_what_does_not_match_when_asked() -> None:
    folder = MemoryFolder([*FILMS[1:], "stray.png"], {"Data_Entry_2017.csv": NIH})
    assert codes(read(Layout.chestxray14, folder)) == {
        "1_0.png": "table/no-file",
        "stray.png": "table/no-row",
    }
    skipped = read(Layout.chestxray14, folder, unmatched=Unmatched.skip)
    assert (skipped.num_skipped, skipped.refusals) == (2, [])


def test_a_damaged_list_of_boxes_is_refused() -> None:
    with pytest.raises(DataError, match="four numbers"):
        read(Layout.chestxray14, nih(**{"BBox_List_2017.csv": "a,b,c,d,e,f\n1_0.png,Mass,10,20,30,wide"}))


# --- CheXpert

HEADER = "Path,Sex,Age,Frontal/Lateral,AP/PA," + ",".join(OBSERVATIONS)
ROOT = "CheXpert-v1.0-small/"


def chexpert_row(path: str, **said: str) -> str:
    names = [name.replace(" ", "_") for name in OBSERVATIONS]
    return f"{path},Female,68,Frontal,AP," + ",".join(said.get(name, "") for name in names)


def chexpert(*rows: str) -> MemoryFolder:
    return MemoryFolder([], {"train.csv": "\n".join([HEADER, *rows])})


def test_chexpert_keeps_yes_no_uncertain_and_blank_apart() -> None:
    path = "train/patient00001/study2/view1_frontal.jpg"
    row = chexpert_row(ROOT + path, Edema="1.0", Fracture="0.0", Pneumonia="-1.0")
    (entry,) = read(Layout.chexpert, chexpert(row), labels_only=True).entries
    assert entry.labels == {"Edema": 1, "Fracture": 0, "Pneumonia": -1}
    assert entry.identities == {"patient": "patient00001", "group": "patient00001/study2"}
    assert entry.fields == {"sex": "Female", "age": "68", "view": "AP", "part": "train"}


def test_chexpert_lateral_films_say_so() -> None:
    row = chexpert_row(ROOT + "train/p1/s1/view2_lateral.jpg").replace("Frontal,AP", "Lateral,")
    (entry,) = read(Layout.chexpert, chexpert(row), labels_only=True).entries
    assert entry.fields["view"] == "LATERAL"


def test_chexpert_refuses_odd_rows() -> None:
    rows = [chexpert_row("film.jpg"), chexpert_row("train/p1/s1/a.jpg", Edema="2"), "train/p1/s1/b.jpg,Male"]
    cohort = read(Layout.chexpert, chexpert(*rows), labels_only=True)
    assert not cohort.entries
    assert sorted(codes(cohort).values()) == ["table/bad-label", "table/no-key", "table/ragged-row"]


def test_chexpert_test_studies_are_given_to_each_film_with_its_readers() -> None:
    truth = "Study," + ",".join(OBSERVATIONS) + "\nCheXpert-v1.0/test/p9/study1," + ",".join("1" * 14)
    reader = "Study,Edema,Fracture\nCheXpert-v1.0/test/p9/study1,1,0"
    films = [f"in/test/p9/study1/view{view}.jpg" for view in (1, 2)]
    folder = MemoryFolder(films, {"groundtruth.csv": truth, "radiologists/bc1.csv": reader})
    cohort = read(Layout.chexpert, folder)
    assert [entry.path for entry in cohort.entries] == films
    assert all(entry.readers == {"bc1": {"Edema": 1, "Fracture": 0}} for entry in cohort.entries)
    assert all(entry.fields["part"] == "test" for entry in cohort.entries)


# --- HAM10000

HAM = """
lesion_id,image_id,dx,dx_type,age,sex,localization,dataset
L1,ISIC_1,mel,histo,80.0,male,scalp,rosendahl
L1,ISIC_2,mel,histo,80.0,male,scalp,rosendahl
"""
ISIC = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n"


def test_ham10000_groups_by_lesion_and_says_what_the_truth_rests_on() -> None:
    folder = MemoryFolder(["p1/ISIC_1.jpg", "p2/ISIC_2.jpg"], {"HAM10000_metadata.csv": HAM})
    first, second = read(Layout.ham10000, folder).entries
    assert first.labels == {"mel": 1}
    assert first.identities == second.identities == {"group": "L1"}
    assert first.fields == {
        "site": "rosendahl",
        "age": "80.0",
        "sex": "male",
        "truth": "histopathology",
    }


@pytest.mark.parametrize(("cells", "is_kept"), [("0,1.0,0,0,0,0,0", True), ("1,1,0,0,0,0,0", False)])
def test_ham10000_test_images_have_one_class(cells: str, is_kept: bool) -> None:
    tables = {
        "HAM10000_metadata.csv": HAM,
        "ISIC2018_Task3_Test_GroundTruth.csv": f"{ISIC}ISIC_9,{cells}",
    }
    cohort = read(Layout.ham10000, MemoryFolder([], tables), labels_only=True)
    parts = {entry.path: entry.fields["part"] for entry in cohort.entries}
    assert parts == {"ISIC_1": "train", "ISIC_2": "train"} | ({"ISIC_9": "test"} if is_kept else {})
    assert codes(cohort) == ({} if is_kept else {"ISIC_9": "table/bad-label"})


# --- BraTS


def brats(case: str, *names: str) -> list[str]:
    return [f"{case}/{case.rpartition('/')[2]}{name}.nii.gz" for name in names]


@pytest.mark.parametrize(
    "names",
    [("_flair", "_seg", "_t1", "_t1ce", "_t2"), ("-seg", "-t1c", "-t1n", "-t2f", "-t2w")],
)
def test_brats_channels_are_in_one_order(names: tuple[str, ...]) -> None:
    (entry,) = read(Layout.brats, MemoryFolder(brats("HGG/C1", *names))).entries
    assert entry.source is not None
    channels = [channel["path"] for channel in entry.source["channels"]]
    order = ("_t1", "_t1ce", "_t2", "_flair") if "_t1" in names else ("-t1n", "-t1c", "-t2w", "-t2f")
    assert channels == brats("HGG/C1", *order)
    assert entry.mask.endswith("seg.nii.gz")
    assert entry.labels == {"HGG": 1}


def test_brats_takes_series_of_dicom_by_the_names_of_their_folders() -> None:
    names = ["1-T1post-7", "2-T1prereg-7", "3-FLAIRreg-7", "4-T2reg-7"]
    slices = {name: Slices(name, [f"{name}/0", f"{name}/1"], ["0", "1"]) for name in names}
    (entry,) = read(Layout.brats, MemoryFolder(names, slices=slices)).entries
    assert entry.source is not None
    order = [channel["series"][0][0] for channel in entry.source["channels"]]
    assert order == ["2", "1", "4", "3"]


def test_brats_refuses_a_case_that_lacks_a_sequence() -> None:
    files = brats("C1", "_t1", "_t2", "_flair") + brats("C2", "_t1", "_t1ce", "_t2", "_flair")
    cohort = read(Layout.brats, MemoryFolder(files))
    assert codes(cohort) == {"C1": "layout/incomplete"}
    assert [entry.path for entry in cohort.entries] == ["C2"]


def test_brats_grade_and_age_come_from_its_tables() -> None:
    tables = {
        "name_mapping.csv": "Grade,BraTS_2020_subject_ID\nLGG,C1\nHGG",
        "survival_info.csv": "Brats20ID,Age,Survival_days\nC1,60.5,289\nC2",
    }
    files = brats("C1", "_t1", "_t1ce", "_t2", "_flair")
    (entry,) = read(Layout.brats, MemoryFolder(files, tables), keep=("Survival_days",)).entries
    assert (entry.labels, entry.fields, entry.kept) == (
        {"HGG": 0},
        {"age": "60.5"},
        {"Survival_days": "289"},
    )


def test_brats_time_points_are_of_one_patient() -> None:
    names = ("BraTS-GLI-00002-000", "BraTS-GLI-00002-001", "BraTS-GLI-00003-000", "BraTS20_Training_001")
    files = [path for name in names for path in brats(name, "-t1n", "-t1c", "-t2w", "-t2f")]
    entries = read(Layout.brats, MemoryFolder(files)).entries
    patients = [entry.identities["patient"] for entry in entries]
    assert patients == ["BraTS-GLI-00002", "BraTS-GLI-00002", "BraTS-GLI-00003", "BraTS20_Training_001"]


def test_brats_sites_are_in_older_names_which_the_table_of_names_knows() -> None:
    names = ("Brats18_CBICA_AAB_1", "BraTS20_Training_001", "BraTS20_Training_002")
    files = [path for name in names for path in brats(name, "_t1", "_t1ce", "_t2", "_flair")]
    tables = {
        "name_mapping.csv": "Grade,BraTS_2019_subject_ID,BraTS_2020_subject_ID\n"
        "HGG,BraTS19_TCIA02_1_1,BraTS20_Training_001\nLGG,NA,BraTS20_Training_002"
    }
    sites = [entry.fields.get("site") for entry in read(Layout.brats, MemoryFolder(files, tables)).entries]
    assert sites == ["TCIA02", None, "CBICA"]


# --- LIDC-IDRI


def nodule(x: float, *, malignancy: int, slice_uid: str = "s1", height: float = 0.0) -> str:
    edges = "".join(
        f"<edgeMap><xCoord>{x + dx}</xCoord><yCoord>{50 + dy}</yCoord></edgeMap>"
        for dx, dy in ((0, 0), (8, 0), (8, 8), (0, 8))
    )
    return (
        f"<unblindedReadNodule><characteristics><malignancy>{malignancy}</malignancy></characteristics>"
        f"<roi><imageZposition>{height}</imageZposition><imageSOP_UID>{slice_uid}</imageSOP_UID>"
        f"<inclusion>TRUE</inclusion>{edges}</roi></unblindedReadNodule>"
    )


def message(*sessions: str, kind: str = CT, space: str = ' xmlns="http://www.nih.gov"') -> bytes:
    readings = "".join(f"<readingSession>{session}</readingSession>" for session in sessions)
    head = "<ResponseHeader><SeriesInstanceUid>u1</SeriesInstanceUid></ResponseHeader>"
    return f"<{kind}{space}>{head}{readings}</{kind}>".encode()


SMALL = "<unblindedReadNodule><roi><imageSOP_UID>s1</imageSOP_UID></roi></unblindedReadNodule>"


def test_lidc_nodules_of_several_readers_are_one_record() -> None:
    xml = message(
        nodule(10, malignancy=5),
        nodule(12, malignancy=4, slice_uid="s2", height=1) + SMALL,
        nodule(200, malignancy=1) + "<nonNodule/>",
    )
    cohort = read(Layout.lidc, MemoryFolder(contents={"1.xml": xml}), labels_only=True)
    near, far = cohort.entries
    assert near.readers == {"1": {"malignancy": 5}, "2": {"malignancy": 4}}
    assert (near.labels, far.labels) == ({"malignant": 1}, {"malignant": 0})
    assert "1 marks of nodules below 3 mm, 1 marks of other things" in cohort.notes[0]


def test_lidc_boxes_lie_on_the_slices_of_the_series() -> None:
    xml = message(nodule(10, malignancy=5, slice_uid="s2"), nodule(12, malignancy=5, slice_uid="s3"))
    slices = Slices("u1", ["ct/1", "ct/2", "ct/3"], ["s1", "s2", "s3"])
    (entry,) = read(Layout.lidc, MemoryFolder(["ct"], contents={"1.xml": xml}, slices={"ct": slices})).entries
    assert entry.boxes == [{"class": "malignant", "box": [10, 50, 21, 59], "slices": [1, 2]}]
    assert entry.source == {"series": slices.files}


def test_lidc_tells_chest_films_and_absent_series_apart() -> None:
    contents = {"film.xml": message(kind=FILM), "ct.xml": message(nodule(1, malignancy=3))}
    cohort = read(Layout.lidc, MemoryFolder(contents=contents))
    assert codes(cohort) == {"ct.xml": "table/no-file"}
    assert cohort.num_skipped == 1
    assert "1 messages about chest films" in cohort.notes[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<LidcReadMessage>",
        b"<other/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><LidcReadMessage/>',
        message(nodule(1, malignancy=3).replace(">3<", ">high<")),
        message(nodule(1, malignancy=3).replace("<xCoord>1</xCoord>", "<xCoord>left</xCoord>")),
    ],
)
def test_damaged_messages_are_refused(content: bytes) -> None:
    with pytest.raises(DataError):
        parse_message(content)


def mark(reader: int, x: float = 0, *, malignancy: int = 3) -> Mark:
    return Mark(reader, {"malignancy": malignancy}, {"s1": (x, 0, x + 10, 10)}, (0.0,))


@pytest.mark.parametrize(
    ("ratings", "label"),
    [((1, 2), 0), ((3,), -1), ((2, 3), -1), ((4, 5), 1), ((1, 2, 4, 5), -1), ((2, 2, 5), 0), ((3, 4, 4), 1)],
)
def test_malignancy_is_the_median_of_the_readers(ratings: tuple[int, ...], label: int) -> None:
    assert malignancy_label([mark(i, malignancy=rating) for i, rating in enumerate(ratings)]) == label


def test_clusters_hold_each_mark_once_and_each_reader_at_most_once() -> None:
    random = np.random.default_rng(0)
    marks = [
        mark(reader, float(x))
        for reader in (1, 2, 3, 4)
        for x in random.choice(np.arange(0, 90, 3), 5, False)
    ]
    clusters = cluster_marks(marks)
    assert sorted(id(m) for cluster in clusters for m in cluster) == sorted(map(id, marks))
    assert all(len({m.reader for m in cluster}) == len(cluster) for cluster in clusters)
    shuffled = cluster_marks([marks[i] for i in random.permutation(len(marks))])
    assert shuffled == clusters


# --- MedMNIST


def medmnist(monkeypatch: pytest.MonkeyPatch, *, is_official: bool) -> MemoryFolder:
    content = b"the bytes of an archive"
    digest = hashlib.md5(content if is_official else b"other", usedforsecurity=False).hexdigest()
    monkeypatch.setitem(SETS, "pathmnist", Published(Task.binary, ("benign", "malignant"), {28: digest}))
    arrays = {
        ("pathmnist.npz", f"{part}_labels"): np.array(labels, np.uint8)[:, None]
        for part, labels in {"train": [0, 1], "val": [1], "test": [0]}.items()
    }
    return MemoryFolder(["pathmnist.npz"], contents={"pathmnist.npz": content}, arrays=arrays)


def test_medmnist_keeps_the_official_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = read(Layout.medmnist, medmnist(monkeypatch, is_official=True)).entries
    assert [entry.fields["part"] for entry in entries] == ["train", "train", "val", "test"]
    assert [entry.labels["malignant"] for entry in entries] == [0, 1, 1, 0]
    assert entries[1].source == {"path": "pathmnist.npz", "member": "train_images", "index": 1}


def test_medmnist_refuses_a_file_that_is_not_the_official_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="MD5"):
        read(Layout.medmnist, medmnist(monkeypatch, is_official=False))


def test_medmnist_digests_are_distinct_and_classes_fit_their_tasks() -> None:
    digests = [digest for published in SETS.values() for digest in published.md5.values()]
    assert len(set(digests)) == len(digests) == 12 * 4 + 6 * 2
    assert all(len(digest) == 32 for digest in digests)
    assert all(
        (published.task is Task.binary) == (len(published.classes) == 2) for published in SETS.values()
    )


# --- which set it is

TREES = {
    Layout.chestxray14: nih(),
    Layout.chexpert: chexpert(chexpert_row("train/p/s/v.jpg")),
    Layout.ham10000: MemoryFolder(["a.jpg"], {"HAM10000_metadata.csv": HAM}),
    Layout.brats: MemoryFolder(brats("C1", "_t1", "_t1ce", "_t2", "_flair")),
    Layout.lidc: MemoryFolder(contents={"1.xml": message()}),
    Layout.medmnist: MemoryFolder(["pathmnist.npz"]),
    Layout.bids: MemoryFolder(["sub-1/anat/sub-1_T1w.nii.gz"], {"participants.tsv": "participant_id\nsub-1"}),
    Layout.files: MemoryFolder(["a/1.png"], {"train.csv": "path,label\na,b", "valid.csv": "a\nb"}),
}


@pytest.mark.parametrize("layout", TREES, ids=str)
def test_every_set_is_taken_for_itself_alone(layout: Layout) -> None:
    assert list(detect_layouts(TREES[layout])) == ([] if layout is Layout.files else [layout])


@pytest.mark.parametrize(
    "layout", [name for name in TREES if name not in {Layout.files, Layout.bids}], ids=str
)
def test_a_layout_refuses_a_folder_that_is_not_laid_out_so(layout: Layout) -> None:
    with pytest.raises(DataError, match=f"layout {layout} needs"):
        read(layout, MemoryFolder(["a/1.png"]))


# --- real sets


@pytest.mark.realdata
def test_reading_messages_hold_what_a_plain_count_finds() -> None:
    for path in sorted(real_data("lidc").glob("tcia-lidc-xml/**/*.xml")):
        content = path.read_bytes()
        names = [
            element.tag.rpartition("}")[2]
            for _, element in ElementTree.iterparse(io.BytesIO(content), events=["end"])
        ]
        found = parse_message(content)
        assert found.num_readers == names.count("readingSession")
        assert len(found.marks) == names.count("malignancy")
        assert len(found.marks) + found.num_small == names.count("unblindedReadNodule")
        assert found.num_others == names.count("nonNodule")
